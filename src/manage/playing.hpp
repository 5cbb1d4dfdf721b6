#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/issue.hpp"
#include "manage/desk.hpp"
#include "simulator/simulator.hpp"
#include "simulator/storm.hpp"

namespace firstring::manage {

/// A phone that `simulate` is to play.
struct PhoneToPlay {
  MacAddress mac;
  std::optional<std::filesystem::path> dir{};  ///< the state folder that may know it
  std::string model{};                         ///< "": as the state folder has it
  std::string firmware{};                      ///< "": the newest known
  bool with_certificate = true;
  std::filesystem::path certificate{}, key{};  ///< PEM; empty: those that `init --demo` left in the state folder
};
/// not_found if its model is not known, or its certificate is not there.
Result<simulator::Phone> phone_to_play(const PhoneToPlay& wanted);

/// The certificates in the files, or for none the root of a demonstration's server chains, if `dir` has one.
Result<std::vector<crypto::Certificate>> roots_to_trust(std::vector<std::string> files,
                                                        const std::optional<std::filesystem::path>& dir);

/// Devices that are in no fleet, counted up from the first MAC address.
Result<std::vector<store::Device>> made_up_devices(std::string_view model, const MacAddress& first, unsigned count);
/// The fleet's first `most` devices; not_found if it has none.
Result<std::vector<store::Device>> devices_to_play(const Desk& desk, std::size_t most);

/// The CA that signs the certificates of played phones. invalid_input if the key is not the certificate's.
Result<crypto::Issued> read_maker(const std::filesystem::path& certificate, const std::filesystem::path& key);
/// That of a state folder made with --demo.
Result<crypto::Issued> demo_maker(const std::filesystem::path& dir);

/// The one key of all phones of a storm. Made if the file is not there, and kept: a server that remembers a phone's key
/// must find it again in the next storm.
Result<crypto::PrivateKey> kept_phone_key(const std::filesystem::path& file);

/// Gives each device a certificate. `progress` is told how many have one.
Result<std::vector<simulator::StormPhone>> make_storm_phones(const std::vector<store::Device>& devices,
                                                             const crypto::PrivateKey& key, const crypto::Issued& maker,
                                                             const std::function<void(std::size_t)>& progress);

}  // namespace firstring::manage
