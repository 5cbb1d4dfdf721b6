#include <fmt/format.h>
#include <sys/stat.h>
#include <toml++/toml.h>

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <variant>

#include "base/file.hpp"
#include "base/text.hpp"
#include "config/config.hpp"
#include "config/options.hpp"

namespace firstring::config {
namespace {

constexpr std::size_t kMaxFileBytes = 1U << 20;
// Each dot of a key (a.b.c) is a table within a table. toml++ 3.3 bounds how deep values nest (256), but not this, and
// descends by recursion: 25,000 levels fit into a stack of 8 MiB, 50,000 do not. With this many dots a line there are
// at most 12,900.
constexpr std::ptrdiff_t kMaxDotsInLine = 50;

/// Why a value cannot be taken: `what` follows the key's name ("is text, not a whole number"), `remedy` stands by
/// itself.
struct Refusal {
  std::string what;
  std::string remedy;  ///< empty: say what the key takes
};

/// The value read, or why not.
template <class T>
using Reading = std::variant<T, Refusal>;

Position position_of(const toml::source_position& at) {
  return {static_cast<unsigned>(at.line), static_cast<unsigned>(at.column)};
}

std::string_view type_of(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a section";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "text";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "true or false";
    case toml::node_type::none:
      return "nothing";
    default:
      return "a date or time";
  }
}

/// The text of a node, which holds no control character: one in a path or a name is damage, and would spoil what is
/// printed of it.
Reading<std::string> text_of(const toml::node& node, std::string_view wanted) {
  const auto* const text = node.as_string();
  if (text == nullptr) return Refusal{fmt::format("is {}, not {}", type_of(node), wanted), {}};
  const auto& value = text->get();
  if (value.find('\0') != std::string::npos) return Refusal{"holds a NUL character", "remove it"};
  if (std::any_of(value.begin(), value.end(), is_control)) {
    return Refusal{fmt::format("holds a control character: '{}'", printable(value)), "remove it"};
  }
  return value;
}

Reading<std::string> filled_text_of(const toml::node& node, std::string_view wanted) {
  auto text = text_of(node, wanted);
  if (const auto* const value = std::get_if<std::string>(&text); value != nullptr && value->empty())
    return Refusal{"is empty", {}};
  return text;
}

/// One of the words that a key takes, with a suggestion where it is another.
std::optional<Refusal> refuse_unless_in(std::span<const std::string_view> choices, const std::string& word) {
  if (std::find(choices.begin(), choices.end(), word) != choices.end()) return std::nullopt;
  const std::vector<std::string> candidates{choices.begin(), choices.end()};
  const auto meant = closest(word, candidates);
  return Refusal{fmt::format("does not take '{}'", printable(word)),
                 meant ? fmt::format("did you mean '{}'?", *meant) : ""};
}

Reading<unsigned> read(const Whole& kind, const toml::node& node) {
  const auto* const number = node.as_integer();
  if (number == nullptr) return Refusal{fmt::format("is {}, not a whole number", type_of(node)), {}};
  const auto value = number->get();
  if (value < std::int64_t{kind.min} || value > std::int64_t{kind.max}) {
    return Refusal{fmt::format("is {}, which is too {}", value, value < std::int64_t{kind.min} ? "small" : "large"),
                   {}};
  }
  return static_cast<unsigned>(value);
}

Reading<std::size_t> read(const Size& kind, const toml::node& node) {
  std::size_t value = 0;
  std::string written;
  if (const auto* const number = node.as_integer(); number != nullptr) {
    written = std::to_string(number->get());
    value = number->get() < 0 ? 0 : static_cast<std::size_t>(number->get());
  } else {
    auto text = text_of(node, "a size");
    if (auto* const refusal = std::get_if<Refusal>(&text)) return std::move(*refusal);
    written = std::get<std::string>(text);
    const auto size = parse_size(written);
    if (!size) return Refusal{fmt::format("is not a size: '{}'", printable(written)), {}};
    value = *size;
  }
  if (value < kind.min || value > kind.max) {
    return Refusal{fmt::format("is {}, which is too {}", written, value < kind.min ? "small" : "large"), {}};
  }
  return value;
}

Reading<std::chrono::milliseconds> read(const Duration& kind, const toml::node& node) {
  auto text = text_of(node, "a duration");
  if (auto* const refusal = std::get_if<Refusal>(&text)) return std::move(*refusal);
  const auto& written = std::get<std::string>(text);
  const auto value = parse_duration(written);
  if (!value) return Refusal{fmt::format("is not a duration: '{}'", printable(written)), {}};
  if (*value < kind.min || *value > kind.max) {
    return Refusal{fmt::format("is {}, which is too {}", written, *value < kind.min ? "short" : "long"), {}};
  }
  return *value;
}

Reading<bool> read(const Flag&, const toml::node& node) {
  const auto* const flag = node.as_boolean();
  if (flag == nullptr) return Refusal{fmt::format("is {}, not true or false", type_of(node)), {}};
  return flag->get();
}

Reading<std::optional<std::chrono::sys_days>> read(const DateOrNone&, const toml::node& node) {
  std::string written;
  if (const auto* const date = node.as_date(); date != nullptr) {
    const auto& day = date->get();
    written = fmt::format("{:04}-{:02}-{:02}", day.year, day.month, day.day);
  } else {
    auto text = text_of(node, "a date");
    if (auto* const refusal = std::get_if<Refusal>(&text)) return std::move(*refusal);
    written = std::get<std::string>(std::move(text));
    if (written.empty()) return std::optional<std::chrono::sys_days>{};
  }
  const auto time = parse_timestamp(written);
  if (!time || written.size() != std::string_view{"2027-06-30"}.size())
    return Refusal{fmt::format("is not a date: '{}'", printable(written)), "write 2027-06-30"};
  return std::optional{std::chrono::floor<std::chrono::days>(*time)};
}

Reading<std::string> read(const Text&, const toml::node& node) { return text_of(node, "text"); }

/// RFC 1123 2.1: labels of letters, digits and hyphens, without a hyphen at either end.
bool is_host_name(std::string_view text) {
  if (text.size() > 253) return false;
  const auto labels = split(text, '.');
  return std::all_of(labels.begin(), labels.end(), [](std::string_view label) {
    return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
           std::all_of(label.begin(), label.end(), [](char c) { return is_alphanumeric(c) || c == '-'; });
  });
}

Reading<std::string> read(const Host&, const toml::node& node) {
  auto text = filled_text_of(node, "a host name");
  if (const auto* const value = std::get_if<std::string>(&text);
      value != nullptr && !is_host_name(*value) && !IpAddress::parse(*value)) {
    return Refusal{fmt::format("is not a host name or an IP address: '{}'", printable(*value)),
                   "write the bare name in ASCII letters, without https:// and without a port"};
  }
  return text;
}

Reading<std::string> read(const Name&, const toml::node& node) {
  auto text = filled_text_of(node, "a name");
  if (const auto* const value = std::get_if<std::string>(&text); value != nullptr) {
    const bool plain = std::all_of(value->begin(), value->end(),
                                   [](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
    if (!plain || value->size() > 64)
      return Refusal{fmt::format("is not a plain name: '{}'", printable(*value, 80)), {}};
  }
  return text;
}

Reading<std::string> read(const OneOf& kind, const toml::node& node) {
  auto text = text_of(node, "text");
  if (const auto* const value = std::get_if<std::string>(&text); value != nullptr) {
    if (auto refusal = refuse_unless_in(kind.choices, *value)) return std::move(*refusal);
  }
  return text;
}

Reading<ListenerKind> read(const Kind&, const toml::node& node) {
  auto text = read(OneOf{kListenerKinds}, node);
  if (auto* const refusal = std::get_if<Refusal>(&text)) return std::move(*refusal);
  const auto* const found =
      std::find(std::begin(kListenerKinds), std::end(kListenerKinds), std::get<std::string>(text));
  return static_cast<ListenerKind>(found - std::begin(kListenerKinds));
}

/// A list of texts, each read by `read_item`, none of them twice.
template <class ReadItem>
Reading<std::vector<std::string>> read_list(const toml::node& node, const ReadItem& read_item) {
  const auto* const array = node.as_array();
  if (array == nullptr) return Refusal{fmt::format("is {}, not a list", type_of(node)), {}};
  std::vector<std::string> values;
  for (const auto& item : *array) {
    auto text = read_item(item);
    if (auto* const refusal = std::get_if<Refusal>(&text)) {
      return Refusal{refusal->what.starts_with("does not") ? refusal->what : "has an entry that " + refusal->what,
                     refusal->remedy};
    }
    auto& value = std::get<std::string>(text);
    if (std::find(values.begin(), values.end(), value) != values.end()) {
      return Refusal{fmt::format("names '{}' twice", value), "leave one of them out"};
    }
    values.push_back(std::move(value));
  }
  return values;
}

Reading<std::vector<std::string>> read(const Names&, const toml::node& node) {
  auto values = read_list(node, [](const toml::node& item) { return read(Name{}, item); });
  if (const auto* const list = std::get_if<std::vector<std::string>>(&values); list != nullptr && list->empty()) {
    return Refusal{"is an empty list", {}};
  }
  return values;
}

Reading<std::vector<std::string>> read(const AnyOf& kind, const toml::node& node) {
  return read_list(node, [&](const toml::node& item) { return read(OneOf{kind.choices}, item); });
}

Reading<std::vector<std::string>> read(const Texts&, const toml::node& node) {
  return read_list(node, [](const toml::node& item) { return filled_text_of(item, "text"); });
}

Reading<std::vector<std::string>> read(const Networks&, const toml::node& node) {
  return read_list(node, [](const toml::node& item) -> Reading<std::string> {
    auto text = filled_text_of(item, "a network");
    if (const auto* const value = std::get_if<std::string>(&text); value != nullptr && !Prefix::parse(*value)) {
      return Refusal{fmt::format("is not a network: '{}'", printable(*value)), "write 192.0.2.0/24 or 2001:db8::/32"};
    }
    return text;
  });
}

Reading<Endpoint> read(const Address&, const toml::node& node) {
  auto text = filled_text_of(node, "an address and port");
  if (auto* const refusal = std::get_if<Refusal>(&text)) return std::move(*refusal);
  const auto& written = std::get<std::string>(text);
  const auto endpoint = Endpoint::parse(written);
  if (!endpoint)
    return Refusal{fmt::format("is not an IP address with a port: '{}'", printable(written)),
                   "write 192.0.2.1:443 or [::]:443"};
  return *endpoint;
}

/// In the one spelling that listeners' addresses are compared in.
Reading<std::vector<std::string>> read(const Addresses&, const toml::node& node) {
  return read_list(node, [](const toml::node& item) -> Reading<std::string> {
    auto endpoint = read(Address{}, item);
    if (auto* const refusal = std::get_if<Refusal>(&endpoint)) return std::move(*refusal);
    return std::get<Endpoint>(endpoint).to_string();
  });
}

Reading<std::vector<unsigned>> read(const Numbers&, const toml::node& node) {
  const auto* const array = node.as_array();
  if (array == nullptr) return Refusal{fmt::format("is {}, not a list", type_of(node)), {}};
  std::vector<unsigned> values;
  for (const auto& item : *array) {
    const auto value = read(Whole{0, 0xffff}, item);
    if (const auto* const refusal = std::get_if<Refusal>(&value))
      return Refusal{"has an entry that " + refusal->what, refusal->remedy};
    values.push_back(std::get<unsigned>(value));
  }
  return values;
}

Reading<std::filesystem::path> path_from(Reading<std::string> text) {
  if (auto* const refusal = std::get_if<Refusal>(&text)) return std::move(*refusal);
  return std::filesystem::path{std::get<std::string>(std::move(text))};
}

Reading<std::filesystem::path> read(const File&, const toml::node& node) {
  return path_from(filled_text_of(node, "a path"));
}

Reading<std::filesystem::path> read(const FileOrNone&, const toml::node& node) {
  return path_from(text_of(node, "a path"));
}

/// Fills a Config from a TOML table and gathers what is wrong with it.
class Loader {
 public:
  explicit Loader(Loaded& loaded) : loaded_(loaded) {}

  void error(Position position, std::string what, std::string remedy) {
    add(Severity::error, position, std::move(what), std::move(remedy));
  }
  void warning(Position position, std::string what, std::string remedy) {
    add(Severity::warning, position, std::move(what), std::move(remedy));
  }

  void read_all(const toml::table& root) {
    std::vector<std::string> sections;
    for_each_section(loaded_.config, [&](const auto& table, auto& target) {
      sections.emplace_back(table.name);
      if (const auto found = root.find(table.name); found != root.end())
        read_section(table, found->first, found->second, target);
    });
    for (const auto& [key, node] : root) {
      if (std::find(sections.begin(), sections.end(), key.str()) == sections.end()) unknown_at_top(key, node, sections);
    }
  }

  /// Orders what was found by its place in the file, for people who go through it from the top.
  void finish() {
    const auto order = [](const Diagnostic& found) {
      return std::tuple<unsigned, unsigned, std::string_view>{found.position.line, found.position.column, found.what};
    };
    std::sort(loaded_.diagnostics.begin(), loaded_.diagnostics.end(),
              [&](const Diagnostic& a, const Diagnostic& b) { return order(a) < order(b); });
  }

 private:
  void add(Severity severity, Position position, std::string what, std::string remedy) {
    loaded_.diagnostics.push_back({severity, loaded_.config.file, position, std::move(what), std::move(remedy)});
  }

  void unknown_at_top(const toml::key& key, const toml::node& node, const std::vector<std::string>& sections) {
    const auto at = position_of(key.source().begin);
    if (node.is_table() || node.is_array_of_tables()) {
      const auto meant = closest(key.str(), sections);
      error(at, fmt::format("unknown section '{}'", printable(key.str())),
            meant ? fmt::format("did you mean '{}'?", *meant)
                  : fmt::format("the sections are {}", fmt::join(sections, ", ")));
      return;
    }
    std::string owner;
    for_each_section(loaded_.config, [&](const auto& table, const auto&) {
      for (const auto& option : table.options) {
        if (owner.empty() && option.name == key.str()) owner = head(table);
      }
    });
    error(
        at, fmt::format("key '{}' stands outside of every section", printable(key.str())),
        owner.empty() ? "remove it, or move it below the head of its section" : fmt::format("move it below {}", owner));
  }

  template <class S>
  void read_section(const SectionTable<S>& table, const toml::key& key, const toml::node& node, S& target) {
    if (const auto* const content = node.as_table(); content != nullptr) return read_keys(table, *content, target);
    error(position_of(key.source().begin),
          fmt::format("'{}' is {}, not a section", table.name,
                      node.is_array_of_tables() ? "a list of sections" : type_of(node)),
          fmt::format("it may stand once: write {}", head(table)));
  }

  template <class S>
  void read_section(const SectionTable<S>& table, const toml::key& key, const toml::node& node,
                    std::vector<S>& target) {
    const auto not_in_brackets = [&](const toml::node& found, const toml::source_region& source) {
      error(position_of(source.begin), fmt::format("'{}' is {}, not a list of sections", table.name, type_of(found)),
            fmt::format("there may be several: write {} with two brackets", head(table)));
    };
    const auto* const list = node.as_array();
    if (list == nullptr) {
      not_in_brackets(node, key.source());
      // Its keys are looked at all the same, so that one run finds everything; and what follows from a missing section
      // is not reported as well.
      if (const auto* const content = node.as_table()) read_keys(table, *content, target.emplace_back());
      return;
    }
    for (const auto& item : *list) {
      if (const auto* const content = item.as_table()) {
        read_keys(table, *content, target.emplace_back());
      } else {
        not_in_brackets(item, item.source());
      }
    }
  }

  template <class S>
  void read_keys(const SectionTable<S>& table, const toml::table& content, S& target) {
    target.positions[""] = position_of(content.source().begin);
    for (const auto& option : table.options) {
      const auto found = content.find(option.name);
      if (found != content.end()) {
        const auto at = position_of(found->first.source().begin);
        target.positions[std::string{option.name}] = at;
        read_option(table, option, at, found->second, target);
      } else if (option.presence == Presence::required) {
        error(target.position_of(""), fmt::format("{} has no '{}'", head(table), option.name),
              fmt::format("add for example: {} = {}", option.name, to_toml(option, table.sample)));
      }
    }
    for (const auto& [key, node] : content) {
      if (target.positions.contains(key.str())) continue;
      std::vector<std::string> names;
      for (const auto& option : table.options) names.emplace_back(option.name);
      const auto meant = closest(key.str(), names);
      error(position_of(key.source().begin), fmt::format("unknown key '{}' in {}", printable(key.str()), head(table)),
            meant ? fmt::format("did you mean '{}'?", *meant) : fmt::format("its keys are {}", fmt::join(names, ", ")));
    }
  }

  template <class S>
  void read_option(const SectionTable<S>& table, const Option<S>& option, Position at, const toml::node& node,
                   S& target) {
    std::optional<Refusal> refusal;
    std::visit(
        [&](const auto& field) {
          auto reading = read(field.kind, node);
          if (auto* const refused = std::get_if<Refusal>(&reading)) {
            refusal = std::move(*refused);
          } else {
            target.*field.member = std::get<0>(std::move(reading));
          }
        },
        option.field);
    if (!refusal) return;
    if (refusal->remedy.empty()) {
      refusal->remedy =
          fmt::format("write {}, as in {} = {}", describe(option), option.name, to_toml(option, table.sample));
    }
    error(at, fmt::format("'{}' {}", option.name, refusal->what), std::move(refusal->remedy));
  }

  Loaded& loaded_;
};

/// Whether one socket on each could not tell whose a connection is. [::] takes IPv4 connections too.
bool overlap(const Endpoint& a, const Endpoint& b) {
  if (a.port != b.port || a.port == 0) return false;
  const auto any_v4 = IpAddress::from_v4({});
  const auto covers = [&](const IpAddress& wide, const IpAddress& other) {
    return wide == IpAddress{} || wide == other || (wide == any_v4 && other.is_v4());
  };
  return covers(a.address, b.address) || covers(b.address, a.address);
}

void check_addresses(const std::vector<Listener>& listeners, Loader& loader) {
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const auto& [earlier, later] = std::pair<const Listener&, const Listener&>{listeners[j], listeners[i]};
      if (!overlap(earlier.address, later.address)) continue;
      const auto at = later.position_of("address");
      loader.error(at,
                   fmt::format("{} is taken already by the listener on {} at line {}", later.address.to_string(),
                               earlier.address.to_string(), earlier.position_of("address").line),
                   "give one of them another port or a narrower address");
      break;
    }
  }
}

/// Keys that speak of TLS mean nothing where there is none; whoever sets them there expects something else.
void check_bootstrap_keys(const Listener& listener, Loader& loader) {
  if (listener.kind != ListenerKind::bootstrap) return;
  for (const auto key :
       {"personalities", "ladder", "ladder_window", "quarantine", "hello_timeout", "handshake_timeout"}) {
    if (!listener.positions.contains(key)) continue;
    loader.warning(listener.position_of(key),
                   fmt::format("'{}' has no effect on a bootstrap listener, which speaks plain HTTP", key),
                   "remove it, or make this a listener of kind \"phone\"");
  }
}

void check_needs_of_listeners(const Config& config, Loader& loader) {
  if (config.listeners.empty()) {
    loader.error({}, "there is no [[listener]], so no phone could connect",
                 "add a [[listener]] with kind = \"phone\" and address = \"[::]:443\"");
  }
  const auto phone = std::find_if(config.listeners.begin(), config.listeners.end(),
                                  [](const Listener& listener) { return listener.kind == ListenerKind::phone; });
  if (phone == config.listeners.end()) return;
  if (config.server_chains.empty()) {
    loader.error(phone->position_of("kind"),
                 "a phone listener needs a certificate to show, and there is no [[server_chain]]",
                 "add a [[server_chain]] with name, certificate and key");
  }
  if (config.device_cas.empty()) {
    loader.error(phone->position_of("kind"),
                 "a phone listener needs a CA to believe phones by, and there is no [[device_ca]]",
                 "add a [[device_ca]] with name and roots, the root certificates of the phones' maker");
  }
}

template <class S>
void check_names(const SectionTable<S>& table, const std::vector<S>& sections, Loader& loader) {
  std::map<std::string_view, Position> seen;
  for (const auto& section : sections) {
    if (section.name.empty()) continue;
    const auto at = section.position_of("name");
    const auto [found, is_new] = seen.emplace(section.name, at);
    if (!is_new) {
      loader.error(at,
                   fmt::format("{} '{}' is there already at line {}", head(table), section.name, found->second.line),
                   "give one of them another name");
    }
  }
}

void check_second_pair(const ServerChain& chain, Loader& loader) {
  if (chain.ecdsa_certificate.empty() == chain.ecdsa_key.empty()) return;
  const auto [there, missing] = chain.ecdsa_key.empty() ? std::pair{"ecdsa_certificate", "ecdsa_key"}
                                                        : std::pair{"ecdsa_key", "ecdsa_certificate"};
  loader.error(chain.position_of(there), fmt::format("'{}' is of no use without '{}'", there, missing),
               fmt::format("add {}, or leave both out", missing));
}

void check_expiry_rules(const DeviceCa& ca, Loader& loader) {
  if (!ca.accept_expired || !ca.accept_expired_until) return;
  loader.error(ca.position_of("accept_expired_until"),
               "'accept_expired_until' says until when, and 'accept_expired' says for ever", "leave one of them out");
}

void check_ledger_size(const Limits& limits, Loader& loader) {
  if (limits.ledger_size == 0 || limits.ledger_size >= kLeastLedger) return;
  loader.error(limits.position_of("ledger_size"),
               fmt::format("'ledger_size' is {}, too little for a ledger", format_size(limits.ledger_size)),
               fmt::format("write at least {}, or 0 for no bound", format_size(kLeastLedger)));
}

void check_combinations(const Config& config, Loader& loader) {
  check_addresses(config.listeners, loader);
  for (const auto& listener : config.listeners) check_bootstrap_keys(listener, loader);
  check_needs_of_listeners(config, loader);
  check_names(server_chain_table(), config.server_chains, loader);
  for (const auto& chain : config.server_chains) check_second_pair(chain, loader);
  check_names(personality_table(), config.personalities, loader);
  check_names(device_ca_table(), config.device_cas, loader);
  for (const auto& ca : config.device_cas) check_expiry_rules(ca, loader);
  check_ledger_size(config.limits, loader);
}

Position position_at(std::string_view text, std::size_t offset) {
  const auto before = text.substr(0, offset);
  const auto newline = before.rfind('\n');
  return {static_cast<unsigned>(1 + std::count(before.begin(), before.end(), '\n')),
          static_cast<unsigned>(1 + offset - (newline == std::string_view::npos ? 0 : newline + 1))};
}

/// What must be so before the parser may see the text.
bool check_bytes(std::string_view text, Loader& loader) {
  if (text.size() > kMaxFileBytes) {
    loader.error({}, fmt::format("the file is {} bytes long, more than {}", text.size(), format_size(kMaxFileBytes)),
                 "is it the right file? a configuration takes a few KiB");
    return false;
  }
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    loader.error(position_at(text, nul), "the file holds a NUL byte",
                 "it is damaged or not UTF-8 text: save it as UTF-8, or restore it from a backup");
    return false;
  }
  std::size_t begin = 0;
  for (const auto line : split(text, '\n')) {
    if (!trim(line).starts_with('#') && std::count(line.begin(), line.end(), '.') > kMaxDotsInLine) {
      loader.error(position_at(text, begin), fmt::format("the line has more than {} dots", kMaxDotsInLine),
                   "break it: a list may run over several lines");
      return false;
    }
    begin += line.size() + 1;
  }
  return true;
}

}  // namespace

