#pragma once

#include <string_view>

namespace firstring::server {

/// Tells systemd (sd_notify(3)) by the datagram socket in NOTIFY_SOCKET; does nothing where there is none.
/// `state` is lines such as "READY=1".
void notify_systemd(std::string_view state);

/// "RELOADING=1" with the clock that systemd wants beside it.
void notify_reloading();

}  // namespace firstring::server
