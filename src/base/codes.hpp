#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace firstring {

// The stable codes of the ledger. They are enumerations everywhere; their texts stand in the database, in JSON and in
// what people type (docs/reference/ledger.md explains each), and are the enumerators' names. A code is never renamed
// and never means something else later; a new one goes to the end of its list. `unknown` is what a text of another
// version of the program reads as.

/// How a connection ended.
#define FIRSTRING_OUTCOMES(X)                                                             \
  X(ok)                                                                                   \
  X(handshake_failed)                                                                     \
  X(not_tls)                                                                              \
  X(not_http)                                                                             \
  X(timeout)                                                                              \
  X(closed)                                                                               \
  X(limit)                                                                                \
  X(shutdown)                                                                             \
  X(open)        /* it has not: its row is replaced when it has */                        \
  X(server_gone) /* it was open when the server ended without a word: crash, power cut */ \
  X(aborted)     /* we broke the answer off: the rest of its body could not be had */

/// How far a connection got.
#define FIRSTRING_STAGES(X)                                                           \
  X(tcp)           /* nothing was read */                                             \
  X(hello)         /* its ClientHello has begun */                                    \
  X(server_flight) /* our certificate and its company are written */                  \
  X(client_flight) /* the client has answered with its certificate or key exchange */ \
  X(finished)      /* both Finished are there */                                      \
  X(request)       /* a request has begun */                                          \
  X(response)      /* its answer is on the way */                                     \
  X(done)          /* its answer was taken */

/// Reasons to deny a request that are causes of their own.
#define FIRSTRING_DENIALS(X) \
  X(no_certificate)          \
  X(quarantined)             \
  X(other_device)            \
  X(pin_mismatch)            \
  X(downgraded)              \
  X(generic_certificate)     \
  X(unusable_certificate)    \
  X(unknown_ca)              \
  X(bad_signature)           \
  X(known_bad_certificate)   \
  X(expired)                 \
  X(not_yet_valid)           \
  X(weak_key)                \
  X(weak_hash)               \
  X(wrong_purpose)           \
  X(revoked)                 \
  X(malformed_certificate)   \
  X(chain_too_long)          \
  X(not_a_ca)                \
  X(bad_certificate)         \
  X(unknown_device)          \
  X(no_such_file)            \
  X(needs_tls)               \
  X(method_not_allowed)      \
  X(render_failed)           \
  X(other_maker)

/// Why a request was answered as it was, and what was found of a certificate chain.
#define FIRSTRING_REASONS(X)                  \
  X(none)     /* of a chain: there is none */ \
  X(accepted) /* of a chain */                \
  X(crl_expired)                              \
  X(bound)   /* the device's own file */      \
  X(public_) /* for anybody */                \
  FIRSTRING_DENIALS(X)                        \
  X(bad_request_line)                         \
  X(tls_to_plain)                             \
  X(no_version)                               \
  X(bad_version)                              \
  X(target_too_long)                          \
  X(bad_target)                               \
  X(head_too_large)                           \
  X(bad_header)                               \
  X(no_host)                                  \
  X(two_hosts)                                \
  X(bad_host)                                 \
  X(bad_framing)                              \
  X(length_required)                          \
  X(unexpected_body)                          \
  X(body_too_large)                           \
  X(expectation_failed)

/// What a connection came to, with what is known of the past: the word for which `explain` has a sentence.
#define FIRSTRING_CAUSES(X)             \
  FIRSTRING_DENIALS(X)                  \
  X(known_bad_hardware)                 \
  X(bad_request)                        \
  X(served)                             \
  X(open)                               \
  X(server_gone)                        \
  X(shutdown)                           \
  X(no_memory)                          \
  X(evicted)                            \
  X(left_waiting)                       \
  X(not_http)                           \
  X(plain_http)                         \
  X(not_tls)                            \
  X(no_bytes)                           \
  X(silent)                             \
  X(closed_in_hello)                    \
  X(half_hello)                         \
  X(client_asked_renegotiation)         \
  X(too_old)                            \
  X(ssl3_only)                          \
  X(quarantine_ended)                   \
  X(fallback_refused)                   \
  X(no_common_version)                  \
  X(weak_ciphers_only)                  \
  X(no_common_cipher)                   \
  X(client_lacks_sha256)                \
  X(no_common_signature)                \
  X(no_common_group)                    \
  X(client_key_mismatch)                \
  X(certificate_list_too_long)          \
  X(certificate_too_complex)            \
  X(broken_handshake)                   \
  X(dh_too_large)                       \
  X(dh_too_small)                       \
  X(key_too_large)                      \
  X(name_leads_elsewhere)               \
  X(name_mismatch)                      \
  X(client_distrusts_our_chain)         \
  X(our_certificate_expired)            \
  X(client_refuses_our_certificate)     \
  X(client_cannot_verify_our_signature) \
  X(client_refused_renegotiation)       \
  X(client_alert)                       \
  X(client_left_after_our_flight)       \
  X(client_silent_after_our_flight)     \
  X(closed_in_client_flight)            \
  X(silent_in_client_flight)            \
  X(closed_before_our_flight)           \
  X(handshake_failed)                   \
  X(no_request)                         \
  X(slow_request)                       \
  X(slow_reader)                        \
  X(timeout)                            \
  X(closed)                             \
  X(answer_aborted)

