#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "crypto/secret_box.hpp"
#include "store/fleet.hpp"

namespace firstring::manage {

/// Where the key of the database's secrets lies in a state folder.
inline constexpr std::string_view kSecretsFile = "secrets.key";

/// Who does something.
struct Author {
  std::string name;  ///< an operator's; at the command line, the system's user
  std::string via;   ///< how it came: "command line", or from which address
};

/// An operator at work: what a use case works on, and for whom.
struct Desk {
  std::filesystem::path dir;  ///< the state folder
  std::shared_ptr<store::FleetStore> fleet;
  Author author;
  Clock clock = now;

  Timestamp time() const { return clock(); }
};

/// Opens the fleet in `dir`. Errors as store::sqlite::open_fleet.
Result<Desk> open_desk(const std::filesystem::path& dir, Author author);

/// The state folder's key of secrets. Opened only by the use cases that need it: without the key the others work.
Result<crypto::SecretBox> open_secrets(const std::filesystem::path& dir);

/// A change of the fleet that was made.
struct Change {
  std::string action;   ///< "device.add": stable
  std::string subject;  ///< what was changed: "000e08abcdef", "group:lobby", "000e08abcdef line 1"
  Author author;
  Timestamp at{};
  std::int64_t revision = 0;  ///< the fleet's, after it
};

/// What a changing use case gives back.
template <class T>
struct Changed {
  T value;
  Change change;
};

/// Carries out `write`. Every change of the fleet goes through this one function, which knows who makes it.
Result<Change> commit(const Desk& desk, std::string_view action, std::string subject,
                      const std::function<Result<void>(store::FleetStore&)>& write);

}  // namespace firstring::manage
