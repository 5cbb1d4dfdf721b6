#pragma once

#include <filesystem>

#include "base/result.hpp"

namespace firstring::server {

/// Serves the state folder until SIGTERM or SIGINT, then drains; SIGHUP reloads in two phases: everything new is built
/// and checked, and only then swapped in. Logs to stderr, tells systemd. Fails if it cannot begin.
Result<void> serve(const std::filesystem::path& dir);

}  // namespace firstring::server
