#include "tls/personality.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/embedded.hpp"
#include "base/text.hpp"
#include "crypto/openssl.hpp"
#include "hello/suites.hpp"
#include "options/shipped.hpp"
#include "tls/handshake_library.hpp"
#include "tls/knobs.hpp"

namespace firstring::tls {

namespace personality_data {
std::span<const base::EmbeddedFile> files();
}

namespace {

/// One of the shipped files as it stands there.
struct ShippedMatch : options::Section, Match {
  bool any = false;
};
struct ShippedPersonality : options::Section, Personality {
  std::vector<ShippedMatch> match;
};

using options::Option;
using options::Presence;
using options::SectionTable;
using options::Times;

const SectionTable<ShippedMatch>& match_table() {
  static const SectionTable<ShippedMatch> table = [] {
    ShippedMatch sample;
    sample.reason = "known_model";
    std::vector<Option<ShippedMatch>> keys{
        {"reason", options::Name{}, &ShippedMatch::reason, Presence::required,
         "Why it was chosen: the ledger shows it."},
        {"any", options::Flag{}, &ShippedMatch::any, Presence::optional, "Whether it is for everybody."}};
    add_conditions(keys);
    return SectionTable<ShippedMatch>{"match", Times::many, "Whom it is for: one that holds is enough.",
                                      std::move(sample), std::move(keys)};
  }();
  return table;
}

const SectionTable<ShippedPersonality>& shipped_table() {
  static const SectionTable<ShippedPersonality> table = [] {
    ShippedPersonality sample;
    sample.name = "modern-2026-11";
    std::vector<Option<ShippedPersonality>> keys{
        {"name", options::Name{}, &ShippedPersonality::name, Presence::required, "What it is, and when it came."},
        {"description", options::Text{}, &ShippedPersonality::description, Presence::optional, "One sentence."},
        {"order", options::Whole{0, 1'000'000}, &ShippedPersonality::order, Presence::optional,
         "The lowest is tried first."},
        {"quarantine", options::Flag{}, &ShippedPersonality::quarantine, Presence::optional,
         "Whether only firstring-quarantine can be it."},
        {"match", options::Sections<ShippedMatch>{&match_table()}, &ShippedPersonality::match, Presence::optional,
         "Whom it is for."}};
    add_knobs(keys, kVersions);
    return SectionTable<ShippedPersonality>{"a personality", Times::whole_file, "A shipped personality.",
                                            std::move(sample), std::move(keys)};
  }();
  return table;
}

Result<Personality> read_personality(const std::string& file, std::string_view text) {
  FIRSTRING_TRY(auto read, options::read_whole_file(shipped_table(), file, text));
  for (auto& match : read.match) {
    if (match.any == match.has_conditions())
      return options::fault_at(file, match.position_of(""), "[[match]] needs conditions, or any = true");
    read.matches.push_back(std::move(match));
  }
  if (auto what = fault_of(read); !what.empty()) return options::fault_at(file, {}, std::move(what));
  return Personality{std::move(read)};
}

}  // namespace

std::uint16_t version_number(std::string_view name) {
  const auto* found =
      std::find_if(kVersions.begin(), kVersions.end(), [&](const auto& version) { return version.first == name; });
  return found != kVersions.end() ? found->second : 0;
}

std::string_view version_text(std::uint16_t version) {
  return options::word_of(options::Word<std::uint16_t>{kVersions}, version);
}

std::string versions_of(const Personality& personality) {
  if (personality.min_version == personality.max_version) return std::string{version_text(personality.min_version)};
  return fmt::format("{} to {}", version_text(personality.min_version), version_text(personality.max_version));
}

std::string fault_of(const Personality& personality) {
  constexpr std::array kDhBits{0U, 512U, 768U, 1024U, 2048U, 3072U, 4096U};
  if (personality.name.empty() || personality.chain.empty() || personality.ciphers.empty())
    return "name, chain and ciphers must be there";
  if (personality.min_version > personality.max_version) return "min_version is above max_version";
  if (personality.min_version < 0x0301 && !personality.quarantine)
    return "min_version is SSL 3.0, which only the quarantine speaks";
  if (std::find(kDhBits.begin(), kDhBits.end(), personality.dh_bits) == kDhBits.end())
    return "dh_bits is none of 0, 512, 768, 1024, 2048, 3072, 4096";
  if (personality.dh_bits != 0 && personality.dh_bits < 1024 && !personality.dh_bits_below_1024)
    return "dh_bits below 1024 can be broken by anybody, and need dh_bits_below_1024 = true";
  return {};
}

std::vector<std::string> Match::conditions() const {
  static const auto known = [] {
    std::vector<Option<Match>> keys;
    add_conditions(keys);
    return keys;
  }();
  std::vector<std::string> all;
  for (const auto& condition : known) {
    if (!is_default(condition, *this)) all.push_back(fmt::format("{} = {}", condition.name, to_toml(condition, *this)));
  }
  return all;
}

Result<std::vector<Personality>> personalities_from_toml(std::span<const std::pair<std::string, std::string>> files) {
  std::vector<Personality> all;
  for (const auto& [name, content] : files) {
    FIRSTRING_TRY(auto personality, read_personality(name, content));
    all.push_back(std::move(personality));
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.order < b.order; });
  return all;
}

std::span<const Personality> shipped_personalities() {
  static const auto all = options::read_shipped(personality_data::files(), &personalities_from_toml);
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
  SSL_CTX_set_security_level(context.get(), static_cast<int>(personality.security_level));
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
