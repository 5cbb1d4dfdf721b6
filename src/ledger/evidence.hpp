#pragma once

#include <string>
#include <vector>

#include "base/mac_address.hpp"
#include "ledger/archive.hpp"
#include "store/ledger_store.hpp"

namespace firstring::ledger {

/// Everything that goes to a vendor about one phone. Built by the caller from rows that concerns() it, each passed
/// through without_others(), and from captures passed through without_withheld().
struct Evidence {
  MacAddress mac;
  std::string model, serial;  ///< as entered; may be empty
  Timestamp since{}, made{};
  std::vector<store::LedgerEntry> entries;  ///< oldest first
  std::vector<store::AlarmRow> alarms;      ///< oldest first
  std::vector<ArchiveFile> captures;        ///< by their names in evidence/
  std::size_t captures_left_out = 0;        ///< too large altogether, or gone
  bool documents_included = false;          ///< captures hold the answers' bodies
};

/// Whether a connection is that phone's: its certificate names it, or it showed none and asked for the phone's file, or
/// it failed and came from where the phone came from last with this hello.
bool concerns(const MacAddress& mac, const store::ConnectionRow& row);

/// The entry without what is not the vendor's: addresses and names of other phones, queries and passwords in URLs, and
/// the bytes of what was no ClientHello.
store::LedgerEntry without_others(const MacAddress& mac, store::LedgerEntry entry);
/// The text with every MAC address but this one replaced.
std::string without_others(const MacAddress& mac, std::string_view text);

/// One page in words for the vendor's engineer: who, what happened, since when, which step failed, what was offered and
/// answered, how to reproduce it, what we ask.
std::string summary(const Evidence& evidence);

/// The files of the bundle: summary.txt, ledger.jsonl, alarms.txt, hellos, personalities, captures.
std::vector<ArchiveFile> bundle(const Evidence& evidence);

}  // namespace firstring::ledger
