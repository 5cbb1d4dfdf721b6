#pragma once

#include <fmt/format.h>

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "options/option.hpp"
#include "tls/personality.hpp"

// All that a personality consists of, each thing once: what the shipped files, [[personality]] and [[rule]] of
// firstring.toml, the reference, `personality show` and its JSON say of it comes from here. A new knob is a member of
// Personality, a row here, and the place in context.cpp that it changes.
namespace firstring::tls {

using VersionWord = std::pair<std::string_view, std::uint16_t>;
inline constexpr std::array kVersions{VersionWord{"SSLv3", 0x0300}, VersionWord{"TLSv1.0", 0x0301},
                                      VersionWord{"TLSv1.1", 0x0302}, VersionWord{"TLSv1.2", 0x0303},
                                      VersionWord{"TLSv1.3", 0x0304}};
/// Without SSL 3.0, which only the shipped personality of the quarantine names.
inline constexpr std::span<const VersionWord> kTlsVersions = std::span{kVersions}.subspan(1);

inline constexpr std::array kAlertStyles{std::pair{std::string_view{"exact"}, AlertStyle::exact},
                                         std::pair{std::string_view{"none"}, AlertStyle::none}};
inline constexpr std::array kFormats{std::pair{std::string_view{"tls"}, hello::Format::tls},
                                     std::pair{std::string_view{"sslv2"}, hello::Format::sslv2}};
/// Of Match::no_hash_above_sha1.
inline constexpr std::array kStrongestHashes{std::pair{std::string_view{"sha1"}, true}};

/// A thing that a personality can have otherwise.
template <class K>
struct Knob {
  std::string_view name;
  K kind;
  typename K::Value Personality::* member;
  std::string_view help, more;  ///< as options::Option has them
  std::string_view label;       ///< what `personality show` calls it; "" where another line shows it as well
  std::string (*text)(const Personality&);  ///< what it shows; nullptr without a label
};

/// Calls visit(Knob<K>) for each, in the order of the reference. `versions`: the words that the two versions take.
template <class Visit>
void for_each_knob(Visit&& visit, std::span<const VersionWord> versions = kTlsVersions) {
  using namespace options;
  using P = Personality;
  visit(Knob<Name>{"chain", {}, &P::chain, "The [[server_chain]] that it shows.", "", "server chain", [](const P& one) {
                     return one.chain;
                   }});
  visit(Knob<Word<std::uint16_t>>{
      "min_version", {versions}, &P::min_version, "The lowest TLS version.", "", "versions", versions_of});
  visit(Knob<Word<std::uint16_t>>{
      "max_version", {versions}, &P::max_version, "The highest TLS version.", "", "", nullptr});
  visit(Knob<Whole>{"security_level",
                    {0, 5},
                    &P::security_level,
                    "OpenSSL's security level: 0 for anything, 2 for 112 bits of security.",
                    "TLS 1.0 and 1.1 and SHA-1 need 0, RSA and DH of 1024 bits at most 1.",
                    "security level",
                    [](const P& one) { return std::to_string(one.security_level); }});
  // What OpenSSL makes of these two and the level is shown as the cipher suites.
  visit(Knob<Text>{"ciphers",
                   {},
                   &P::ciphers,
                   "Cipher suites up to TLS 1.2 by OpenSSL's names, in this server's order of preference.",
                   "",
                   "",
                   nullptr});
  visit(Knob<Text>{"suites13", {}, &P::suites13, "Cipher suites of TLS 1.3, likewise.", "", "", nullptr});
  visit(Knob<Text>{
      "groups", {}, &P::groups, "Curves for ECDHE, likewise.", "", "groups", [](const P& one) { return one.groups; }});
  visit(Knob<Text>{"signature_algorithms",
                   {},
                   &P::signature_algorithms,
                   "Signature algorithms, likewise; \"\" is OpenSSL's choice.",
                   "",
                   "signature algorithms",
                   [](const P& one) {
                     return one.signature_algorithms.empty() ? "what OpenSSL has at that level"
                                                             : one.signature_algorithms;
                   }});
  visit(Knob<Whole>{"dh_bits",
                    {0, 4096},
                    &P::dh_bits,
                    "Size of the DH group: 1024, 2048, 3072 or 4096; 0 for no DHE.",
                    "An old phone computes four times as long for twice the size.",
                    "DH group",
                    [](const P& one) { return one.dh_bits == 0 ? "none" : fmt::format("{} bits", one.dh_bits); }});
  visit(Knob<Flag>{"dh_bits_below_1024",
                   {},
                   &P::dh_bits_below_1024,
                   "Whether dh_bits may be 512 or 768.",
                   "Anybody who records such a connection can read it.",
                   "",
                   nullptr});
  visit(Knob<Flag>{"sessions",
                   {},
                   &P::sessions,
                   "Whether clients may take up an earlier session, which saves them most of the computing.",
                   "",
                   "sessions",
                   [](const P& one) { return std::string{one.sessions ? "kept in the server; no tickets" : "none"}; }});
  visit(Knob<Flag>{"send_ca_names",
                   {},
                   &P::send_ca_names,
                   "Whether the names of the device CAs are sent with the request for a certificate.",
                   "Some stacks send none when they do not find their CA there, others choke on a long list.",
                   "CA names",
                   [](const P& one) { return std::string{one.send_ca_names ? "sent" : "not sent"}; }});
  visit(Knob<Size>{"max_fragment",
                   {512, 16384},
                   &P::max_fragment,
                   "The largest TLS record that is sent.",
                   "",
                   "largest record",
                   [](const P& one) { return fmt::format("{} bytes", one.max_fragment); }});
  visit(Knob<Word<AlertStyle>>{
      "alerts",
      {kAlertStyles},
      &P::alerts,
      "exact: a client whose handshake fails is told why. none: the connection is just closed.",
      "Some old stacks hang on an alert. The ledger has what would have been said.",
      "alerts",
      [](const P& one) { return std::string{word_of(Word<AlertStyle>{kAlertStyles}, one.alerts)}; }});
}

/// The knobs as keys of a section S that is a Personality.
template <class S>
void add_knobs(std::vector<options::Option<S>>& keys, std::span<const VersionWord> versions = kTlsVersions) {
  for_each_knob(
      [&](const auto& knob) {
        keys.emplace_back(knob.name, knob.kind, knob.member, options::Presence::optional, knob.help, knob.more);
      },
      versions);
}

/// The conditions as keys of a section S that is a Match.
template <class S>
void add_conditions(std::vector<options::Option<S>>& keys) {
  using namespace options;
  const auto add = [&](std::string_view name, auto kind, auto member, std::string_view help,
                       std::string_view more = {}) {
    keys.emplace_back(name, kind, member, Presence::optional, help, more);
  };
  add("networks", Networks{}, &Match::networks, "The networks that they call from.");
  add("listeners", Addresses{}, &Match::listeners, "The listeners that they call, by their configured address.");
  add("server_names", Texts{}, &Match::server_names, "The names that they ask for (SNI); phones seldom do.");
  add("ja3", Texts{}, &Match::ja3, "The JA3 fingerprints of their ClientHello.",
      "A client of TLS 1.3 that takes up a session again says so in one more extension, which makes another "
      "fingerprint: it is known by the one without it as well, here and for ja4.");
  add("ja4", Texts{}, &Match::ja4, "The JA4 fingerprints of their ClientHello.");
  add("models", Texts{}, &Match::models,
      "The models that they are, as far as it is known who came from that address with that ClientHello last.",
      "A star at the end stands for anything: \"SPA5*\".");
  add("firmware_below", Text{}, &Match::firmware_below, "Their firmware, as it was seen last, is older than this.",
      "The letter of 7.5.2b makes it newer than 7.5.2.");
  add("firmware_from", Text{}, &Match::firmware_from, "Their firmware, as it was seen last, is this one or newer.");
  add("highest_version_at_most", Word<std::uint16_t>{kTlsVersions}, &Match::highest_version_at_most,
      "The highest TLS version that they offer is this one or lower.");
  add("highest_version_at_least", Word<std::uint16_t>{kTlsVersions}, &Match::highest_version_at_least,
      "The highest TLS version that they offer is this one or higher.");
  add("format", OptionalWord<hello::Format>{kFormats}, &Match::format,
      "The format of their ClientHello; the oldest stacks send it in that of SSL 2.0.");
  add("suites_exactly", Numbers{}, &Match::suites_exactly,
      "They offer these cipher suites and no others, in any order; IANA's numbers.");
  add("offers_suites", Numbers{}, &Match::offers_suites, "They offer all of these cipher suites.");
  add("lacks_suites", Numbers{}, &Match::lacks_suites, "They offer none of these cipher suites.");
  add("has_extensions", Numbers{}, &Match::has_extensions,
      "Their ClientHello has all of these extensions; IANA's numbers.");
  add("lacks_extensions", Numbers{}, &Match::lacks_extensions, "Their ClientHello has none of these extensions.");
  add("strongest_signature_hash_at_most", Word<bool>{kStrongestHashes}, &Match::no_hash_above_sha1,
      "They name no signature algorithm with a newer hash than this, or name none at all.");
}

}  // namespace firstring::tls
