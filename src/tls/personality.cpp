#include "tls/personality.hpp"

#include <fmt/format.h>

#include <toml++/toml.h>
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include "base/embedded.hpp"
#include "base/text.hpp"
#include "crypto/openssl.hpp"
#include "hello/suites.hpp"
#include "tls/handshake_library.hpp"

namespace firstring::tls {

namespace personality_data {
std::span<const base::EmbeddedFile> files();
}

namespace {

struct VersionName {
  std::string_view name;
  std::uint16_t number;
};
constexpr std::array kVersions{VersionName{"SSLv3", 0x0300}, VersionName{"TLSv1.0", 0x0301},
                               VersionName{"TLSv1.1", 0x0302}, VersionName{"TLSv1.2", 0x0303},
                               VersionName{"TLSv1.3", 0x0304}};

/// Reads one table and remembers the first fault; every key must be taken, so that a misspelt one is not ignored.
class TableReader {
 public:
  TableReader(const toml::table& table, std::string name) : table_(table), name_(std::move(name)) {}

  template <class T>
  void take(std::string_view key, T& value) {
    known_.emplace_back(key);
    const auto* node = table_.get(key);
    if (node == nullptr) return;
    if (const auto found = node->value_exact<T>()) {
      value = *found;
    } else {
      fault(key, "has the wrong type");
    }
  }

  void take(std::string_view key, std::vector<std::string>& values) {
    for (const auto& node : list(key)) {
      if (const auto text = node.value_exact<std::string>(); text && !text->empty()) {
        values.push_back(*text);
      } else {
        fault(key, "holds something else than texts");
      }
    }
  }

  void take(std::string_view key, std::vector<std::uint16_t>& values) {
    for (const auto& node : list(key)) {
      if (const auto number = node.value_exact<std::int64_t>(); number && *number >= 0 && *number <= 0xffff) {
        values.push_back(static_cast<std::uint16_t>(*number));
      } else {
        fault(key, "holds something else than numbers of the IANA registries");
      }
    }
  }

  void take(std::string_view key, unsigned& value) {
    std::int64_t number = value;
    take(key, number);
    if (number < 0 || number > 1'000'000) return fault(key, "is out of range");
    value = static_cast<unsigned>(number);
  }

  void take_version(std::string_view key, std::uint16_t& value) {
    std::string text;
    take(key, text);
    if (text.empty()) return;
    value = version_number(text);
    if (value == 0) fault(key, "is none of TLSv1.0, TLSv1.1, TLSv1.2, TLSv1.3");
  }

  /// The entries of a list, none if it is not there.
  const toml::array& list(std::string_view key) {
    static const toml::array nothing;
    known_.emplace_back(key);
    const auto* node = table_.get(key);
    if (node == nullptr) return nothing;
    if (const auto* array = node->as_array()) return *array;
    fault(key, "is no list");
    return nothing;
  }

  void fault(std::string_view key, std::string_view what) {
    if (fault_.empty()) fault_ = fmt::format("{}: '{}' {}", name_, key, what);
  }

  Result<void> finish() {
    for (const auto& [key, node] : table_) {
      if (std::find(known_.begin(), known_.end(), key.str()) == known_.end())
        fault(key.str(), "is no key of a personality");
    }
    if (!fault_.empty()) return fail(Errc::invalid_input, fault_);
    return {};
  }

