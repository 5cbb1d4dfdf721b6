#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "device/model.hpp"

namespace firstring::simulator {

/// What a phone finds in a profile that it fetched (spa-phones.md 4.1 and 4.2).
struct Document {
  bool gzip = false;
  std::size_t parameters = 0;            ///< elements without child elements
  bool has_account_password = false;     ///< a password of one of the model's lines, not empty
  std::string resync_periodic;           ///< as the profile sets it; empty if it does not
  std::string resync_error_retry_delay;  ///< likewise
};

/// Reads gzip or plain flat-profile XML of at most 4 MiB. The error says why a phone would call it corrupt.
Result<Document> read_document(std::string_view body, const device::Model& model);

}  // namespace firstring::simulator
