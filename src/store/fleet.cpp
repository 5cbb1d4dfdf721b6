#include "store/fleet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <tuple>

#include "base/text.hpp"

namespace firstring::store {
namespace {

// Each in the order of its enumerators.
constexpr std::array<std::string_view, 3> kParameterClasses{"public", "tenant", "secret"};
constexpr std::array<std::string_view, 3> kUserAccesses{"na", "ro", "rw"};
constexpr std::array<std::string_view, 3> kTransports{"udp", "tcp", "tls"};
constexpr std::array<std::string_view, 2> kPardonKinds{"unpin", "amnesty"};

template <class Enum>
std::optional<Enum> parse_name(std::span<const std::string_view> names, std::string_view text) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == text) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

constexpr std::string_view kModelPrefix = "model:";
constexpr std::string_view kGroupPrefix = "group:";

}  // namespace

std::string_view to_string(ParameterClass value) { return kParameterClasses.at(static_cast<std::size_t>(value)); }
std::optional<ParameterClass> parse_parameter_class(std::string_view text) {
  return parse_name<ParameterClass>(kParameterClasses, text);
}

std::string_view to_string(UserAccess value) { return kUserAccesses.at(static_cast<std::size_t>(value)); }
std::optional<UserAccess> parse_user_access(std::string_view text) {
  return parse_name<UserAccess>(kUserAccesses, text);
}

std::string_view to_string(Transport value) { return kTransports.at(static_cast<std::size_t>(value)); }
std::optional<Transport> parse_transport(std::string_view text) { return parse_name<Transport>(kTransports, text); }

std::string_view to_string(Pardon::Kind value) { return kPardonKinds.at(static_cast<std::size_t>(value)); }
std::optional<Pardon::Kind> parse_pardon_kind(std::string_view text) {
  return parse_name<Pardon::Kind>(kPardonKinds, text);
}

Result<void> check_name(std::string_view kind, std::string_view name) {
  if (name.empty()) return fail(Errc::invalid_input, fmt::format("the name of a {} is missing", kind));
  if (name.size() > kMaxName || std::any_of(name.begin(), name.end(), is_control) || trim(name) != name) {
    return fail(Errc::invalid_input,
                fmt::format("'{}' is no name for a {}; write at most {} bytes without control characters, and no white "
                            "space at its ends",
                            printable(name, 40), kind, kMaxName));
  }
  return {};
}

Result<Scope> Scope::parse(std::string_view text) {
  if (text == "base") return base();
  if (text.starts_with(kModelPrefix)) {
    text.remove_prefix(kModelPrefix.size());
    FIRSTRING_CHECK(check_name("model", text));
    return Scope{Kind::model, std::string{text}};
  }
  if (text.starts_with(kGroupPrefix)) {
    text.remove_prefix(kGroupPrefix.size());
    FIRSTRING_CHECK(check_name("group", text));
    return Scope{Kind::group, std::string{text}};
  }
  if (const auto mac = MacAddress::parse(text)) return of_device(*mac);
  return fail(
      Errc::invalid_input,
      fmt::format("'{}' is no scope; write base, model:SPA504G, group:NAME or a MAC address", printable(text, 40)));
}

std::string Scope::to_string() const {
  switch (kind) {
    case Kind::base:
      return "base";
    case Kind::model:
      return std::string{kModelPrefix} + name;
    case Kind::group:
      return std::string{kGroupPrefix} + name;
    case Kind::device:
      break;
  }
  return name;
}

std::string seal_context(const Scope& scope, std::string_view name) {
  return fmt::format("parameter:{}:{}", scope.to_string(), name);
}

std::string seal_context_line(const MacAddress& mac, unsigned number) {
  return fmt::format("line:{}:{}", mac.bare(), number);
}

std::optional<DeviceRecord> compare_and_set(const RecordChange& change, const std::optional<DeviceRecord>& now) {
  const auto& [before, after] = change;
  // Nobody else was here. The clock may have been set back, so this does not ask which is later.
  if (now == before) return after;
  const auto decided_on = [](const DeviceRecord& record) {
    return std::tie(record.certificate, record.key, record.pinned_at, record.strongest_version, record.personality);
  };
  if (!now || !before || decided_on(*now) != decided_on(*before)) return std::nullopt;
  if (after.last_seen >= now->last_seen) return after;
  auto merged = after;
  merged.address = now->address;
  merged.last_seen = now->last_seen;
  merged.ja3 = now->ja3;
  merged.model = now->model;
  merged.firmware = now->firmware;
  return merged;
}

}  // namespace firstring::store
