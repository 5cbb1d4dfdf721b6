#pragma once

#include "store/ledger_store.hpp"

namespace firstring::ledger {

/// How many bytes of what a peer sent its rows keep.
struct CutLimits {
  std::size_t hello, target;  ///< what is cut has its length and SHA-256 beside it
  std::size_t text;           ///< User-Agent, names of certificates, SNI, detail: ends in "..." where it is cut
  std::size_t certificate;    ///< a longer one is left out: its SHA-256 is there
  std::size_t errors;         ///< of the list of a chain's faults, how many
};
/// For clients without an accepted certificate that are no device of the fleet.
inline constexpr CutLimits kStrangerLimits{
    .hello = 2048, .target = 1024, .text = 512, .certificate = 4096, .errors = 8};
inline constexpr CutLimits kPhoneLimits{
    .hello = 16'384, .target = 2048, .text = 1024, .certificate = 16'384, .errors = 16};

/// Cuts what is longer than its limit, by the row's Standing, so that no row takes more than 20 KiB of a stranger,
/// 64 KiB of a phone. What a connection came to (ConnectionRow::cause) is to be found before.
void cut(store::ConnectionRow& row);
void cut(store::RequestRow& row);

/// Whether the hello was cut, and so cannot be parsed.
inline bool is_hello_cut(const store::ConnectionRow& row) { return row.hello_length > 0; }
/// A sentence about it for people: "of its 65000 bytes the ledger keeps the first 2048, and the SHA-256 ...".
std::string cut_hello_text(const store::ConnectionRow& row);

}  // namespace firstring::ledger
