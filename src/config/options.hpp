#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/config.hpp"

// The tables that everything about firstring.toml is derived from: reading it, its faults, the reference and the
// example. Internal to this module.
namespace firstring::config {

// The kinds of key: what a key holds, and within which bounds. A default is not here: it is the member's initializer.

struct Whole {  ///< 4
  using Value = unsigned;
  unsigned min, max;
};
struct Size {  ///< "8KiB", or a whole number of bytes
  using Value = std::size_t;
  std::size_t min, max;
};
struct Duration {  ///< "20s"
  using Value = std::chrono::milliseconds;
  std::chrono::milliseconds min, max;
};
struct Flag {  ///< true
  using Value = bool;
};
struct DateOrNone {  ///< 2027-06-30, or the same in quotes; may be ""
  using Value = std::optional<std::chrono::sys_days>;
};
struct Text {  ///< any text without control characters
  using Value = std::string;
};
struct Host {  ///< a host name or an IP address
  using Value = std::string;
};
struct Name {  ///< what other places refer to: letters, digits, '.', '_', '-'
  using Value = std::string;
};
struct OneOf {
  using Value = std::string;
  std::span<const std::string_view> choices;
};
struct Kind {  ///< kListenerKinds
  using Value = ListenerKind;
};
struct Names {  ///< ["a", "b"]: at least one
  using Value = std::vector<std::string>;
};
struct AnyOf {  ///< ["a", "b"]: may be empty
  using Value = std::vector<std::string>;
  std::span<const std::string_view> choices;
};
struct Texts {  ///< ["a", "b"]: may be empty
  using Value = std::vector<std::string>;
};
struct Networks {  ///< ["192.0.2.0/24"]: may be empty
  using Value = std::vector<std::string>;
};
struct Addresses {  ///< ["0.0.0.0:443"]: may be empty
  using Value = std::vector<std::string>;
};
struct Numbers {  ///< [0x002f, 53], each of 16 bits: may be empty
  using Value = std::vector<unsigned>;
};
struct File {
  using Value = std::filesystem::path;
};
struct FileOrNone {  ///< may be ""
  using Value = std::filesystem::path;
};
struct Address {
  using Value = Endpoint;
};

/// In the order of ListenerKind.
constexpr std::string_view kListenerKinds[] = {"phone", "bootstrap"};

enum class Presence : unsigned char { optional, required };

/// A kind with the member that it fills.
template <class S, class K>
struct Field {
  K kind;
  typename K::Value S::* member;
};

/// One key of section S: a row of its table.
template <class S>
struct Option {
  template <class K>
  Option(std::string_view key, K kind, typename K::Value S::* member, Presence must_be_there, std::string_view line,
         std::string_view longer = {})
      : name(key), field(Field<S, K>{kind, member}), presence(must_be_there), help(line), more(longer) {}

  std::string_view name;
  std::variant<Field<S, Whole>, Field<S, Size>, Field<S, Duration>, Field<S, Flag>, Field<S, DateOrNone>,
               Field<S, Text>, Field<S, Host>, Field<S, Name>, Field<S, OneOf>, Field<S, Kind>, Field<S, Names>,
               Field<S, AnyOf>, Field<S, File>, Field<S, FileOrNone>, Field<S, Address>, Field<S, Texts>,
               Field<S, Networks>, Field<S, Addresses>, Field<S, Numbers>>
      field;
  Presence presence;
  std::string_view help;  ///< one line, a sentence
  std::string_view more;  ///< what an administrator may need besides; sentences, or empty
};

/// How often a section stands in the file: [server] once, [[listener]] any number of times.
enum class Times : unsigned char { once, many };

template <class S>
struct SectionTable {
  std::string_view name;
  Times times;
  std::string_view purpose;  ///< sentences: what the section is for
  S sample;                  ///< defaults, and for required keys something to show
  std::vector<Option<S>> options;
  std::string_view when_absent{};  ///< what holds for an optional key that is not there, where it is no default
};

const SectionTable<Server>& server_table();
const SectionTable<Listener>& listener_table();
const SectionTable<ServerChain>& server_chain_table();
const SectionTable<Personality>& personality_table();
const SectionTable<Rule>& rule_table();
const SectionTable<DeviceCa>& device_ca_table();
const SectionTable<Policy>& policy_table();
const SectionTable<Quarantine>& quarantine_table();
const SectionTable<Limits>& limits_table();
const SectionTable<Log>& log_table();

/// Calls visit(table, member of Config) for each section in the order of the file.
template <class ConfigType, class Visit>
void for_each_section(ConfigType& config, Visit&& visit) {
  visit(server_table(), config.server);
  visit(listener_table(), config.listeners);
  visit(server_chain_table(), config.server_chains);
  visit(personality_table(), config.personalities);
  visit(rule_table(), config.rules);
  visit(device_ca_table(), config.device_cas);
  visit(policy_table(), config.policy);
  visit(quarantine_table(), config.quarantine);
  visit(limits_table(), config.limits);
  visit(log_table(), config.log);
}

/// "[server]", "[[listener]]".
template <class S>
std::string head(const SectionTable<S>& table) {
  const std::string name{table.name};
  return table.times == Times::once ? "[" + name + "]" : "[[" + name + "]]";
}

/// What a key takes, for people: "a duration from 100ms to 2m".
std::string describe(const Whole& kind);
std::string describe(const Size& kind);
std::string describe(const Duration& kind);
std::string describe(const Flag& kind);
std::string describe(const DateOrNone& kind);
std::string describe(const Text& kind);
std::string describe(const Host& kind);
std::string describe(const Name& kind);
std::string describe(const OneOf& kind);
std::string describe(const Kind& kind);
std::string describe(const Names& kind);
std::string describe(const AnyOf& kind);
std::string describe(const Texts& kind);
std::string describe(const Networks& kind);
std::string describe(const Addresses& kind);
std::string describe(const Numbers& kind);
std::string describe(const File& kind);
std::string describe(const FileOrNone& kind);
std::string describe(const Address& kind);

/// A value as it is written in TOML. Sizes and durations in the shortest form that loses nothing.
std::string to_toml(unsigned value);
std::string to_toml(std::size_t value);
std::string to_toml(std::chrono::milliseconds value);
std::string to_toml(bool value);
std::string to_toml(std::optional<std::chrono::sys_days> value);
std::string to_toml(const std::string& value);
std::string to_toml(ListenerKind value);
std::string to_toml(const std::vector<std::string>& value);
std::string to_toml(const std::vector<unsigned>& value);  ///< in hexadecimal
std::string to_toml(const std::filesystem::path& value);
std::string to_toml(const Endpoint& value);

template <class S>
std::string describe(const Option<S>& option) {
  return std::visit([](const auto& field) { return describe(field.kind); }, option.field);
}

template <class S>
std::string to_toml(const Option<S>& option, const S& section) {
  return std::visit([&](const auto& field) { return to_toml(section.*field.member); }, option.field);
}

template <class S>
bool is_default(const Option<S>& option, const S& section) {
  static const S defaults{};
  return std::visit([&](const auto& field) { return section.*field.member == defaults.*field.member; }, option.field);
}

/// "8KiB", "1MiB", "900".
std::string format_size(std::size_t bytes);
/// Reads what format_size writes; fails on another unit and beyond the range of size_t.
Result<std::size_t> parse_size(std::string_view text);

}  // namespace firstring::config
