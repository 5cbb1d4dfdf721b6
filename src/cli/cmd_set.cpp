#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/fleet_view.hpp"
#include "cli/json_object.hpp"
#include "cli/parameter_input.hpp"
#include "cli/state_folder.hpp"
#include "render/profile.hpp"

namespace firstring::cli {
namespace {

/// A scope and the model that its parameters must be known to; no model: any.
struct Target {
  store::Scope scope;
  const device::Model* model = nullptr;
};

Result<Target> find_target(store::FleetStore& fleet, const std::string& text) {
  FIRSTRING_TRY(auto scope, store::Scope::parse(text));
  Target target{std::move(scope), nullptr};
  switch (target.scope.kind) {
    case store::Scope::Kind::base:
      break;
    case store::Scope::Kind::model: {
      FIRSTRING_TRY(target.model, find_model(target.scope.name));
      target.scope.name = target.model->name;
      break;
    }
    case store::Scope::Kind::group: {
      FIRSTRING_CHECK(check_group(fleet, target.scope.name));
      break;
    }
    case store::Scope::Kind::device: {
      FIRSTRING_TRY(const auto mac, MacAddress::parse_bare(target.scope.name));
      FIRSTRING_TRY(const auto device, find_device(fleet, mac));
      FIRSTRING_TRY(target.model, find_model(device.model));
      break;
    }
  }
  return target;
}

Result<void> check_known(const Target& target, const std::string& parameter) {
  const auto& catalogue = device::Catalogue::shipped();
  if (target.model != nullptr ? catalogue.knows_parameter(*target.model, parameter)
                              : catalogue.knows_parameter(parameter))
    return {};
  return fail(Errc::invalid_input, fmt::format("{} knows no parameter '{}'{}; with --force it is set all the same",
                                               target.model != nullptr ? target.model->name : "no model", parameter,
                                               catalogue.suggest_parameter(parameter, target.model)));
}

std::string how_to_set_secret(const store::Scope& scope, std::string_view name) {
  return fmt::format(
      "put the value into a file of mode 0600, or on standard input with '-': "
      "firstring set {} {} --class secret --value-file FILE",
      scope.to_string(), name);
}

const store::Parameter* find(const std::vector<store::Parameter>& parameters, std::string_view name) {
  const auto found =
      std::find_if(parameters.begin(), parameters.end(), [&](const auto& parameter) { return parameter.name == name; });
  return found == parameters.end() ? nullptr : &*found;
}

Result<int> set(Context& context) {
  FIRSTRING_TRY(const auto fleet, open_fleet(context));
  FIRSTRING_TRY(const auto target, find_target(*fleet, context.text("SCOPE")));
  FIRSTRING_TRY(const auto existing, fleet->parameters(target.scope));
  const auto asked_class = store::parse_parameter_class(context.text("--class"));
  const auto asked_access = store::parse_user_access(context.text("--access"));
  const bool force = context.given("--force");

  const auto base_on = [&](const std::string& name) {
    store::Parameter parameter;
    if (const auto* before = find(existing, name)) {
      parameter.parameter_class = before->parameter_class;
      parameter.access = before->access;
    }
    parameter.name = name;
    if (asked_class) parameter.parameter_class = *asked_class;
    if (asked_access) parameter.access = asked_access;
    return parameter;
  };

  std::vector<store::Parameter> parameters;
  if (context.given("--value-file")) {
    const auto& names = context.all("NAME=VALUE");
    if (names.size() != 1 || names[0].find('=') != std::string::npos) {
      return context.refuse("with --value-file, give one NAME and no value");
    }
    if (auto named = render::check_parameter_name(names[0]); !named) return context.refuse(named.error().what);
    if (!force) FIRSTRING_CHECK(check_known(target, names[0]));
    auto parameter = base_on(names[0]);
    if (!asked_class && is_secret_by_nature(names[0])) parameter.parameter_class = store::ParameterClass::secret;
    FIRSTRING_TRY(const auto value, read_secret(context, "--value-file", fmt::format("{}: ", names[0])));
    if (auto checked = check_secret(value.reveal()); !checked) return fail(std::move(checked).error().while_(names[0]));
    if (parameter.parameter_class == store::ParameterClass::secret) {
      FIRSTRING_TRY(const auto box, open_secrets(context));
      parameter.sealed = box.seal(value, store::seal_context(target.scope, names[0]));
    } else {
      parameter.value = value.reveal();
    }
    parameters.push_back(std::move(parameter));
  } else {
    const auto assignments = parse_assignments(context.all("NAME=VALUE"));
    if (!assignments) {
      if (asked_class != store::ParameterClass::secret) return context.refuse(assignments.error().what);
      return context.refuse(fmt::format("a secret's value is read from a file, never from the command line; {}",
                                        how_to_set_secret(target.scope, "NAME")));
    }
    for (const auto& [name, value] : *assignments) {
      auto parameter = base_on(name);
      if (parameter.parameter_class == store::ParameterClass::secret) {
        return context.refuse(fmt::format("{} is a secret, and other users of this machine can read a command line; {}",
                                          name, how_to_set_secret(target.scope, name)));
      }
      if (is_secret_by_nature(name) && !force) {
        return context.refuse(
            fmt::format("{} is a password by its name, and would be {} here; {}; --force sets it all the same", name,
                        store::to_string(parameter.parameter_class), how_to_set_secret(target.scope, name)));
      }
      if (!force) FIRSTRING_CHECK(check_known(target, name));
      if (auto checked = render::check_value(value); !checked) return fail(std::move(checked).error().while_(name));
      parameter.value = value;
      parameters.push_back(std::move(parameter));
    }
  }
  FIRSTRING_CHECK(fleet->set_parameters(target.scope, parameters));
  for (const auto& parameter : parameters) {
    context.terminal().print(fmt::format("{} {} is set ({})\n", target.scope.to_string(), parameter.name,
                                         store::to_string(parameter.parameter_class)));
  }
  return 0;
}

Result<int> unset(Context& context) {
  FIRSTRING_TRY(const auto fleet, open_fleet(context));
  FIRSTRING_TRY(const auto target, find_target(*fleet, context.text("SCOPE")));
  const auto& names = context.all("NAME");
  FIRSTRING_TRY(const auto existing, fleet->parameters(target.scope));
  std::vector<std::string> known;
  for (const auto& parameter : existing) known.push_back(parameter.name);
  for (const auto& name : names) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return fail(Errc::not_found, fmt::format("{} is not set in {}{}; nothing is changed", visible(name, 60),
                                               target.scope.to_string(), did_you_mean(name, known)));
    }
  }
  FIRSTRING_CHECK(fleet->unset_parameters(target.scope, names));
  for (const auto& name : names)
    context.terminal().print(fmt::format("{} {} is unset\n", target.scope.to_string(), name));
  return 0;
}

