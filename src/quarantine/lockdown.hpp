#pragma once

#include <cstddef>
#include <string>

#include "base/result.hpp"

// What the process gives up before it meets its first client. In this order, since each step takes away what the one
// before it needs.
namespace firstring::quarantine {

/// Closes every descriptor but 0 to 2 and `keep`.
Result<void> close_descriptors(int keep);

/// Becomes `user`, without any group besides its own, if it is root; an ordinary user stays who it is. Can gain nothing
/// back, is hidden from other processes of that user, and ends with the server. Errors: not_found if there is no such
/// user, invalid_input if that is root again.
Result<void> drop_privileges(const std::string& user);

/// Memory, descriptors, no core file, no processes. `connections`: that the process may have at once.
Result<void> limit_resources(std::size_t connections);

/// From here on, any system call but those of a loop over sockets ends the process: no file is opened, nothing is
/// executed, no socket is made. seccomp(2). In a build with sanitizers such a call fails instead (EPERM), so that the
/// sanitizer can say what it found.
Result<void> forbid_system_calls();

}  // namespace firstring::quarantine