 private:
  const toml::table& table_;
  std::string name_;
  std::vector<std::string> known_;
  std::string fault_;
};

Result<Match> read_match(const toml::table& table, const std::string& file) {
  Match result;
  bool any = false;
  std::string format, strongest_hash;
  TableReader reader{table, file};
  reader.take("reason", result.reason);
  reader.take("any", any);
  reader.take_version("highest_version_at_most", result.highest_version_at_most);
  reader.take_version("highest_version_at_least", result.highest_version_at_least);
  reader.take("format", format);
  reader.take("suites_exactly", result.suites_exactly);
  reader.take("offers_suites", result.offers_suites);
  reader.take("lacks_suites", result.lacks_suites);
  reader.take("has_extensions", result.has_extensions);
  reader.take("lacks_extensions", result.lacks_extensions);
  reader.take("strongest_signature_hash_at_most", strongest_hash);
  reader.take("ja3", result.ja3);
  reader.take("ja4", result.ja4);
  reader.take("models", result.models);
  reader.take("firmware_below", result.firmware_below);
  reader.take("firmware_from", result.firmware_from);
  if (format == "tls") result.format = hello::Format::tls;
  if (format == "sslv2") result.format = hello::Format::sslv2;
  if (!format.empty() && !result.format) reader.fault("format", "is neither tls nor sslv2");
  result.no_hash_above_sha1 = strongest_hash == "sha1";
  if (!strongest_hash.empty() && !result.no_hash_above_sha1)
    reader.fault("strongest_signature_hash_at_most", "is not sha1");
  if (result.reason.empty()) reader.fault("reason", "must be there: the ledger shows it");
  if (any == result.has_conditions()) reader.fault("match", "needs conditions, or any = true");
  FIRSTRING_CHECK(reader.finish());
  return result;
}

Result<Personality> read_personality(const toml::table& table, const std::string& file) {
  Personality result;
  std::int64_t level = result.security_level;
  std::string alerts = "exact";
  TableReader reader{table, file};
  reader.take("name", result.name);
  reader.take("description", result.description);
  reader.take("order", result.order);
  reader.take_version("min_version", result.min_version);
  reader.take_version("max_version", result.max_version);
  reader.take("security_level", level);
  reader.take("ciphers", result.ciphers);
  reader.take("suites13", result.suites13);
  reader.take("groups", result.groups);
  reader.take("signature_algorithms", result.signature_algorithms);
  reader.take("dh_bits", result.dh_bits);
  reader.take("dh_bits_below_1024", result.dh_bits_below_1024);
  reader.take("chain", result.chain);
  reader.take("sessions", result.sessions);
  reader.take("send_ca_names", result.send_ca_names);
  reader.take("max_fragment", result.max_fragment);
  reader.take("alerts", alerts);
  reader.take("quarantine", result.quarantine);
  for (const auto& node : reader.list("match")) {
    const auto* conditions = node.as_table();
    if (conditions == nullptr) return fail(Errc::invalid_input, fmt::format("{}: write [[match]]", file));
    FIRSTRING_TRY(auto match, read_match(*conditions, file));
    result.matches.push_back(std::move(match));
  }
  if (alerts != "exact" && alerts != "none") reader.fault("alerts", "is neither exact nor none");
  FIRSTRING_CHECK(reader.finish());
  result.alerts = alert_style(alerts);
  result.security_level = static_cast<int>(level);
  if (const auto fault = fault_of(result); !fault.empty())
    return fail(Errc::invalid_input, fmt::format("{}: {}", file, fault));
  return result;
}

}  // namespace

std::uint16_t version_number(std::string_view name) {
  const auto* found =
      std::find_if(kVersions.begin(), kVersions.end(), [&](const auto& version) { return version.name == name; });
  return found != kVersions.end() ? found->number : 0;
}

std::string_view version_text(std::uint16_t version) {
  const auto* found =
      std::find_if(kVersions.begin(), kVersions.end(), [&](const auto& known) { return known.number == version; });
  return found != kVersions.end() ? found->name : "";
}

AlertStyle alert_style(std::string_view name) { return name == "none" ? AlertStyle::none : AlertStyle::exact; }

std::string fault_of(const Personality& personality) {
  constexpr std::array kDhBits{0U, 512U, 768U, 1024U, 2048U, 3072U, 4096U};
  if (personality.name.empty() || personality.chain.empty() || personality.ciphers.empty())
    return "name, chain and ciphers must be there";
  if (personality.min_version > personality.max_version) return "min_version is above max_version";
  if (personality.min_version < 0x0301 && !personality.quarantine)
    return "min_version is SSL 3.0, which only the quarantine speaks";
  if (personality.security_level < 0 || personality.security_level > 5) return "security_level is not 0 to 5";
  if (std::find(kDhBits.begin(), kDhBits.end(), personality.dh_bits) == kDhBits.end())
    return "dh_bits is none of 0, 512, 768, 1024, 2048, 3072, 4096";
  if (personality.dh_bits != 0 && personality.dh_bits < 1024 && !personality.dh_bits_below_1024)
    return "dh_bits below 1024 can be broken by anybody, and need dh_bits_below_1024 = true";
  if (personality.max_fragment < 512 || personality.max_fragment > 16384) return "max_fragment is not 512 to 16384";
  return {};
}

std::vector<std::string> Match::conditions() const {
  std::vector<std::string> all;
  const auto text = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) all.push_back(fmt::format("{} = \"{}\"", name, value));
  };
  const auto texts = [&](std::string_view name, const std::vector<std::string>& values) {
    if (!values.empty()) all.push_back(fmt::format("{} = [\"{}\"]", name, fmt::join(values, "\", \"")));
  };
  const auto numbers = [&](std::string_view name, const std::vector<std::uint16_t>& values) {
    if (!values.empty()) all.push_back(fmt::format("{} = [{:#06x}]", name, fmt::join(values, ", ")));
  };
  std::vector<std::string> prefixes;
  for (const auto& network : networks) prefixes.push_back(network.to_string());
  texts("networks", prefixes);
  texts("listeners", listeners);
  texts("server_names", server_names);
  text("highest_version_at_most", version_text(highest_version_at_most));
  text("highest_version_at_least", version_text(highest_version_at_least));
  if (format) text("format", *format == hello::Format::sslv2 ? "sslv2" : "tls");
  numbers("suites_exactly", suites_exactly);
  numbers("offers_suites", offers_suites);
  numbers("lacks_suites", lacks_suites);
  numbers("has_extensions", has_extensions);
  numbers("lacks_extensions", lacks_extensions);
  if (no_hash_above_sha1) text("strongest_signature_hash_at_most", "sha1");
  texts("ja3", ja3);
  texts("ja4", ja4);
  texts("models", models);
  text("firmware_below", firmware_below);
  text("firmware_from", firmware_from);
  return all;
}

