#include "render/profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>

#include "base/text.hpp"
#include "vendor/format.hpp"

namespace firstring::render {
namespace {

using store::ParameterClass;

constexpr std::string_view kLineNumber = "{n}";

std::string with_number(std::string text, unsigned number) {
  for (auto at = text.find(kLineNumber); at != std::string::npos; at = text.find(kLineNumber)) {
    text.replace(at, kLineNumber.size(), std::to_string(number));
  }
  return text;
}

/// A parameter as one layer or line sets it. Views into the sources.
struct Setting {
  std::string_view name;
  ParameterClass parameter_class = ParameterClass::public_;
  std::optional<store::UserAccess> access;
  const store::Scope* scope = nullptr;  ///< of its layer; nullptr for a line's
  unsigned line = 0;
  std::string_view value;  ///< not expanded; empty for a secret
  ByteView sealed;         ///< of a secret

  /// Origin::scope
  std::string scope_text() const { return scope != nullptr ? scope->to_string() : fmt::format("line {}", line); }
};

/// All settings of a document, sorted by name; those of one name in the order of precedence.
class Settings {
 public:
  explicit Settings(const Sources& sources) {
    const bool has_lines = sources.model != nullptr && sources.mac;
    std::size_t count = 0;
    for (const auto& layer : sources.layers) count += layer.parameters.size();
    if (has_lines) count += sources.lines.size() * kMostOfALine;
    sorted_.reserve(count);
    for (const auto& layer : sources.layers) {
      const bool is_shared =
          layer.scope.kind == store::Scope::Kind::base || layer.scope.kind == store::Scope::Kind::group;
      const bool may_be_foreign = is_shared && sources.foreign != nullptr && !sources.foreign->empty();
      for (const auto& parameter : layer.parameters) {
        if (may_be_foreign && sources.foreign->contains(parameter.name)) continue;
        const bool secret = parameter.parameter_class == ParameterClass::secret;
        sorted_.push_back({.name = parameter.name,
                           .parameter_class = parameter.parameter_class,
                           .access = parameter.access,
                           .scope = &layer.scope,
                           .value = secret ? std::string_view{} : parameter.value,
                           .sealed = parameter.sealed});
      }
    }
    if (has_lines) {
      for (const auto& line : sources.lines) add_line(sources.model->line, line);
    }
    std::stable_sort(sorted_.begin(), sorted_.end(),
                     [](const Setting& a, const Setting& b) { return a.name < b.name; });
  }

  std::span<const Setting> sorted() const { return sorted_; }

 private:
  static constexpr std::size_t kMostOfALine = 16;

  /// The account of a line in the parameters of its model. It tells whose tenant the phone is, so all of it is
  /// `tenant`, and the password `secret`.
  void add_line(const device::LineParameters& names, const store::Line& line) {
    const auto add = [&](const std::string& name, std::string_view value) {
      if (name.empty()) return;  // its phones have no such parameter
      sorted_.push_back({.name = texts_.emplace_back(with_number(name, line.number)),
                         .parameter_class = ParameterClass::tenant,
                         .access = {},
                         .line = line.number,
                         .value = value,
                         .sealed = {}});
    };
    const std::array<const std::string*, 3> transports{&names.udp, &names.tcp, &names.tls};
    for (const auto& [name, value] : names.always) add(name, value);
    add(names.user, line.user);
    add(names.auth_user, line.user);
    add(names.proxy, line.proxy);
    auto proxy = device::split_proxy(line.proxy, line.transport == store::Transport::tls);
    add(names.proxy_host, proxy.host);
    if (!names.proxy_port.empty()) add(names.proxy_port, texts_.emplace_back(std::move(proxy.port)));
    add(names.transport, *transports.at(static_cast<std::size_t>(line.transport)));
    if (!line.display.empty()) add(names.display, line.display);
    if (line.srtp) {
      for (const auto& [name, value] : names.srtp) add(name, value);
    }
    if (!line.sealed_password.empty()) {
      sorted_.push_back({.name = texts_.emplace_back(with_number(names.password, line.number)),
                         .parameter_class = ParameterClass::secret,
                         .access = {},
                         .line = line.number,
                         .value = {},
                         .sealed = line.sealed_password});
    }
  }