Loaded load_text(std::string_view text, const std::filesystem::path& dir, const std::filesystem::path& file) {
  Loaded loaded;
  loaded.config.dir = dir;
  loaded.config.file = file;
  Loader loader{loaded};
  if (!check_bytes(text, loader)) return loaded;
  try {
    loader.read_all(toml::parse(text));
  } catch (const toml::parse_error& fault) {
    std::string what{fault.description()};
    what.replace(0, 1, to_lower(what.substr(0, 1)));
    loader.error(
        position_of(fault.source().begin), std::move(what),
        "texts stand in double quotes, lists in [ ], and no key twice; the rules of TOML are at https://toml.io");
    return loaded;
  }
  check_combinations(loaded.config, loader);
  loader.finish();
  return loaded;
}

Loaded load(const std::filesystem::path& dir) {
  const auto file = dir / kFileName;
  const auto unreadable = [&](std::string what, std::string remedy) {
    Loaded loaded;
    loaded.config.dir = dir;
    loaded.config.file = file;
    Loader{loaded}.error({}, std::move(what), std::move(remedy));
    return loaded;
  };
  struct stat status{};
  if (::stat(file.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    return unreadable("this is not a regular file", "put the configuration here");
  }
  auto text = read_file(file, kMaxFileBytes);
  if (text) return load_text(*text, dir, file);
  switch (text.error().code) {
    case Errc::not_found:
      return unreadable(text.error().what, fmt::format("make a state folder with: firstring init {}", dir.string()));
    case Errc::limit_exceeded:
      return unreadable(text.error().what, "is it the right file? a configuration takes a few KiB");
    default:
      return unreadable(text.error().what, "make it readable for the user that runs firstring");
  }
}

}  // namespace firstring::config
