#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mac_address.hpp"
#include "base/result.hpp"
#include "crypto/certificate.hpp"
#include "device/model.hpp"

namespace firstring::simulator {

/// What the maker put into a phone.
struct Credentials {
  std::vector<crypto::Certificate> chain;  ///< the phone's own certificate first
  crypto::PrivateKey key;
};

/// One phone as it leaves its box.
struct Phone {
  device::Model model;
  MacAddress mac;
  std::string serial;
  std::string firmware;  ///< empty: the newest that the model's data name
  std::optional<Credentials> credentials;
};

/// `phone.firmware`, or the model's newest.
std::string firmware_of(const Phone& phone);

/// The User-Agent that the phone sends.
std::string user_agent(const Phone& phone);

/// Expands the macros of the phone's maker (vendor::Code), or {mac} and the like as in user_agent for one whose phones
/// have none.
std::string expand_macros(std::string_view text, const Phone& phone);

/// The path of the phone's own profile, expanded. Error: the model's data name none.
Result<std::string> own_profile_path(const Phone& phone);

/// Whether a text can stand in a request line or a header: no spaces, no control characters.
bool stands_in_request(std::string_view text);

/// `path` with its macros expanded, or the phone's own profile if it is empty. Error: it is no path.
Result<std::string> request_path(const Phone& phone, std::string_view path);

}  // namespace firstring::simulator