Result<std::vector<Personality>> personalities_from_toml(std::span<const std::pair<std::string, std::string>> files) {
  std::vector<Personality> all;
  for (const auto& [name, content] : files) {
    toml::table table;
    try {
      table = toml::parse(content, name);
    } catch (const toml::parse_error& error) {
      return fail(Errc::invalid_input, fmt::format("{}:{}: {}", name, error.source().begin.line, error.description()));
    }
    FIRSTRING_TRY(auto personality, read_personality(table, name));
    all.push_back(std::move(personality));
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.order < b.order; });
  return all;
}

std::span<const Personality> shipped_personalities() {
  static const std::vector<Personality> all = [] {
    std::vector<std::pair<std::string, std::string>> files;
    for (const auto& file : personality_data::files()) files.emplace_back(file.name, file.content);
    auto read = personalities_from_toml(files);
    if (!read) {
      std::fprintf(stderr, "firstring: bug in shipped data: %s\n", read.error().what.c_str());
      std::abort();
    }
    return *std::move(read);
  }();
  return all;
}

const Personality* find_personality(std::string_view name) {
  for (const auto& personality : shipped_personalities()) {
    if (personality.name == name) return &personality;
  }
  return nullptr;
}

std::string_view personality_text(std::string_view name) {
  for (const auto& file : personality_data::files()) {
    if (file.name.starts_with(name) && file.name.substr(name.size()) == ".toml") return file.content;
  }
  return {};
}

std::vector<std::string> personality_names() {
  std::vector<std::string> names;
  for (const auto& personality : shipped_personalities()) names.push_back(personality.name);
  return names;
}

const Personality& quarantine_personality() {
  static const Personality* const newest = [] {
    const Personality* found = nullptr;
    for (const auto& personality : shipped_personalities()) {
      if (personality.quarantine && (found == nullptr || personality.name > found->name)) found = &personality;
    }
    return found;
  }();
  return *newest;
}

std::vector<std::uint16_t> offered_suites(const Personality& personality) {
  std::vector<std::uint16_t> numbers;
  if (personality.quarantine) {
    for (const auto name : split(personality.ciphers, ':')) {
      if (const auto number = hello::suite_number(name)) numbers.push_back(*number);
    }
    return numbers;
  }
  const crypto::SslContextPtr context{SSL_CTX_new_ex(handshake_library(), nullptr, TLS_server_method())};
  if (!context) return numbers;
  SSL_CTX_set_security_level(context.get(), personality.security_level);
  if (SSL_CTX_set_cipher_list(context.get(), personality.ciphers.c_str()) != 1 ||
      SSL_CTX_set_ciphersuites(context.get(), personality.suites13.c_str()) != 1) {
    crypto::drain_errors();
    return numbers;
  }
  const auto* ciphers = SSL_CTX_get_ciphers(context.get());
  for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); ++i)
    numbers.push_back(SSL_CIPHER_get_protocol_id(sk_SSL_CIPHER_value(ciphers, i)));
  return numbers;
}

}  // namespace firstring::tls
