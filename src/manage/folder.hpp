#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/config.hpp"

namespace firstring::manage {

/// Fails, and says how to make one, if `dir` holds no firstring.toml.
Result<void> check_state_folder(const std::filesystem::path& dir);

/// What `serve` would say of a state folder before it begins.
struct FolderCheck {
  std::vector<config::Diagnostic> diagnostics;
  std::size_t listeners = 0, server_chains = 0, device_cas = 0;  ///< of a good one

  bool ok() const;  ///< no diagnostic is an error
};
FolderCheck check_folder(const std::filesystem::path& dir);

struct NewFolder {
  std::filesystem::path dir;  ///< empty or not there yet
  std::string host = config::Server{}.host;
  bool demo = false;  ///< with a throwaway maker, certificates and four phones, to be served on this machine alone
  unsigned phone_port = 8443, bootstrap_port = 8080;  ///< of a demonstration's listeners
};
/// Makes a state folder that only its owner may enter; nothing stays of one that fails. invalid_input for a host or
/// ports that firstring.toml could not have, conflict if something is there already.
Result<void> make_folder(const NewFolder& wanted);

}  // namespace firstring::manage
