#include "options/kinds.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "base/text.hpp"
#include "base/time.hpp"

namespace firstring::options {
namespace {

std::string joined(std::span<const std::string_view> choices, std::string_view last_separator) {
  std::string text;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (i > 0) text += i + 1 == choices.size() ? last_separator : ", ";
    text += fmt::format("\"{}\"", choices[i]);
  }
  return text;
}

struct SizeUnit {
  std::string_view name;
  std::size_t bytes;
};
constexpr std::array kSizeUnits{SizeUnit{"TiB", std::size_t{1} << 40}, SizeUnit{"GiB", 1U << 30},
                                SizeUnit{"MiB", 1U << 20}, SizeUnit{"KiB", 1U << 10}};

std::string list_of(const std::vector<std::string>& values) {
  std::string text = "[";
  for (const auto& item : values) {
    if (text.size() > 1) text += ", ";
    text += in_quotes(item);
  }
  return text + "]";
}

/// One of the words that a key takes, with a suggestion where it is another.
std::optional<Refusal> refuse_unless_in(std::span<const std::string_view> choices, const std::string& word) {
  if (std::find(choices.begin(), choices.end(), word) != choices.end()) return std::nullopt;
  const std::vector<std::string> candidates{choices.begin(), choices.end()};
  const auto meant = closest(word, candidates);
  return Refusal{fmt::format("does not take '{}'", printable(word)),
                 meant ? fmt::format("did you mean '{}'?", *meant) : ""};
}

/// RFC 1123 2.1: labels of letters, digits and hyphens, without a hyphen at either end.
bool is_host_name(std::string_view text) {
  if (text.size() > 253) return false;
  const auto labels = split(text, '.');
  return std::all_of(labels.begin(), labels.end(), [](std::string_view label) {
    return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
           std::all_of(label.begin(), label.end(), [](char c) { return is_alphanumeric(c) || c == '-'; });
  });
}

/// A list of texts, each read by `read_item`, none of them twice.
template <class ReadItem>
std::optional<Refusal> read_list(const Node& node, std::vector<std::string>& values, const ReadItem& read_item) {
  if (!node.is_list()) return Refusal{fmt::format("is {}, not a list", node.type())};
  std::vector<std::string> list;
  for (const auto& item : node.items()) {
    std::string text;
    if (auto refusal = read_item(item, text)) {
      if (!refusal->what.starts_with("does not")) refusal->what.insert(0, "has an entry that ");
      return refusal;
    }
    if (std::find(list.begin(), list.end(), text) != list.end())
      return Refusal{fmt::format("names '{}' twice", text), "leave one of them out"};
    list.push_back(std::move(text));
  }
  values = std::move(list);
  return std::nullopt;
}
}  // namespace

std::string in_quotes(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (is_control(c)) {
      result += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      result += c;
    }
  }
  return result + '"';
}

std::string describe(const Whole& kind) { return fmt::format("a whole number from {} to {}", kind.min, kind.max); }
std::string describe(const Size& kind) {
  return fmt::format("a size from {} to {}", format_size(kind.min), format_size(kind.max));
}
std::string describe(const Duration& kind) {
  return fmt::format("a duration from {} to {}", format_duration(kind.min), format_duration(kind.max));
}
std::string describe(const Flag&) { return "true or false"; }
std::string describe(const DateOrNone&) { return "a date, or \"\" for none"; }
std::string describe(const Text&) { return "a text"; }
std::string describe(const FilledText&) { return "a text that is not empty"; }
std::string describe(const Host&) { return "a host name or an IP address"; }
std::string describe(const Name&) { return "a name of up to 64 letters, digits, '.', '_' or '-'"; }
std::string describe(const OneOf& kind) { return joined(kind.choices, " or "); }
std::string describe(const Names&) { return "a list of at least one name"; }
std::string describe(const AnyOf& kind) { return "a list of any of " + joined(kind.choices, " and "); }
std::string describe(const Texts&) { return "a list of texts"; }
std::string describe(const Networks&) { return "a list of networks"; }
std::string describe(const Addresses&) { return "a list of IP addresses with ports"; }
std::string describe(const Numbers&) { return "a list of numbers up to 0xffff"; }
std::string describe(const File&) { return "the path of a file"; }
std::string describe(const FileOrNone&) { return "the path of a file, or \"\" for none"; }
std::string describe(const Address&) { return "an IP address and port"; }