  std::vector<Setting> sorted_;
  std::deque<std::string> texts_;  // names and values of lines; a deque, since settings point into it
};

/// Where the values of `{{name}}` come from.
struct Context {
  const Variables& variables;
  const Sources* sources = nullptr;  ///< nullptr: there are no variables but these

  /// Whether only a document for a device, or for a model, has it, and this one is for none.
  bool lacks(std::string_view name) const {
    if (sources == nullptr) return false;
    return (!sources->mac && (name == "mac" || name == "MAC" || name == "mac_colons" || name == "serial")) ||
           (!sources->mac && name == "profile_url" && !variables.contains(name)) ||
           (sources->model == nullptr && (name == "model" || name == "psn"));
  }

  std::optional<std::string> find(std::string_view name) const {
    if (sources != nullptr && sources->mac) {
      if (name == "mac") return sources->mac->bare();
      if (name == "MAC") return sources->mac->bare_upper();
      if (name == "mac_colons") return sources->mac->colons();
      if (name == "serial") return std::string{sources->serial};
    }
    if (sources != nullptr && sources->model != nullptr) {
      if (name == "model") return sources->model->name;
      if (name == "psn") return sources->model->psn;
    }
    const auto known = variables.find(name);
    return known != variables.end() ? std::optional{known->second} : std::nullopt;
  }

  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& [name, value] : variables) names.push_back(name);
    for (const auto* name : {"mac", "MAC", "mac_colons", "serial", "model", "psn"}) {
      if (find(name) && !variables.contains(name)) names.emplace_back(name);
    }
    return names;
  }
};

/// The text with its variables replaced; nullopt if it needs one that this document does not have. Most texts have
/// none, and are given as they are; `room` holds the others.
Result<std::optional<std::string_view>> expand_in(std::string_view text, const Context& context, std::string& room) {
  constexpr std::string_view kOpen = "{{";
  constexpr std::string_view kClose = "}}";
  auto at = text.find(kOpen);
  if (at == std::string_view::npos) return text;
  room.clear();
  for (; at != std::string_view::npos; at = text.find(kOpen)) {
    room += text.substr(0, at);
    text.remove_prefix(at + kOpen.size());
    if (text.starts_with(kOpen)) {
      room += kOpen;
      text.remove_prefix(kOpen.size());
      continue;
    }
    const auto end = text.find(kClose);
    if (end == std::string_view::npos) {
      return fail(Errc::invalid_input, "a '{{' has no '}}' behind it; write {{{{ for two braces that mean themselves");
    }
    const auto name = text.substr(0, end);
    text.remove_prefix(end + kClose.size());
    if (context.lacks(name)) return std::nullopt;
    const auto known = context.find(name);
    if (!known) {
      return fail(Errc::invalid_input,
                  fmt::format("'{{{{{}}}}}' is not known{}", printable(name, 40), did_you_mean(name, context.names())));
    }
    room += *known;
  }
  room += text;
  return std::string_view{room};
}

/// The only place where a sealed value is opened: invariant 2 of ARCHITECTURE.md.
Result<Secret> open_secret(const Setting& setting, const Sources& sources, const policy::Audience& audience,
                           const crypto::SecretBox& box) {
  if (!audience.may_see(ParameterClass::secret)) return fail(Errc::denied, "the audience may see no secrets");
  return box.unseal(setting.sealed, setting.scope != nullptr ? store::seal_context(*setting.scope, setting.name)
                                                             : store::seal_context_line(*sources.mac, setting.line));
}

Result<void> append(std::string& document, const vendor::Format& format, const Setting& setting,
                    std::string_view text) {
  FIRSTRING_CHECK(check_parameter_name(setting.name));
  return format.append(document, setting.name, setting.access ? store::to_string(*setting.access) : std::string_view{},
                       text);
}

/// Appends the parameter, unless the document lacks a variable that its value needs.
Result<void> append_plain(std::string& document, const vendor::Format& format, const Setting& setting,
                          const Context& context, std::string& room) {
  FIRSTRING_TRY(const auto text, expand_in(setting.value, context, room));
  return text ? append(document, format, setting, *text) : Result<void>{};
}