Result<int> layers(Context& context) {
  FIRSTRING_TRY(const auto fleet, open_fleet(context));
  FIRSTRING_TRY(const auto device, find_device(*fleet, context.mac("MAC")));
  FIRSTRING_TRY(const auto view, load_view(context, *fleet));
  FIRSTRING_TRY(const auto sources, view->sources(device));
  Table table{{"PARAMETER", "VALUE", "FROM", "CLASS", "ACCESS", ""}};
  for (const auto& origin : render::explain(sources)) {
    const bool secret = origin.parameter_class == store::ParameterClass::secret;
    const auto access = origin.access ? store::to_string(*origin.access) : std::string_view{};
    if (context.json()) {
      JsonObject object;
      object.add("parameter", origin.parameter);
      if (secret) {
        object.add_null("value");
      } else {
        object.add("value", origin.value);
      }
      object.add("scope", origin.scope).add("class", store::to_string(origin.parameter_class)).add("access", access);
      context.terminal().print(object.add("overridden", origin.overridden).line());
    } else {
      table.add({{origin.parameter},
                 {secret ? "(secret)" : origin.value},
                 {origin.scope},
                 {std::string{store::to_string(origin.parameter_class)}},
                 {std::string{access}},
                 {origin.overridden ? "overridden" : "", Colour::yellow}});
    }
  }
  if (!context.json()) table.print(context.terminal());
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
           "Scopes lie over each other: base, model, group, device; the later wins. Anybody may read a public "
           "parameter; a tenant parameter goes to phones with a certificate of their maker; a secret only to the "
           "device itself, proven by its certificate. A value may hold {{mac}}, {{MAC}}, {{mac_colons}}, {{serial}}, "
           "{{model}}, {{psn}}, {{host}} and {{profile_url}}.",
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
       .summary = "Takes parameters away at one scope.",
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
