#include "render/profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "render/xml_text.hpp"

namespace firstring::render {
namespace {

using store::ParameterClass;

constexpr std::string_view kLineNumber = "{n}";

/// A parameter as one layer or line sets it.
struct Setting {
  ParameterClass parameter_class = ParameterClass::public_;
  std::optional<store::UserAccess> access;
  std::string scope;  ///< Origin::scope
  std::string value;  ///< not expanded; empty for a secret
  ByteView sealed;    ///< of a secret
  std::string seal_context;
};

/// By name; those of one name in the order of precedence.
using Settings = std::map<std::string, std::vector<Setting>>;

std::string with_number(std::string text, unsigned number) {
  for (auto at = text.find(kLineNumber); at != std::string::npos; at = text.find(kLineNumber)) {
    text.replace(at, kLineNumber.size(), std::to_string(number));
  }
  return text;
}

/// The account of a line in the parameters of its model. It tells whose tenant the phone is, so all of it is `tenant`,
/// and the password `secret`.
void add_line(const device::LineParameters& names, const MacAddress& mac, const store::Line& line, Settings& settings) {
  const auto add = [&](const std::string& name, std::string value) {
    if (name.empty()) return;
    settings[with_number(name, line.number)].push_back({.parameter_class = ParameterClass::tenant,
                                                        .access = {},
                                                        .scope = fmt::format("line {}", line.number),
                                                        .value = std::move(value),
                                                        .sealed = {},
                                                        .seal_context = {}});
  };
  const std::array<const std::string*, 3> transports{&names.udp, &names.tcp, &names.tls};
  for (const auto& [name, value] : names.always) add(name, value);
  add(names.user, line.user);
  add(names.proxy, line.proxy);
  add(names.transport, *transports.at(static_cast<std::size_t>(line.transport)));
  if (!line.display.empty()) add(names.display, line.display);
  if (line.srtp) {
    for (const auto& [name, value] : names.srtp) add(name, value);
  }
  if (!line.sealed_password.empty()) {
    settings[with_number(names.password, line.number)].push_back(
        {.parameter_class = ParameterClass::secret,
         .access = {},
         .scope = fmt::format("line {}", line.number),
         .value = {},
         .sealed = line.sealed_password,
         .seal_context = store::seal_context_line(mac, line.number)});
  }
}

Settings collect(const Sources& sources) {
  Settings settings;
  for (const auto& layer : sources.layers) {
    for (const auto& parameter : layer.parameters) {
      const bool secret = parameter.parameter_class == ParameterClass::secret;
      settings[parameter.name].push_back(
          {.parameter_class = parameter.parameter_class,
           .access = parameter.access,
           .scope = layer.scope.to_string(),
           .value = secret ? std::string{} : parameter.value,
           .sealed = parameter.sealed,
           .seal_context = secret ? store::seal_context(layer.scope, parameter.name) : std::string{}});
    }
  }
  if (sources.model != nullptr && sources.mac) {
    for (const auto& line : sources.lines) add_line(sources.model->line, *sources.mac, line, settings);
  }
  return settings;
}

/// Those that have a value here, and those that only a document for a device or a model has.
struct Context {
  Variables variables;
  std::vector<std::string_view> absent;
};

Context context_of(const Sources& sources) {
  Context context{sources.variables, {}};
  auto& variables = context.variables;
  if (sources.mac) {
    variables.insert_or_assign("mac", sources.mac->bare());
    variables.insert_or_assign("MAC", sources.mac->bare_upper());
    variables.insert_or_assign("mac_colons", sources.mac->colons());
    variables.insert_or_assign("serial", std::string{sources.serial});
  } else {
    context.absent = {"mac", "MAC", "mac_colons", "serial"};
  }
  if (sources.model != nullptr) {
    variables.insert_or_assign("model", sources.model->name);
    variables.insert_or_assign("psn", sources.model->psn);
  } else {
    context.absent.insert(context.absent.end(), {"model", "psn"});
  }
  return context;
}

/// The text with its variables replaced; nullopt if it needs one that this document does not have.
Result<std::optional<std::string>> expand_in(std::string_view text, const Context& context) {
  constexpr std::string_view kOpen = "{{";
  constexpr std::string_view kClose = "}}";
  std::string result;
  for (;;) {
    const auto at = text.find(kOpen);
    result += text.substr(0, at);
    if (at == std::string_view::npos) return result;
    text.remove_prefix(at + kOpen.size());
    if (text.starts_with(kOpen)) {
      result += kOpen;
      text.remove_prefix(kOpen.size());
      continue;
    }
    const auto end = text.find(kClose);
    if (end == std::string_view::npos) {
      return fail(Errc::invalid_input, "a '{{' has no '}}' behind it; write {{{{ for two braces that mean themselves");
    }
    const auto name = text.substr(0, end);
    text.remove_prefix(end + kClose.size());
    if (std::find(context.absent.begin(), context.absent.end(), name) != context.absent.end()) return std::nullopt;
    const auto known = context.variables.find(name);
    if (known == context.variables.end()) {
      std::vector<std::string> names;
      for (const auto& [variable, value] : context.variables) names.push_back(variable);
      return fail(Errc::invalid_input,
                  fmt::format("'{{{{{}}}}}' is not known{}", printable(name, 40), did_you_mean(name, names)));
    }
    result += known->second;
  }
}

/// The only place where a sealed value is opened: invariant 2 of ARCHITECTURE.md.
Result<Secret> open_secret(const Setting& setting, const policy::Audience& audience, const crypto::SecretBox& box) {
  if (!audience.may_see(ParameterClass::secret)) return fail(Errc::denied, "the audience may see no secrets");
  return box.unseal(setting.sealed, setting.seal_context);
}

/// The text that is to stand in the document, before it is escaped.
Result<std::optional<std::string>> text_of(const Setting& setting, const Context& context,
                                           const policy::Audience& audience, const crypto::SecretBox& box) {
  if (setting.parameter_class != ParameterClass::secret) return expand_in(setting.value, context);
  FIRSTRING_TRY(const auto secret, open_secret(setting, audience, box));
  auto text = expand_in(secret.reveal(), context);
  // The error would show a part of it.
  if (!text)
    return fail(Errc::invalid_input,
                "the secret holds a '{{' that begins no variable; write {{{{ for two braces that mean themselves");
  return text;
}

Result<void> append(std::string& document, const std::string& name, const Setting& setting, std::string_view text) {
  FIRSTRING_CHECK(check_parameter_name(name));
  document += fmt::format("  <{}", name);
  if (setting.access) document += fmt::format(" ua=\"{}\"", store::to_string(*setting.access));
  document += '>';
  FIRSTRING_CHECK(append_escaped(document, text));
  document += fmt::format("</{}>\n", name);
  return {};
}

}  // namespace

std::vector<Origin> explain(const Sources& sources) {
  const auto context = context_of(sources);
  std::vector<Origin> origins;
  for (const auto& [name, settings] : collect(sources)) {
    for (const auto& setting : settings) {
      const auto expanded = expand_in(setting.value, context);
      origins.push_back({.parameter = name,
                         .parameter_class = setting.parameter_class,
                         .access = setting.access,
                         .scope = setting.scope,
                         .value = expanded && *expanded ? **expanded : setting.value,
                         .overridden = &setting != &settings.back()});
    }
  }
  return origins;
}

Result<std::string> render(const Sources& sources, const policy::Audience& audience, const crypto::SecretBox& box) {
  const auto context = context_of(sources);
  std::string document = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<flat-profile>\n";
  for (const auto& [name, settings] : collect(sources)) {
    const auto& setting = settings.back();
    if (!audience.may_see(setting.parameter_class)) continue;
    const auto text = text_of(setting, context, audience, box);
    auto done = text ? Result<void>{} : Result<void>{fail(text.error())};
    if (text && *text) done = append(document, name, setting, **text);
    if (!done)
      return fail(
          std::move(done).error().while_(fmt::format("parameter {} of {}", printable(name, 60), setting.scope)));
  }
  document += "</flat-profile>\n";
  return document;
}

Result<std::string> expand(std::string_view text, const Variables& variables) {
  FIRSTRING_TRY(auto expanded, expand_in(text, {variables, {}}));
  return *std::move(expanded);
}

Result<void> check_value(std::string_view value) {
  // Any values will do, where only the names matter; the last two are provision::FleetView's.
  static const Variables known{{"mac", ""},   {"MAC", ""}, {"mac_colons", ""}, {"serial", ""},
                               {"model", ""}, {"psn", ""}, {"host", ""},       {"profile_url", ""}};
  FIRSTRING_CHECK(check_text(value));
  FIRSTRING_CHECK(expand(value, known));
  return {};
}

}  // namespace firstring::render
