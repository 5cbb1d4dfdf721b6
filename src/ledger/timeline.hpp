#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ledger/history.hpp"
#include "ledger/next_contact.hpp"
#include "store/ledger_store.hpp"

namespace firstring::ledger {

/// What a device or address did, as far as the ledger knows.
struct Story {
  struct Chapter {
    store::LedgerEntry entry;
    History history;
  };
  std::string who{};                ///< MAC or IP address
  std::vector<Chapter> chapters{};  ///< oldest first
  std::vector<store::AlarmRow> alarms{};
  std::optional<NextContact> next{};
};

/// For a person: each connection with its steps, times and requests, what it came to and what to do; then the alarms,
/// and when the device should come next.
std::string timeline(const Story& story);

/// What a phone computed in a handshake, and what it or its model computed in others: "of which the phone computed
/// about 2.9 s; with DH 1024 it took 0.4 s". Empty if that is not known.
std::string computing_time(const store::ConnectionRow& row, const History& history);

}  // namespace firstring::ledger