Result<void> append_secret(std::string& document, const vendor::Format& format, const Setting& setting,
                           const Context& context, const policy::Audience& audience, const crypto::SecretBox& box) {
  FIRSTRING_TRY(const auto secret, open_secret(setting, *context.sources, audience, box));
  std::string room;
  const auto text = expand_in(secret.reveal(), context, room);
  auto done = !text   ? fail(Errc::invalid_input,  // its own error would show a part of the secret
                             "the secret holds a '{{' that begins no variable; write {{{{ for two braces that mean "
                               "themselves")
              : *text ? append(document, format, setting, **text)
                      : Result<void>{};
  explicit_bzero(room.data(), room.capacity());
  return done;
}

/// About how much the document will hold, so that it need not move while passwords are in it.
std::size_t size_of(std::span<const Setting> settings) {
  constexpr std::size_t kTags = 32;
  std::size_t size = 256;
  for (const auto& setting : settings)
    size += kTags + 2 * setting.name.size() + setting.value.size() + setting.sealed.size();
  return size;
}

}  // namespace

std::vector<Origin> origins(const Sources& sources) {
  const Context context{sources.variables, &sources};
  const Settings settings{sources};
  const auto all = settings.sorted();
  std::vector<Origin> found;
  std::string room;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& setting = all[i];
    const auto expanded = expand_in(setting.value, context, room);
    found.push_back({.parameter = std::string{setting.name},
                     .parameter_class = setting.parameter_class,
                     .access = setting.access,
                     .scope = setting.scope_text(),
                     .value = std::string{expanded && *expanded ? **expanded : setting.value},
                     .overridden = i + 1 < all.size() && all[i + 1].name == setting.name});
  }
  return found;
}

Result<std::string> render(const Sources& sources, const policy::Audience& audience, const crypto::SecretBox& box) {
  const Context context{sources.variables, &sources};
  const Settings settings{sources};
  const auto all = settings.sorted();
  const auto& form = sources.form != nullptr ? *sources.form : sources.model->document;
  std::string document;
  document.reserve(size_of(all));
  if (!form.first_line.empty()) document.append(form.first_line).append("\n");
  document += form.format->head;
  std::string room;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& setting = all[i];
    const bool overridden = i + 1 < all.size() && all[i + 1].name == setting.name;
    if (overridden || !audience.may_see(setting.parameter_class)) continue;
    auto done = setting.parameter_class == ParameterClass::secret
                    ? append_secret(document, *form.format, setting, context, audience, box)
                    : append_plain(document, *form.format, setting, context, room);
    if (!done) {
      return fail(std::move(done).error().while_(
          fmt::format("parameter {} of {}", printable(setting.name, 60), setting.scope_text())));
    }
  }
  document += form.format->tail;
  return document;
}

Result<std::string> expand(std::string_view text, const Variables& variables) {
  std::string room;
  FIRSTRING_TRY(const auto expanded, expand_in(text, {variables}, room));
  return std::string{*expanded};
}

Result<void> check_text(std::string_view text, const device::Model* model) {
  return (model != nullptr ? *model->document.format : vendor::kFlatProfile).check_text(text);
}

Result<void> check_value(std::string_view value, const device::Model* model) {
  // Any values will do, where only the names matter; the last three are provision::FleetView's.
  static const Variables known{{"mac", ""}, {"MAC", ""},  {"mac_colons", ""}, {"serial", ""},     {"model", ""},
                               {"psn", ""}, {"host", ""}, {"base_url", ""},   {"profile_url", ""}};
  FIRSTRING_CHECK(check_text(value, model));
  FIRSTRING_CHECK(expand(value, known));
  return {};
}

Result<void> check_parameter_name(std::string_view name) {
  const auto begins = [](char c) { return is_letter(c) || c == '_'; };
  const auto is_inner = [&](char c) { return begins(c) || is_digit(c) || c == '-' || c == '.'; };
  if (!name.empty() && begins(name.front()) && std::all_of(name.begin(), name.end(), is_inner)) return {};
  return fail(
      Errc::invalid_input,
      fmt::format(
          "'{}' cannot be the name of a parameter; it begins with a letter or '_' and goes on with letters, digits, "
          "'_', '-' and '.'",
          printable(name, 60)));
}

}  // namespace firstring::render