std::optional<Refusal> read_text(const Node& node, std::string_view wanted, std::string& text) {
  auto value = node.text();
  if (!value) return Refusal{fmt::format("is {}, not {}", node.type(), wanted)};
  // A control character in a path or a name is damage, and would spoil what is printed of it.
  if (value->find('\0') != std::string::npos) return Refusal{"holds a NUL character", "remove it"};
  if (std::any_of(value->begin(), value->end(), is_control))
    return Refusal{fmt::format("holds a control character: '{}'", printable(*value)), "remove it"};
  text = *std::move(value);
  return std::nullopt;
}

std::optional<Refusal> read_filled_text(const Node& node, std::string_view wanted, std::string& text) {
  std::string value;
  if (auto refusal = read_text(node, wanted, value)) return refusal;
  if (value.empty()) return Refusal{"is empty"};
  text = std::move(value);
  return std::nullopt;
}

std::optional<Refusal> read(const Whole& kind, const Node& node, unsigned& value) {
  const auto number = node.number();
  if (!number) return Refusal{fmt::format("is {}, not a whole number", node.type())};
  if (*number < std::int64_t{kind.min} || *number > std::int64_t{kind.max}) {
    return Refusal{
        fmt::format("is {}, which is too {}", *number, *number < std::int64_t{kind.min} ? "small" : "large")};
  }
  value = static_cast<unsigned>(*number);
  return std::nullopt;
}

std::optional<Refusal> read(const Size& kind, const Node& node, std::size_t& value) {
  std::size_t size = 0;
  std::string written;
  if (const auto number = node.number()) {
    written = std::to_string(*number);
    size = *number < 0 ? 0 : static_cast<std::size_t>(*number);
  } else {
    if (auto refusal = read_text(node, "a size", written)) return refusal;
    const auto parsed = parse_size(written);
    if (!parsed) return Refusal{fmt::format("is not a size: '{}'", printable(written))};
    size = *parsed;
  }
  if (size < kind.min || size > kind.max)
    return Refusal{fmt::format("is {}, which is too {}", written, size < kind.min ? "small" : "large")};
  value = size;
  return std::nullopt;
}

std::optional<Refusal> read(const Duration& kind, const Node& node, std::chrono::milliseconds& value) {
  std::string written;
  if (auto refusal = read_text(node, "a duration", written)) return refusal;
  const auto duration = parse_duration(written);
  if (!duration) return Refusal{fmt::format("is not a duration: '{}'", printable(written))};
  if (*duration < kind.min || *duration > kind.max)
    return Refusal{fmt::format("is {}, which is too {}", written, *duration < kind.min ? "short" : "long")};
  value = *duration;
  return std::nullopt;
}

std::optional<Refusal> read(const Flag&, const Node& node, bool& value) {
  const auto flag = node.flag();
  if (!flag) return Refusal{fmt::format("is {}, not true or false", node.type())};
  value = *flag;
  return std::nullopt;
}

std::optional<Refusal> read(const DateOrNone&, const Node& node, std::optional<std::chrono::sys_days>& value) {
  std::string written;
  if (const auto date = node.date()) {
    written = *date;
  } else if (auto refusal = read_text(node, "a date", written)) {
    return refusal;
  } else if (written.empty()) {
    value.reset();
    return std::nullopt;
  }
  const auto time = parse_timestamp(written);
  if (!time || written.size() != std::string_view{"2027-06-30"}.size())
    return Refusal{fmt::format("is not a date: '{}'", printable(written)), "write 2027-06-30"};
  value = std::chrono::floor<std::chrono::days>(*time);
  return std::nullopt;
}

