#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/secret.hpp"
#include "manage/desk.hpp"
#include "manage/version.hpp"

namespace firstring::manage {

/// The SIP account that a line of a device is to have.
struct LineChange {
  MacAddress mac;
  unsigned number = 1;  ///< from 1 to what the model has
  std::string user{}, proxy{}, display{};
  store::Transport transport = store::Transport::udp;
  bool srtp = false;
  std::optional<Secret> password{};  ///< means itself, braces and all; nothing: the line keeps the one that it has
  SeenVersion seen{};                ///< of the device's lines
};

/// Why set_line would refuse: not_found if the device is not there, invalid_input for a line that the model does not
/// have, a text that cannot be rendered or a password that cannot.
Result<void> check_line(const Desk& desk, const LineChange& wanted);
Result<Changed<store::Line>> set_line(const Desk& desk, const LineChange& wanted);

Result<std::vector<store::Line>> list_lines(const Desk& desk, const MacAddress& mac);

}  // namespace firstring::manage