#define FIRSTRING_ENUMERATOR(name) name,
enum class Outcome : std::uint8_t { unknown, FIRSTRING_OUTCOMES(FIRSTRING_ENUMERATOR) };
enum class Stage : std::uint8_t { unknown, FIRSTRING_STAGES(FIRSTRING_ENUMERATOR) };
enum class Reason : std::uint8_t { unknown, FIRSTRING_REASONS(FIRSTRING_ENUMERATOR) };
enum class Cause : std::uint8_t { unknown, FIRSTRING_CAUSES(FIRSTRING_ENUMERATOR) };
/// What was decided of a request.
enum class Decision : std::uint8_t { unknown, allow, deny };
#undef FIRSTRING_ENUMERATOR

namespace codes {

/// An enumerator's name as it is written: an underscore at the end only keeps it apart from a C++ keyword.
constexpr std::string_view written(std::string_view name) {
  return name.ends_with('_') ? name.substr(0, name.size() - 1) : name;
}

#define FIRSTRING_NAME(name) written(#name),
inline constexpr std::array kOutcomes{std::string_view{"unknown"}, FIRSTRING_OUTCOMES(FIRSTRING_NAME)};
inline constexpr std::array kStages{std::string_view{"unknown"}, FIRSTRING_STAGES(FIRSTRING_NAME)};
inline constexpr std::array kReasons{std::string_view{"unknown"}, FIRSTRING_REASONS(FIRSTRING_NAME)};
inline constexpr std::array kCauses{std::string_view{"unknown"}, FIRSTRING_CAUSES(FIRSTRING_NAME)};
inline constexpr std::array kDecisions{std::string_view{"unknown"}, std::string_view{"allow"},
                                       std::string_view{"deny"}};
#undef FIRSTRING_NAME

constexpr const auto& texts(Outcome /*of*/) { return kOutcomes; }
constexpr const auto& texts(Stage /*of*/) { return kStages; }
constexpr const auto& texts(Reason /*of*/) { return kReasons; }
constexpr const auto& texts(Cause /*of*/) { return kCauses; }
constexpr const auto& texts(Decision /*of*/) { return kDecisions; }

}  // namespace codes

/// One of the enumerations of this file.
template <class Code>
concept StableCode = requires(Code code) { codes::texts(code); };

template <StableCode Code>
constexpr std::string_view to_string(Code code) {
  return codes::texts(code)[static_cast<std::size_t>(code)];
}

/// The code with that text; `unknown` if there is none.
template <StableCode Code>
constexpr Code parse_code(std::string_view text) {
  const auto& texts = codes::texts(Code{});
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (texts[i] == text) return static_cast<Code>(i);
  }
  return Code::unknown;
}

/// The text, into a std::ostream: for tests.
template <class Stream, StableCode Code>
Stream& operator<<(Stream& out, Code code) {
  out << to_string(code);
  return out;
}

/// The cause that a denial for this reason is; nullopt if it is none of its own.
constexpr std::optional<Cause> cause_of_denial(Reason reason) {
  switch (reason) {
#define FIRSTRING_CASE(name) \
  case Reason::name:         \
    return Cause::name;
    FIRSTRING_DENIALS(FIRSTRING_CASE)
#undef FIRSTRING_CASE
    default:
      return std::nullopt;
  }
}

}  // namespace firstring