std::optional<Refusal> read(const Text&, const Node& node, std::string& value) {
  return read_text(node, "text", value);
}

std::optional<Refusal> read(const FilledText&, const Node& node, std::string& value) {
  return read_filled_text(node, "text", value);
}

std::optional<Refusal> read(const Host&, const Node& node, std::string& value) {
  std::string text;
  if (auto refusal = read_filled_text(node, "a host name", text)) return refusal;
  if (!is_host_name(text) && !IpAddress::parse(text)) {
    return Refusal{fmt::format("is not a host name or an IP address: '{}'", printable(text)),
                   "write the bare name in ASCII letters, without https:// and without a port"};
  }
  value = std::move(text);
  return std::nullopt;
}

std::optional<Refusal> read(const Name&, const Node& node, std::string& value) {
  std::string text;
  if (auto refusal = read_filled_text(node, "a name", text)) return refusal;
  const bool plain = std::all_of(text.begin(), text.end(),
                                 [](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
  if (!plain || text.size() > 64) return Refusal{fmt::format("is not a plain name: '{}'", printable(text, 80))};
  value = std::move(text);
  return std::nullopt;
}

std::optional<Refusal> read(const OneOf& kind, const Node& node, std::string& value) {
  std::string text;
  if (auto refusal = read_text(node, "text", text)) return refusal;
  if (auto refusal = refuse_unless_in(kind.choices, text)) return refusal;
  value = std::move(text);
  return std::nullopt;
}

std::optional<Refusal> read(const Names&, const Node& node, std::vector<std::string>& value) {
  std::vector<std::string> names;
  if (auto refusal = read_list(node, names, [](const Node& item, auto& text) { return read(Name{}, item, text); }))
    return refusal;
  if (names.empty()) return Refusal{"is an empty list"};
  value = std::move(names);
  return std::nullopt;
}

std::optional<Refusal> read(const AnyOf& kind, const Node& node, std::vector<std::string>& value) {
  return read_list(node, value, [&](const Node& item, auto& text) { return read(OneOf{kind.choices}, item, text); });
}

std::optional<Refusal> read(const Texts&, const Node& node, std::vector<std::string>& value) {
  return read_list(node, value, [](const Node& item, auto& text) { return read_filled_text(item, "text", text); });
}

std::optional<Refusal> read(const Networks&, const Node& node, std::vector<Prefix>& value) {
  std::vector<Prefix> networks;
  std::vector<std::string> texts;
  auto refusal = read_list(node, texts, [&](const Node& item, auto& text) -> std::optional<Refusal> {
    if (auto refused = read_filled_text(item, "a network", text)) return refused;
    const auto network = Prefix::parse(text);
    if (!network) {
      return Refusal{fmt::format("is not a network: '{}'", printable(text)), "write 192.0.2.0/24 or 2001:db8::/32"};
    }
    networks.push_back(*network);
    return std::nullopt;
  });
  if (!refusal) value = std::move(networks);
  return refusal;
}

std::optional<Refusal> read(const Address&, const Node& node, Endpoint& value) {
  std::string written;
  if (auto refusal = read_filled_text(node, "an address and port", written)) return refusal;
  const auto endpoint = Endpoint::parse(written);
  if (!endpoint) {
    return Refusal{fmt::format("is not an IP address with a port: '{}'", printable(written)),
                   "write 192.0.2.1:443 or [::]:443"};
  }
  value = *endpoint;
  return std::nullopt;
}

/// In the one spelling that listeners' addresses are compared in.
std::optional<Refusal> read(const Addresses&, const Node& node, std::vector<std::string>& value) {
  return read_list(node, value, [](const Node& item, auto& text) {
    Endpoint endpoint;
    auto refusal = read(Address{}, item, endpoint);
    if (!refusal) text = endpoint.to_string();
    return refusal;
  });
}

std::optional<Refusal> read(const Numbers&, const Node& node, std::vector<std::uint16_t>& value) {
  if (!node.is_list()) return Refusal{fmt::format("is {}, not a list", node.type())};
  std::vector<std::uint16_t> numbers;
  for (const auto& item : node.items()) {
    unsigned number = 0;
    if (auto refusal = read(Whole{0, 0xffff}, item, number)) {
      refusal->what.insert(0, "has an entry that ");
      return refusal;
    }
    numbers.push_back(static_cast<std::uint16_t>(number));
  }
  value = std::move(numbers);
  return std::nullopt;
}

std::optional<Refusal> read(const File&, const Node& node, std::filesystem::path& value) {
  std::string text;
  if (auto refusal = read_filled_text(node, "a path", text)) return refusal;
  value = std::move(text);
  return std::nullopt;
}

std::optional<Refusal> read(const FileOrNone&, const Node& node, std::filesystem::path& value) {
  std::string text;
  if (auto refusal = read_text(node, "a path", text)) return refusal;
  value = std::move(text);
  return std::nullopt;
}

std::string to_toml(const Whole&, const unsigned& value) { return std::to_string(value); }
std::string to_toml(const Size&, const std::size_t& value) {
  const auto text = format_size(value);
  return text.ends_with('B') ? in_quotes(text) : text;
}
std::string to_toml(const Duration&, const std::chrono::milliseconds& value) {
  return in_quotes(format_duration(value));
}
std::string to_toml(const Flag&, const bool& value) { return value ? "true" : "false"; }
std::string to_toml(const DateOrNone&, const std::optional<std::chrono::sys_days>& value) {
  return value ? to_iso8601(Timestamp{*value}).substr(0, 10) : in_quotes("");
}
std::string to_toml(const Text&, const std::string& value) { return in_quotes(value); }
std::string to_toml(const FilledText&, const std::string& value) { return in_quotes(value); }
std::string to_toml(const Host&, const std::string& value) { return in_quotes(value); }
std::string to_toml(const Name&, const std::string& value) { return in_quotes(value); }
std::string to_toml(const OneOf&, const std::string& value) { return in_quotes(value); }
std::string to_toml(const Names&, const std::vector<std::string>& value) { return list_of(value); }
std::string to_toml(const AnyOf&, const std::vector<std::string>& value) { return list_of(value); }
std::string to_toml(const Texts&, const std::vector<std::string>& value) { return list_of(value); }
std::string to_toml(const Networks&, const std::vector<Prefix>& value) {
  std::vector<std::string> texts;
  for (const auto& network : value) texts.push_back(network.to_string());
  return list_of(texts);
}
std::string to_toml(const Addresses&, const std::vector<std::string>& value) { return list_of(value); }
std::string to_toml(const Numbers&, const std::vector<std::uint16_t>& value) {
  return fmt::format("[{:#06x}]", fmt::join(value, ", "));
}
std::string to_toml(const File&, const std::filesystem::path& value) { return in_quotes(value.string()); }
std::string to_toml(const FileOrNone&, const std::filesystem::path& value) { return in_quotes(value.string()); }
std::string to_toml(const Address&, const Endpoint& value) { return in_quotes(value.to_string()); }

std::string format_size(std::size_t bytes) {
  for (const auto& unit : kSizeUnits) {
    if (bytes > 0 && bytes % unit.bytes == 0) return fmt::format("{}{}", bytes / unit.bytes, unit.name);
  }
  return std::to_string(bytes);
}

Result<std::size_t> parse_size(std::string_view text) {
  std::size_t number = 0;
  const auto* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  const std::string_view unit{end, static_cast<std::size_t>(last - end)};
  if (error == std::errc{}) {
    if (unit.empty()) return number;
    for (const auto& known : kSizeUnits) {
      if (unit == known.name && number <= std::numeric_limits<std::size_t>::max() / known.bytes)
        return number * known.bytes;
    }
  }
  return fail(Errc::invalid_input, fmt::format("'{}' is not a size", text.substr(0, 40)));
}

}  // namespace firstring::options
