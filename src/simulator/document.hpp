#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "device/model.hpp"

namespace firstring::simulator {

/// What a phone finds in a profile that it fetched.
struct Document {
  std::string_view form;  ///< for people: "flat-profile XML", "lines of name = value"
  bool gzip = false;
  std::size_t parameters = 0;         ///< of XML, elements without child elements
  bool has_account_password = false;  ///< a password of one of the model's lines, not empty
  std::string resync_periodic;        ///< by the name that the model has for it; as the profile sets it, else empty
};

/// Reads a profile as phones of the model do, gzip or plain, at most 4 MiB: flat-profile XML (spa-phones.md 4.1, 4.2)
/// or lines of name = value (other-makers.md 2). Shares no code with what writes them. The error says why a phone would
/// call it corrupt.
Result<Document> read_document(std::string_view body, const device::Model& model);

}  // namespace firstring::simulator
