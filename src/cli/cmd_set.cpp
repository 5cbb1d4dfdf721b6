#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/parameter_input.hpp"
#include "cli/state_folder.hpp"
#include "manage/parameter_rules.hpp"
#include "manage/parameters.hpp"

namespace firstring::cli {
namespace {

/// The one parameter whose value is in a file. The file is read, or standard input asked, only when the name will do.
Result<int> take_from_file(const Context& context, const manage::Desk& desk, manage::ParameterChanges& changes) {
  const auto& names = context.all("NAME=VALUE");
  if (names.size() != 1 || names[0].find('=') != std::string::npos)
    return context.refuse("with --value-file, give one NAME and no value");
  if (const auto named = manage::check_parameter_names(names); !named) return context.refuse(named.error().what);
  changes.parameters.push_back({.name = names[0], .value = {}});
  FIRSTRING_CHECK(manage::plan_parameters(desk, changes));
  FIRSTRING_TRY(changes.parameters[0].value, read_secret(context, "--value-file", fmt::format("{}: ", names[0])));
  return 0;
}

/// Those whose values stand in the command line.
Result<int> take_from_line(const Context& context, manage::ParameterChanges& changes) {
  changes.exposure = manage::Exposure::exposed;
  auto assignments = parse_assignments(context.all("NAME=VALUE"));
  if (!assignments) {
    if (changes.parameter_class != store::ParameterClass::secret) return context.refuse(assignments.error().what);
    return context.refuse(fmt::format("a secret's value is read from a file, never from the command line; {}",
                                      manage::how_to_set_secret(changes.scope, "NAME")));
  }
  for (auto& [name, value] : *assignments) changes.parameters.push_back({name, Secret{std::move(value)}});
  return 0;
}

Result<int> set(Context& context) {
  FIRSTRING_TRY(const auto desk, open_desk(context));
  manage::ParameterChanges changes;
  FIRSTRING_TRY(changes.scope, manage::find_scope(desk, context.text("SCOPE")));
  changes.parameter_class = store::parse_parameter_class(context.text("--class"));
  changes.access = store::parse_user_access(context.text("--access"));
  if (context.given("--force")) changes.doubt = manage::Doubt::accept;
  FIRSTRING_TRY(const int status, context.given("--value-file") ? take_from_file(context, desk, changes)
                                                                : take_from_line(context, changes));
  if (status != 0) return status;
  const auto set = manage::set_parameters(desk, changes);
  // A secret in a command line is the command line's fault.
  if (!set && set.error().code == Errc::denied) return context.refuse(set.error().what);
  if (!set) return fail(set.error());
  for (const auto& parameter : set->value) {
    context.terminal().print(fmt::format("set {} {} ({})\n", changes.scope.to_string(), parameter.name,
                                         store::to_string(parameter.parameter_class)));
  }
  return 0;
}

Result<int> unset(Context& context) {
  FIRSTRING_TRY(const auto desk, open_desk(context));
  FIRSTRING_TRY(const auto scope, manage::find_scope(desk, context.text("SCOPE")));
  const auto& names = context.all("NAME");
  FIRSTRING_CHECK(manage::unset_parameters(desk, scope, names));
  for (const auto& name : names) context.terminal().print(fmt::format("unset {} {}\n", scope.to_string(), name));
  return 0;
}

Result<int> layers(Context& context) {
  FIRSTRING_TRY(const auto desk, open_desk(context));
  FIRSTRING_TRY(const auto layers, manage::show_layers(desk, context.mac("MAC")));
  context.warn(layers.warning);
  print_list(context, layers.origins, kToJson, {"PARAMETER", "VALUE", "FROM", "CLASS", "ACCESS", ""},
             [](const render::Origin& origin) -> std::vector<Cell> {
               return {{origin.parameter},
                       {origin.parameter_class == store::ParameterClass::secret ? "(secret)" : origin.value},
                       {origin.scope},
                       {std::string{store::to_string(origin.parameter_class)}},
                       {origin.access ? std::string{store::to_string(*origin.access)} : std::string{}},
                       {origin.overridden ? "overridden" : "", Colour::yellow}};
             });
  return 0;
}

}  // namespace

std::vector<Command> set_commands() {
  const Argument scope{.name = "SCOPE",
                       .value = {},
                       .help = "base, model:SPA504G, group:NAME, or a device's MAC address",
                       .presence = Presence::required};
  return {
      {.name = "set",
       .summary = "Sets parameters at one scope.",
       .description =
           "Scopes override each other in the order base, model, group, device; the later wins. Anybody may read a "
           "public "
           "parameter; a tenant parameter goes to phones with a certificate of their maker; a secret only to the "
           "device itself, proven by its certificate. A value may hold {{mac}}, {{MAC}}, {{mac_colons}}, {{serial}}, "
           "{{model}}, {{psn}}, {{host}}, {{base_url}} and {{profile_url}}.",
       .examples = {"firstring set base Resync_Periodic=3600 Syslog_Server=192.0.2.1",
                    "firstring set model:SPA504G Time_Zone=GMT+01:00 --access ro",
                    "firstring set base Admin_Passwd --class secret --value-file -"},
       .arguments = {scope,
                     {.name = "NAME=VALUE",
                      .value = {},
                      .help = "what to set; with --value-file the NAME alone",
                      .presence = Presence::required,
                      .count = Count::many},
                     {.name = "--class",
                      .value = "CLASS",
                      .help = "public, tenant or secret; else as it was, at first public",
                      .check = one_of({"public", "tenant", "secret"})},
                     {.name = "--access",
                      .value = "ACCESS",
                      .help = "what the phone's user may do with it: na, ro or rw; else as it was",
                      .check = one_of({"na", "ro", "rw"})},
                     {.name = "--value-file",
                      .value = "FILE",
                      .help = "the value's file, which only its owner may read; - is standard input"},
                     {.name = "--force",
                      .value = {},
                      .help = "take names that the model is not known to have, and passwords that are no secret"}},
       .run = set},
      {.name = "unset",
       .summary = "Unsets parameters at one scope.",
       .description = {},
       .examples = {"firstring unset base Syslog_Server"},
       .arguments = {scope,
                     {.name = "NAME",
                      .value = {},
                      .help = "the parameter",
                      .presence = Presence::required,
                      .count = Count::many}},
       .run = unset},
      {.name = "layers",
       .summary = "Shows where each value in a device's profile comes from.",
       .description = {},
       .examples = {"firstring layers 000e08abcdef"},
       .arguments = {mac_argument("the device"), json_flag()},
       .run = layers},
  };
}

}  // namespace firstring::cli
