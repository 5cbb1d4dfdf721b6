#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "config/config.hpp"
#include "server/state.hpp"

namespace firstring::server {

/// What is wrong with dir/secrets.key: that it cannot be read, or that it is not the key of what is sealed in
/// dir/firstring.db; a warning if it opens some of that only. Nothing sealed, nothing wrong. Changes nothing, and opens
/// no secret. A missing database is reported by its opener, not here.
std::vector<config::Diagnostic> check_secrets(const std::filesystem::path& dir);

/// build_state and check_secrets: what `firstring check` reports, and the first phase of start and reload.
Built check_folder(const std::filesystem::path& dir, std::shared_ptr<tls::SessionCache> sessions = {});

}  // namespace firstring::server
