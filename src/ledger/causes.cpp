#include "ledger/causes.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "device/known_bad.hpp"
#include "hello/suites.hpp"
#include "tls/certificate_weight.hpp"

namespace firstring::ledger {
namespace {

using store::ConnectionRow;

constexpr std::uint16_t kSsl3 = 0x0300;
constexpr std::string_view kNeedsQuarantine = "needs_quarantine";  // ConnectionRow::personality_reason
constexpr int kOldPhonesLimit = 1024;                              // bits of DH group and of RSA key: spa-phones 1.3

/// What clients say of a certificate that they do not want, whatever the reason.
constexpr std::string_view kRefusals = "bad_certificate certificate_unknown unsupported_certificate access_denied";
/// What clients say when they cannot compute with what they were given, by library and age.
constexpr std::string_view kCannotCompute =
    "handshake_failure illegal_parameter insufficient_security internal_error decode_error";

constexpr std::string_view kNoSignature = "no shared signature algorithms|no suitable signature algorithm";

bool has_word(std::string_view words, std::string_view word) {
  const auto all = split(words, ' ');
  return std::find(all.begin(), all.end(), word) != all.end();
}

bool is_sha1_or_older(std::string_view hash) { return hash == "sha1" || hash == "md5"; }

bool denied_for(const Case& c, Reason reason) {
  return c.request != nullptr && c.request->decision != Decision::allow && c.request->reason == reason;
}

/// The signature in the handshake belongs to another key than the client's certificate (RFC 5246 section 7.4.8).
bool signed_with_another_key(const Case& c) {
  return c.failed() && !c.row.certificate.empty() &&
         (c.we_failed_with("bad signature") || (c.row.alert == "decrypt_error" && c.row.alert_from == "server"));
}

/// A phone whose maker is known to have installed wrong certificates shows one: another's, a damaged one, or one with
/// another key.
bool is_known_bad(const Case& c) {
  const auto* batch = device::find_known_bad(c.row.known_bad);
  if (batch == nullptr || batch->certificate != device::KnownBad::Certificate::may_be_wrong) return false;
  static constexpr std::array kSigns{Reason::unknown_ca,   Reason::bad_signature,        Reason::malformed_certificate,
                                     Reason::other_device, Reason::unusable_certificate, Reason::known_bad_certificate};
  return signed_with_another_key(c) ||
         std::any_of(kSigns.begin(), kSigns.end(), [&](Reason sign) { return denied_for(c, sign); });
}

/// A denied request, by the decision's reason (cause_of_denial).
constexpr std::array kDenials{
    CauseRule{Cause::no_certificate, nullptr,
              "The phone completed TLS without a certificate, so nothing proves that it is the phone it claims to be.",
              "If this is a real phone, check on its Info page that the client certificate is 'Installed'; a browser "
              "or a scanner is rightly refused."},
    CauseRule{Cause::quarantined, nullptr,
              "The phone {device} supports nothing better than {version} with {cipher}, and the server does not send a "
              "phone's own file, with its passwords, over such a connection.",
              "Upgrade the phone's firmware to one with TLS 1.0 and AES; if there is none, write secrets = true in "
              "[quarantine], and give its SIP account no more rights than a stranger may have."},
    CauseRule{Cause::other_device, nullptr, "A phone whose certificate names {device} requested the file of {asked}.",
              "Correct the {url_setting} of the phone {device} (let a macro stand for its MAC address); "
              "if it repeats over many "
              "addresses, somebody is trying to read other phones' files."},
    CauseRule{
        Cause::other_maker, nullptr,
        "The certificate names {device}, but it was issued by another maker ({issuer}) than that phone's.",
        "If the phone's model is wrong here, remove it and add it with the right one. Otherwise somebody can issue "
        "certificates under that CA: find out who."},
    CauseRule{Cause::pin_mismatch, nullptr,
              "The certificate that names {device} ({subject}) has another key than this phone's first certificate.",
              "If the phone or its certificate was replaced: firstring device unpin {device}; otherwise somebody "
              "presents a second certificate for it, and the refusal is right."},
    CauseRule{Cause::downgraded, nullptr,
              "{device} offers an older TLS version than it has offered before: its firmware was downgraded, or "
              "somebody with its key impersonates an older phone.",
              "If its firmware was downgraded: firstring device amnesty {device} --for 1d."},
    CauseRule{
        Cause::generic_certificate, nullptr,
        "The phone presented the maker's generic certificate, which many phones share and which does not identify one.",
        "Phones made before firmware 2.0 carry it; replace the phone, or provision it by hand in a trusted network."},
    CauseRule{Cause::unusable_certificate, nullptr,
              "The certificate leads to device CA '{device_ca}', but its subject ({subject}) does not name one phone.",
              "Look at verdict_errors in the ledger row; a maker's CA that also signs other things should not be a "
              "[[device_ca]]."},
    CauseRule{Cause::unknown_ca, nullptr,
              "The client's certificate ({subject}) was issued by a CA that is no [[device_ca]] here: {issuer}.",
              "If this is one of your phones' makers, get the maker's client root and add it as a [[device_ca]] to "
              "firstring.toml, then reload; otherwise the refusal is right."},
    CauseRule{
        Cause::bad_signature, nullptr,
        "The client's certificate bears the name of the device CA {issuer} but not its signature: it is forged or "
        "damaged.",
        "Do not forgive this; find out what the client is."},
    CauseRule{
        Cause::known_bad_certificate, nullptr,
        "The certificate is good, but its maker made such certificates ({known_bad}) so that they do not prove which "
        "phone it is.",
        "Replace the phone, or provision it by hand in a network that you trust."},
    CauseRule{
        Cause::expired, nullptr, "The client's certificate has expired: {verdict_errors}.",
        "If phones of this maker must still be served, set accept_expired_until (a day) or accept_expired = true in "
        "that "
        "[[device_ca]] and reload."},
    CauseRule{Cause::not_yet_valid, nullptr, "The client's certificate is not valid yet: {verdict_errors}.",
              "Check that this server's clock is right (timedatectl)."},
    CauseRule{Cause::weak_key, nullptr,
              "The client's certificate chain contains a smaller key than its device CA's rule allows: "
              "{verdict_errors}.",
              "If you must serve phones of that age, set min_rsa_bits = 1024 in that [[device_ca]] and reload."},
    CauseRule{Cause::weak_hash, nullptr,
              "The client's certificate chain is signed with a hash that its device CA's rule does not allow: "
              "{verdict_errors}.",
              "If you must serve phones of that age, add the hash (\"sha1\", \"md5\") to weak_hashes in that "
              "[[device_ca]] and reload."},
    CauseRule{Cause::wrong_purpose, nullptr,
              "The client's certificate ({subject}) is not made for TLS clients: {verdict_errors}.",
              "A phone does not send this; find out what the client is."},
    CauseRule{Cause::revoked, nullptr, "The client's certificate ({subject}) was revoked by its CA.",
              "Replace the phone: its maker no longer vouches for it."},
    CauseRule{Cause::malformed_certificate, nullptr,
              "A certificate in the client's chain cannot be read: {verdict_errors}.",
              "A phone does not send this; find out what the client is."},
    CauseRule{Cause::chain_too_long, nullptr, "The client sent more certificates than a chain may have.",
              "A phone sends one to three; find out what the client is."},
    CauseRule{Cause::not_a_ca, nullptr,
              "A certificate in the client's chain issued another without being allowed to: {verdict_errors}.",
              "Do not forgive this: somebody uses a device's certificate as a CA; find out what the client is."},
    CauseRule{Cause::bad_certificate, nullptr, "The client's certificate chain is invalid: {verdict_errors}.",
              "Look at verdict_errors in the ledger row."},
    CauseRule{Cause::unknown_device, nullptr,
              "The phone's certificate is good and names {device}, but that phone has not been added.",
              "Add it: firstring device add {device} --model MODEL, or open an enrolment window: firstring enrol open "
              "--group GROUP "
              "--for 2h."},
    CauseRule{Cause::no_such_file, nullptr, "There is no file {target} here.",
              "Check the phone's {url_setting}; {own_file_name}."},
    CauseRule{Cause::needs_tls, nullptr,
              "A phone's own file was requested over plain HTTP, where a client cannot prove which phone it is.",
              "Point the phone's {url_setting} at the https address; the bootstrap file does that by itself."},
    CauseRule{Cause::method_not_allowed, nullptr, "The client used {method}; only GET and HEAD are answered.",
              "Phones read with GET; find out what the client is."},
    CauseRule{Cause::render_failed, nullptr, "The phone's own file could not be made from its parameters.",
              "Run: firstring render {asked}, which says which parameter is at fault."},
};

constexpr std::array kEndings{
    // ---- likelier than what was found in the certificate, and so tried before the denials ----
    CauseRule{Cause::known_bad_hardware, is_known_bad,
              "The certificate is wrong ({finding}), and the phone seems to be of a batch ({known_bad}) of which "
              "{known_bad_fault}.",
              "{known_bad_remedy}"},

    // ---- requests ----
    CauseRule{Cause::bad_request,
              [](const Case& c) { return c.request != nullptr && c.request->decision != Decision::allow; },
              "The request could not be understood ({reason}) and was answered with {status}.",
              "Phones do not send this; find out what the client is."},
    CauseRule{Cause::served, [](const Case& c) { return c.request != nullptr && c.row.outcome == Outcome::ok; },
              "{method} {target} was answered with {status}, {bytes} bytes.", ""},
    CauseRule{Cause::open, [](const Case& c) { return c.row.outcome == Outcome::open; },
              "The connection had been open for {closed} when this was written; once it has ended, its row says how.",
              ""},
    CauseRule{Cause::server_gone, [](const Case& c) { return c.row.outcome == Outcome::server_gone; },
              "The connection was open when the server ended unexpectedly: it crashed, was killed, or lost power.",
              "Look in the system's log for why the server ended."},
    CauseRule{Cause::shutdown, [](const Case& c) { return c.row.outcome == Outcome::shutdown; },
              "The server was stopped while the connection was open.", ""},

    // ---- a crowd ----
    CauseRule{Cause::no_memory,
              [](const Case& c) { return c.row.outcome == Outcome::limit && c.row.detail.starts_with("no memory"); },
              "The server had no memory left for this connection.",
              "Give it what \"Which limits matter\" in docs/storms.md asks for, or lower max_connections in [limits]."},
    CauseRule{
        Cause::evicted, [](const Case& c) { return c.row.outcome == Outcome::limit; },
        "The server evicted this unknown client, which had not completed its hello, handshake or request within "
        "{closed}, to make room for others: {detail}.",
        "A flood of such connections does this: firstring ledger --alarms says who held the places. If there is none, "
        "raise max_connections in [limits]."},
    CauseRule{
        Cause::left_waiting,
        [](const Case& c) {
          return c.row.outcome == Outcome::closed && c.row.stage == Stage::hello && c.row.hello_us >= 0;
        },
        "The client closed TCP after its ClientHello had waited {queued} in the queue.",
        "Phones seldom give up like this. If their wait is long outside of a storm (firstring ledger --alarms), this "
        "machine is too slow for them."},

    // ---- no ClientHello ----
    CauseRule{Cause::not_http, [](const Case& c) { return c.row.outcome == Outcome::not_http; },
              "The client spoke TLS to the plain HTTP port {local_port}.",
              "Write the TLS port in the phone's {url_setting}, or http:// for this one."},
    CauseRule{Cause::plain_http,
              [](const Case& c) {
                return c.row.outcome == Outcome::not_tls && c.row.detail.find("HTTP") != std::string::npos;
              },
              "The client spoke plain HTTP to the TLS port {local_port}.",
              "Write https:// in the phone's {url_setting}."},
    CauseRule{Cause::not_tls, [](const Case& c) { return c.row.outcome == Outcome::not_tls; },
              "The client sent something other than a ClientHello to the TLS port {local_port}: {detail}.",
              "A port scan does this, or a program that speaks another protocol; a phone does not."},
    CauseRule{Cause::no_bytes,
              [](const Case& c) { return c.row.outcome == Outcome::closed && c.row.stage == Stage::tcp; },
              "The client connected and closed TCP after {closed} without a byte.",
              "A health check or a port scan does this."},
    CauseRule{
        Cause::silent, [](const Case& c) { return c.row.outcome == Outcome::timeout && c.row.stage == Stage::tcp; },
        "The client connected and sent nothing for {closed}.", "A port scan or a monitor does this; a phone does not."},
    CauseRule{Cause::closed_in_hello,
              [](const Case& c) { return c.row.outcome == Outcome::closed && c.row.stage == Stage::hello; },
              "The client closed TCP in the middle of its ClientHello, {bytes_in} bytes into it.",
              "If it repeats, look for a middlebox or packet loss on the way."},
    CauseRule{Cause::half_hello,
              [](const Case& c) { return c.row.outcome == Outcome::timeout && c.row.stage == Stage::hello; },
              "The client began a ClientHello, sent {bytes_in} bytes and did not finish it within {closed}.",
              "Look for packet loss or a small MTU on the way."},

    // ---- nothing in common ----
    CauseRule{Cause::client_asked_renegotiation, [](const Case& c) { return c.row.asked_renegotiation; },
              "The client tried to renegotiate, which this server always refuses, and then {ended}.",
              "Configure the client not to renegotiate: this server requests the certificate in the first handshake, "
              "so no phone needs to; a scanner that tests for it is rightly refused."},
    CauseRule{Cause::too_old,
              [](const Case& c) {
                const auto highest = c.hello.highest_version();  // 0: there was no hello
                return c.failed() && !c.row.quarantined && highest > 0 && highest <= kSsl3 &&
                       c.row.personality_reason != kNeedsQuarantine;
              },
              "The client speaks nothing newer than {client_version} ({client_suites}), which neither this server nor "
              "its quarantine supports.",
              "Upgrade the phone's firmware to one with TLS 1.0; a scanner that tests for this is rightly refused."},
    CauseRule{Cause::ssl3_only,
              [](const Case& c) { return c.failed() && !c.row.quarantined && c.hello.highest_version() == kSsl3; },
              "The client speaks nothing newer than {client_version}, which is not served: personality '{personality}' "
              "speaks {our_versions}, and the quarantine is off here.",
              "Upgrade the phone's firmware to one with TLS 1.0; if there is none, write enabled = true in "
              "[quarantine], and check that this listener does not exclude it."},
    CauseRule{Cause::quarantine_ended,
              [](const Case& c) {
                return c.failed() && c.row.quarantined && c.row.stage == Stage::hello &&
                       c.row.detail.find("the quarantine") != std::string::npos;
              },
              "The client can only be served by the quarantine, and {detail}.",
              "Look in the server's log for how firstring-quarantine ended. If it keeps ending when a certain client "
              "connects, that client may be attacking it."},
    CauseRule{Cause::fallback_refused, [](const Case& c) { return c.we_failed_with("inappropriate fallback"); },
              "The client retried with a lower version than it supports ({client_versions}) and said so "
              "(TLS_FALLBACK_SCSV), as after a failed attempt.",
              "Look at the connection before this one: its failure is the cause."},
    CauseRule{Cause::no_common_version,
              [](const Case& c) {
                return c.we_failed_with(
                           "unsupported protocol|version too low|bad legacy version|no protocols available") ||
                       c.client_said("protocol_version");
              },
              "The client speaks {client_versions}, personality '{personality}' {our_versions}: no version in common.",
              "Allow the listener a personality that covers {client_version}."},
    CauseRule{Cause::weak_ciphers_only,
              [](const Case& c) { return c.we_failed_with("no shared cipher") && c.offers_only_weak_suites(); },
              "The client offers only RC4 and DES ({client_suites}), which personality '{personality}' does not have.",
              "Upgrade the phone's firmware to one with AES; if there is none, write enabled = true in [quarantine], "
              "and check that this listener does not exclude it."},
    CauseRule{
        Cause::no_common_cipher, [](const Case& c) { return c.we_failed_with("no shared cipher"); },
        "The client offers {client_suites}, personality '{personality}' {our_suites}: nothing that both can use with "
        "our certificate.",
        "Allow the listener a personality with one of the client's suites; with an ECDSA certificate, suites with RSA "
        "do not count."},
    CauseRule{
        Cause::client_lacks_sha256,
        [](const Case& c) {
          if (c.row.server_hash.empty() || is_sha1_or_older(c.row.server_hash)) return false;
          if (c.lists_only_old_hashes() && c.we_failed_with(kNoSignature)) return true;
          if (!c.gave_up_on_our_flight("decrypt_error bad_certificate unsupported_certificate certificate_unknown "
                                       "handshake_failure illegal_parameter internal_error"))
            return false;
          // An old OpenSSL whose application did not load SHA-2 says decrypt_error (tls-facts A).
          return c.lists_only_old_hashes() || c.worked_with_sha1() != nullptr ||
                 (c.hello.signature_algorithms.empty() && c.client_said("decrypt_error"));
        },
        "The client cannot verify {server_hash} signatures, with which {our_chain} is signed: {how_it_ended}, and "
        "{hash_evidence}.",
        "Serve it a chain that is signed with SHA-1 from its root down: allow the listener a legacy personality with "
        "such a [[server_chain]]."},
    CauseRule{Cause::no_common_signature, [](const Case& c) { return c.we_failed_with(kNoSignature); },
              "The client accepts the signature algorithms {client_signatures}, and the key of {our_chain} under "
              "personality '{personality}' can make none of them.",
              "Allow the listener a personality for clients without SHA-256 (security level 0)."},
    CauseRule{Cause::no_common_group,
              [](const Case& c) { return c.we_failed_with("no suitable key share|no shared group"); },
              "The client knows the groups {client_groups}, personality '{personality}' {our_groups}: none in common.",
              "Allow the listener a personality with one of the client's groups."},

    // ---- what the client showed ----
    CauseRule{Cause::client_key_mismatch, signed_with_another_key,
              "The client presented the certificate {subject}, but signed the handshake with another key.",
              "If it is a phone, its maker installed the wrong key: replace it. Otherwise somebody presents a "
              "certificate without having its key."},
    CauseRule{Cause::certificate_list_too_long,
              [](const Case& c) { return c.we_failed_with("excessive message size"); },
              "The client sent a longer list of certificates than any phone has, and was refused.",
              "Find out what the client is."},
    CauseRule{Cause::certificate_too_complex, [](const Case& c) { return c.we_failed_with(tls::kTooComplex); },
              "The client presented certificates with more elements than any phone's ({detail}), and was refused.",
              "Find out what the client is: such certificates are made to cost a server its memory."},
    CauseRule{Cause::broken_handshake,
              [](const Case& c) {
                // OpenSSL says nothing to a peer whose records have a strange version.
                return (c.row.stage == Stage::server_flight || c.row.stage == Stage::client_flight) && c.failed() &&
                       (c.row.alert_from == "server" || c.we_failed_with("wrong version number"));
              },
              "The client sent something {where} that TLS does not allow there ({detail}), and we ended the handshake.",
              "A scanner does this on purpose. If it is a phone, look for a middlebox that changes the traffic, and "
              "capture it: firstring capture {address}."},

    // ---- what the client did not like about us ----
    CauseRule{Cause::dh_too_large,
              [](const Case& c) {
                if (c.row.key_exchange != "DH" || !c.gave_up_on_our_flight(kCannotCompute)) return false;
                return c.worked_with_smaller_dh() != nullptr ||
                       (c.row.key_exchange_bits > kOldPhonesLimit && !c.row.alert.empty());
              },
              "Our DH group of {key_exchange_bits} bits is too large for the client: {how_it_ended}{worked_dh}.",
              "Give it a personality whose DH group has 1024 bits (dh_bits = 1024), or none."},
    CauseRule{Cause::dh_too_small,
              [](const Case& c) {
                return c.row.key_exchange == "DH" && c.row.key_exchange_bits <= kOldPhonesLimit &&
                       c.client_said("handshake_failure insufficient_security illegal_parameter") &&
                       c.gave_up_on_our_flight(kCannotCompute);
              },
              "Our DH group of {key_exchange_bits} bits is too small for the client: {how_it_ended}.",
              "Give it a personality with a larger DH group or with ECDHE: it is newer than the one that was chosen."},
    CauseRule{Cause::key_too_large,
              [](const Case& c) {
                return c.gave_up_on_our_flight(
                           "handshake_failure illegal_parameter internal_error bad_certificate "
                           "unsupported_certificate certificate_unknown insufficient_security "
                           "decrypt_error") &&
                       c.worked_with_smaller_key() != nullptr;
              },
              "The key of {our_chain} is too large for the client: {how_it_ended}{worked_key}.",
              "Serve it a [[server_chain]] with a smaller RSA key: old firmware computes with up to 1024 bits."},
    CauseRule{
        Cause::name_leads_elsewhere,
        [](const Case& c) {
          return c.name_check() == Case::NameCheck::disagrees &&
                 (c.gave_up_on_our_flight(kRefusals) ||
                  (c.row.stage == Stage::finished && c.row.outcome != Outcome::ok));
        },
        "Our certificate's name {server_name} leads to {name_addresses} in DNS, but the client came to "
        "{local_address}: a phone compares the two, and it left{after_handshake}.",
        "Make the DNS entry of {server_name} name {local_address}, or let the phones connect to {name_addresses}."},
    CauseRule{Cause::name_mismatch,
              [](const Case& c) {
                return c.row.server_name_matches == 0 &&
                       (c.gave_up_on_our_flight(kRefusals) || c.client_said("unrecognized_name") ||
                        (c.row.stage == Stage::finished && c.row.outcome != Outcome::ok));
              },
              "The client asked for '{sni}' (SNI), but {our_chain} is for another name: {how_it_ended}.",
              "Write the name {server_name} in the phone's {url_setting}, or get a certificate for '{sni}'."},
    CauseRule{
        Cause::client_distrusts_our_chain, [](const Case& c) { return c.client_said("unknown_ca"); },
        "The client does not trust the CA of {our_chain} and said unknown_ca.",
        "Phones trust only CAs built into their firmware: use a server certificate from the CA that this model and "
        "firmware know."},
    CauseRule{
        Cause::our_certificate_expired, [](const Case& c) { return c.client_said("certificate_expired"); },
        "The client finds {our_chain} outside its dates and said certificate_expired.",
        "Check the chain's dates with: firstring check. If they are right, the phone's clock is wrong: it needs NTP "
        "before its first https request."},
    CauseRule{
        Cause::client_refuses_our_certificate,
        [](const Case& c) { return c.client_said(kRefusals) || c.client_said("certificate_revoked"); },
        "The client refused {our_chain} with {alert}.{name_check}",
        "Compare the name in our certificate with the name in the phone's {url_setting}, its dates with the phone's "
        "clock, and its CA with the ones that the firmware trusts."},
    CauseRule{Cause::client_cannot_verify_our_signature, [](const Case& c) { return c.client_said("decrypt_error"); },
              "The client could not check a signature of ours ({our_chain}) and said decrypt_error.",
              "If phones of other firmware work with this chain, compare hash, key size and version with theirs."},
    CauseRule{Cause::client_refused_renegotiation, [](const Case& c) { return c.client_said("no_renegotiation"); },
              "The client refused a renegotiation, which this server never asks for.",
              "Capture the connection and report it."},
    CauseRule{
        Cause::client_alert, [](const Case& c) { return c.failed() && c.row.alert_from == "client"; },
        "The client ended the handshake with the alert {alert}{after_offer}.",
        "If older firmware of the same model works, compare version, cipher and key exchange of both in the ledger."},

    // ---- no word ----
    CauseRule{Cause::client_left_after_our_flight,
              [](const Case& c) { return c.failed() && c.row.stage == Stage::server_flight; },
              "The client closed TCP {waited} after it got {our_chain}{and_group}, without an alert.{name_check}",
              "Most often it does not trust our chain, cannot verify its hash, or finds the DH group or key too large: "
              "compare with a phone of the same model that works."},
    CauseRule{
        Cause::client_silent_after_our_flight,
        [](const Case& c) { return c.row.outcome == Outcome::timeout && c.row.stage == Stage::server_flight; },
        "The client went silent after it got {our_chain}{and_group}; we waited {waited}.{name_check}",
        "A slow phone may need a longer handshake_timeout; a firmware that does not like our certificate or DH size "
        "may hang like this too; if large packets get lost on the way, look at the MTU."},
    CauseRule{Cause::closed_in_client_flight,
              [](const Case& c) {
                return c.failed() && c.row.stage == Stage::client_flight &&
                       c.row.detail.find("closed") != std::string::npos;
              },
              "The client closed TCP in the middle of its answer to our flight.",
              "If it repeats, look for a crash of the phone, a middlebox or packet loss on the way."},
    CauseRule{Cause::silent_in_client_flight,
              [](const Case& c) { return c.row.outcome == Outcome::timeout && c.row.stage == Stage::client_flight; },
              "The client sent a part of its answer to our flight and then nothing until we closed after {closed}.",
              "A slow phone may need a longer handshake_timeout; else look for packet loss on the way."},
    CauseRule{Cause::closed_before_our_flight,
              [](const Case& c) {
                return c.failed() && c.row.stage == Stage::hello && c.row.detail.find("closed") != std::string::npos;
              },
              "The client closed TCP before our answer to its ClientHello was written.",
              "A port scanner does this; if a phone does, look for packet loss on the way."},
    CauseRule{Cause::handshake_failed, [](const Case& c) { return c.failed(); },
              "The handshake failed {where}: {detail}.",
              "Look at version, cipher and alert in the row, and compare with a phone of the same model that works."},

    // ---- after the handshake ----
    CauseRule{
        Cause::no_request, [](const Case& c) { return c.row.stage == Stage::finished && c.row.outcome != Outcome::ok; },
        "The handshake was complete, but the client made no request and {ended}.{name_check}",
        "A phone that finds the name or address of our certificate wrong (it compares the CN, {server_name}, its DNS "
        "entry and our address) leaves like this."},
    CauseRule{Cause::slow_request,
              [](const Case& c) { return c.row.outcome == Outcome::timeout && c.row.stage == Stage::request; },
              "The client began a request and did not finish it within the request_timeout.",
              "Look for packet loss on the way."},
    CauseRule{Cause::slow_reader,
              [](const Case& c) { return c.row.outcome == Outcome::timeout && c.row.stage == Stage::response; },
              "The client did not read the whole response within the request_timeout.",
              "Look for packet loss on the way."},
    CauseRule{Cause::timeout, [](const Case& c) { return c.row.outcome == Outcome::timeout; },
              "The client sent nothing more {where}.", "Look for packet loss on the way."},
    CauseRule{Cause::answer_aborted, [](const Case& c) { return c.row.outcome == Outcome::aborted; },
              "The response to {method} {target} was broken off: {detail}.",
              "The file changed or disappeared while it was sent: put new files beside old ones and rename them."},
    CauseRule{Cause::closed, [](const Case&) { return true; }, "The client closed TCP {where}.",
              "If it repeats, look for a middlebox or packet loss on the way."},
};

}  // namespace

Case::Case(const ConnectionRow& the_row, const store::RequestRow* the_request, const History& the_history)
    : row(the_row),
      request(the_request),
      history(the_history),
      personality(tls::find_personality(the_row.personality)) {
  if (row.outcome == Outcome::ok || row.hello.empty()) return;
  hello::Reader reader;
  if (reader.feed(row.hello) == hello::Reader::State::complete) hello = reader.hello();
}

bool Case::client_said(std::string_view names) const {
  return row.alert_from == "client" && has_word(names, row.alert);
}

bool Case::we_failed_with(std::string_view reasons) const {
  if (!failed()) return false;
  const auto all = split(reasons, '|');
  return std::any_of(all.begin(), all.end(), [&](auto reason) { return row.detail.find(reason) != std::string::npos; });
}

bool Case::gave_up_on_our_flight(std::string_view alerts) const {
  if (row.stage != Stage::server_flight || (!failed() && row.outcome != Outcome::timeout)) return false;
  return row.alert.empty() || client_said(alerts);
}

bool Case::lists_only_old_hashes() const {
  const auto& all = hello.signature_algorithms;
  return !all.empty() && std::none_of(all.begin(), all.end(), hello::is_above_sha1);
}

bool Case::offers_only_weak_suites() const {
  // An SSLv2-format hello's SSL 2.0 kinds are all of RC4, RC2, IDEA or DES.
  return (!hello.suites.empty() || !hello.sslv2_kinds.empty()) &&
         std::all_of(hello.suites.begin(), hello.suites.end(), [](auto suite) {
           const std::string_view name = hello::suite_name(suite);
           const auto has = [&](std::string_view part) { return name.find(part) != std::string_view::npos; };
           return hello::is_grease(suite) || has("RC4") || has("DES") || has("RC2") || has("IDEA") || has("NULL") ||
                  has("SCSV");
         });
}

namespace {

/// The first precedent with less of something than was offered now. nullptr if there is none, or if as much worked for
/// the same device or firmware: then it is not that. `measure` gives 0 where there is nothing to compare.
template <class Measure>
const Precedent* worked_with_less(const Case& c, int now, Measure measure) {
  const Precedent* found = nullptr;
  for (const auto& precedent : c.history.precedents) {
    const int then = measure(precedent);
    if (then >= now && (precedent.same_device || precedent.firmware == c.row.firmware)) return nullptr;
    if (then > 0 && then < now && found == nullptr) found = &precedent;
  }
  return found;
}

bool is_private(const IpAddress& address) {
  static const std::array networks{*Prefix::parse("10.0.0.0/8"), *Prefix::parse("172.16.0.0/12"),
                                   *Prefix::parse("192.168.0.0/16"), *Prefix::parse("100.64.0.0/10")};
  return std::any_of(networks.begin(), networks.end(), [&](const auto& network) { return network.contains(address); });
}

}  // namespace

const Precedent* Case::worked_with_smaller_dh() const {
  return worked_with_less(*this, row.key_exchange_bits, [](const Precedent& precedent) {
    return precedent.key_exchange == "DH" ? precedent.key_exchange_bits : 0;
  });
}

const Precedent* Case::worked_with_smaller_key() const {
  return worked_with_less(*this, row.server_key_bits,
                          [](const Precedent& precedent) { return precedent.server_key_bits; });
}

const Precedent* Case::worked_with_sha1() const {
  return worked_with_less(*this, 2, [](const Precedent& precedent) {
    if (precedent.server_hash.empty()) return 0;
    return is_sha1_or_older(precedent.server_hash) ? 1 : 2;
  });
}

Case::NameCheck Case::name_check() const {
  const auto local = IpAddress::parse(row.local_address);
  if (row.server_name_shown.empty() || !history.name || history.name->addresses.empty() || !local)
    return NameCheck::unknown;
  const auto& found = history.name->addresses;
  if (std::find(found.begin(), found.end(), *local) != found.end()) return NameCheck::agrees;
  const bool translated = is_private(*local) && !std::all_of(found.begin(), found.end(), is_private);
  return translated ? NameCheck::undecidable : NameCheck::disagrees;
}

const CauseRule& find_cause(const Case& the_case) {
  if (the_case.request != nullptr && the_case.request->decision == Decision::deny && !is_known_bad(the_case)) {
    const auto cause = cause_of_denial(the_case.request->reason);
    const auto* found =
        std::find_if(kDenials.begin(), kDenials.end(), [&](const auto& rule) { return rule.cause == cause; });
    if (found != kDenials.end()) return *found;
  }
  return *std::find_if(kEndings.begin(), kEndings.end() - 1,
                       [&](const CauseRule& rule) { return rule.applies(the_case); });
}

std::span<const CauseRule> denials() { return kDenials; }
std::span<const CauseRule> endings() { return kEndings; }

}  // namespace firstring::ledger
