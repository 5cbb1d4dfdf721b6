#include "manage/parameters.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "base/utf8.hpp"
#include "manage/lookup.hpp"
#include "manage/parameter_rules.hpp"
#include "manage/served_fleet.hpp"

namespace firstring::manage {
namespace {

/// The model that the scope's parameters must be known to; nullptr: any.
Result<const device::Model*> model_of(const Desk& desk, const store::Scope& scope) {
  switch (scope.kind) {
    case store::Scope::Kind::base:
    case store::Scope::Kind::group:
      return nullptr;
    case store::Scope::Kind::model:
      return find_model(scope.name);
    case store::Scope::Kind::device:
      break;
  }
  FIRSTRING_TRY(const auto mac, MacAddress::parse_bare(scope.name));
  FIRSTRING_TRY(const auto device, find_device(*desk.fleet, mac));
  return find_model(device.model);
}

Result<void> check_known(const device::Model* model, const std::string& parameter) {
  const auto& catalogue = device::Catalogue::shipped();
  if (model != nullptr ? catalogue.knows_parameter(*model, parameter) : catalogue.knows_parameter(parameter)) return {};
  return fail(Errc::not_found, fmt::format("{} has no parameter '{}'{}; --force sets it anyway",
                                           model != nullptr ? model->name : "no model", parameter,
                                           catalogue.suggest_parameter(parameter, model)));
}

/// Whether a value that others could have read may be that of the parameter.
Result<void> check_exposed(const ParameterChanges& changes, const store::Parameter& parameter) {
  if (parameter.parameter_class == store::ParameterClass::secret) {
    return fail(Errc::denied, fmt::format("{} is a secret, and other users of this machine can read a command line; {}",
                                          parameter.name, how_to_set_secret(changes.scope, parameter.name)));
  }
  if (is_secret_by_nature(parameter.name) && changes.doubt == Doubt::refuse) {
    return fail(
        Errc::denied,
        fmt::format("{} is a password by its name, and would be {} here; {}; --force sets it anyway", parameter.name,
                    store::to_string(parameter.parameter_class), how_to_set_secret(changes.scope, parameter.name)));
  }
  return {};
}

std::string layer_name(const store::Scope& scope) { return "the layer " + scope.to_string(); }

}  // namespace

std::string how_to_set_secret(const store::Scope& scope, std::string_view name) {
  return fmt::format(
      "put the value into a file of mode 0600, or on standard input with '-': "
      "firstring set {} {} --class secret --value-file FILE",
      scope.to_string(), name);
}

Result<store::Scope> find_scope(const Desk& desk, std::string_view text) {
  FIRSTRING_TRY(auto scope, store::Scope::parse(text));
  if (scope.kind == store::Scope::Kind::group) FIRSTRING_CHECK(check_group(*desk.fleet, scope.name));
  FIRSTRING_TRY(const auto* model, model_of(desk, scope));
  if (scope.kind == store::Scope::Kind::model) scope.name = model->name;
  return scope;
}

Result<std::vector<store::Parameter>> plan_parameters(const Desk& desk, const ParameterChanges& changes) {
  std::vector<std::string> names;
  for (const auto& change : changes.parameters) names.push_back(change.name);
  FIRSTRING_CHECK(check_parameter_names(names));
  FIRSTRING_TRY(const auto* model, model_of(desk, changes.scope));
  FIRSTRING_TRY(const auto existing, desk.fleet->parameters(changes.scope));
  FIRSTRING_CHECK(check_version(changes.seen, version_of(existing), layer_name(changes.scope)));

  std::vector<store::Parameter> planned;
  for (const auto& name : names) {
    store::Parameter parameter;
    const auto before =
        std::find_if(existing.begin(), existing.end(), [&](const auto& one) { return one.name == name; });
    if (before != existing.end()) {
      parameter.parameter_class = before->parameter_class;
      parameter.access = before->access;
    }
    parameter.name = name;
    if (changes.parameter_class) {
      parameter.parameter_class = *changes.parameter_class;
    } else if (changes.exposure == Exposure::kept && is_secret_by_nature(name)) {
      parameter.parameter_class = store::ParameterClass::secret;
    }
    if (changes.access) parameter.access = changes.access;
    if (changes.exposure == Exposure::exposed) FIRSTRING_CHECK(check_exposed(changes, parameter));
    if (changes.doubt == Doubt::refuse) FIRSTRING_CHECK(check_known(model, name));
    planned.push_back(std::move(parameter));
  }
  return planned;
}

Result<Changed<std::vector<store::Parameter>>> set_parameters(const Desk& desk, const ParameterChanges& changes) {
  FIRSTRING_TRY(auto parameters, plan_parameters(desk, changes));
  FIRSTRING_TRY(const auto* model, model_of(desk, changes.scope));
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    auto& parameter = parameters[i];
    const auto& value = changes.parameters[i].value;
    auto checked = changes.exposure == Exposure::kept ? check_secret(value.reveal(), model)
                                                      : render::check_value(value.reveal(), model);
    if (!checked) return fail(std::move(checked).error().while_(parameter.name));
    if (parameter.parameter_class == store::ParameterClass::secret) {
      FIRSTRING_TRY(const auto box, open_secrets(desk.dir));
      parameter.sealed = box.seal(value, store::seal_context(changes.scope, parameter.name));
    } else {
      parameter.value = value.reveal();
    }
  }
  FIRSTRING_TRY(auto change, commit(desk, "parameters.set", changes.scope.to_string(),
                                    [&](auto& fleet) { return fleet.set_parameters(changes.scope, parameters); }));
  return Changed<std::vector<store::Parameter>>{std::move(parameters), std::move(change)};
}

Result<Change> unset_parameters(const Desk& desk, const store::Scope& scope, const std::vector<std::string>& names,
                                const SeenVersion& seen) {
  FIRSTRING_TRY(const auto existing, desk.fleet->parameters(scope));
  FIRSTRING_CHECK(check_version(seen, version_of(existing), layer_name(scope)));
  std::vector<std::string> known;
  for (const auto& parameter : existing) known.push_back(parameter.name);
  for (const auto& name : names) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return fail(Errc::not_found, fmt::format("{} is not set in {}{}; nothing changed", visible(name, 60),
                                               scope.to_string(), did_you_mean(name, known)));
    }
  }
  return commit(desk, "parameters.unset", scope.to_string(),
                [&](auto& fleet) { return fleet.unset_parameters(scope, names); });
}

Result<Layers> show_layers(const Desk& desk, const MacAddress& mac) {
  FIRSTRING_TRY(const auto device, find_device(*desk.fleet, mac));
  FIRSTRING_TRY(const auto served, load_served_fleet(desk));
  FIRSTRING_TRY(const auto sources, served.view->sources(device));
  return Layers{.origins = render::origins(sources), .warning = served.warning};
}

Result<ProfilePreview> preview_profile(const Desk& desk, const MacAddress& mac, device::Assurance assurance) {
  FIRSTRING_TRY(const auto device, find_device(*desk.fleet, mac));
  FIRSTRING_TRY(const auto served, load_served_fleet(desk));
  FIRSTRING_TRY(const auto sources, served.view->sources(device));
  FIRSTRING_TRY(const auto box, open_secrets(desk.dir));
  FIRSTRING_TRY(auto document, render::render(sources, policy::Audience::operator_preview(assurance), box));
  return ProfilePreview{.document = std::move(document), .warning = served.warning};
}

}  // namespace firstring::manage
