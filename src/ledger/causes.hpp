#pragma once

// Private to this module and its tests: explain.hpp is what others use.

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "hello/client_hello.hpp"
#include "ledger/history.hpp"
#include "store/ledger_store.hpp"
#include "tls/personality.hpp"

namespace firstring::ledger {

/// One ended connection as a cause looks at it. Refers to what it is made from.
class Case {
 public:
  /// `request`: the last that was denied, else the last; nullptr if there was none.
  Case(const store::ConnectionRow& row, const store::RequestRow* request, const History& history);

  const store::ConnectionRow& row;
  const store::RequestRow* request;
  const History& history;
  /// The ClientHello; a default one if there was none, or if the connection ended well and nobody needs it.
  hello::ClientHello hello;
  const tls::Personality* personality;  ///< nullptr if this program does not know it

  bool failed() const { return row.outcome == Outcome::handshake_failed; }
  /// The client's alert is one of `names`, which are separated by spaces.
  bool client_said(std::string_view names) const;
  /// OpenSSL's reason for a failure on our side names one of these, separated by '|'.
  bool we_failed_with(std::string_view reasons) const;
  /// The client ended the handshake, by one of these alerts, by closing or by silence, when it had our certificate and
  /// owed us its answer.
  bool gave_up_on_our_flight(std::string_view alerts) const;
  /// The signature algorithms in its hello name none above SHA-1 (RFC 5246 section 7.4.1.4.1).
  bool lists_only_old_hashes() const;
  /// All suites that it offered are of RC4 or single or triple DES.
  bool offers_only_weak_suites() const;

  // What was completed before with a smaller DH group, with a smaller key of ours, with a chain signed with SHA-1;
  // nullptr if nothing was, or if as much as now worked for the same device or firmware.
  const Precedent* worked_with_smaller_dh() const;
  const Precedent* worked_with_smaller_key() const;
  const Precedent* worked_with_sha1() const;

  /// What the phone's own comparison of CN, DNS and address comes to (spa-phones 1.3).
  enum class NameCheck : unsigned char {
    unknown,      ///< not looked up, or DNS gave no answer
    agrees,       ///< the name leads to the address that the phone came to
    disagrees,    ///< it leads elsewhere
    undecidable,  ///< it leads elsewhere, but the address here is a private one: somebody translates
  };
  NameCheck name_check() const;
};

/// One way in which a connection ends, as docs/reference/ledger.md lists them.
struct CauseRule {
  Cause cause;
  bool (*applies)(const Case&);          ///< nullptr for a denial
  std::string_view explanation, remedy;  ///< with {placeholders}, see words.cpp
};

/// What a denied request came to, by the decision's reason: cause_of_denial.
std::span<const CauseRule> denials();
/// Everything else, in this order: the first that applies is the cause, the last does always.
std::span<const CauseRule> endings();
const CauseRule& find_cause(const Case& the_case);

/// `text` with its {placeholders} replaced by what they stand for in this case. One that is unknown is a bug, and stays
/// for the tests to find.
std::string fill_in(std::string_view text, const Case& the_case);

}  // namespace firstring::ledger
