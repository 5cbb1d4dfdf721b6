#include "manage/playing.hpp"

#include <fmt/format.h>

#include <chrono>
#include <iterator>
#include <system_error>
#include <utility>

#include "base/file.hpp"
#include "crypto/demo_pki.hpp"
#include "manage/lookup.hpp"
#include "store_sqlite/open.hpp"

namespace firstring::manage {
namespace {

namespace fs = std::filesystem;

/// The given ones, else those that `init --demo` left in the state folder.
Result<simulator::Credentials> credentials_of(const PhoneToPlay& wanted) {
  auto certificate = wanted.certificate, key = wanted.key;
  if (certificate.empty()) {
    const auto base = wanted.dir ? *wanted.dir / "demo" / "phones" : fs::path{"demo/phones"};
    certificate = base / (wanted.mac.bare() + ".crt");
    key = base / (wanted.mac.bare() + ".key");
    std::error_code error;
    if (!fs::exists(certificate, error)) {
      return fail(Errc::not_found,
                  fmt::format("there is no {}; name the phone's certificate with --cert and --key, or send "
                              "none with --no-certificate",
                              certificate.string()));
    }
  }
  FIRSTRING_TRY(auto chain, crypto::Certificate::chain_from_file(certificate));
  FIRSTRING_TRY(auto private_key, crypto::PrivateKey::from_file(key));
  return simulator::Credentials{std::move(chain), std::move(private_key)};
}

}  // namespace

Result<simulator::Phone> phone_to_play(const PhoneToPlay& wanted) {
  simulator::Phone phone;
  phone.mac = wanted.mac;
  phone.firmware = wanted.firmware;
  auto model = wanted.model;
  if (wanted.dir) {
    FIRSTRING_TRY(const auto fleet, store::sqlite::open_fleet(*wanted.dir, store::sqlite::OpenMode::existing));
    if (const auto device = fleet->device(phone.mac)) {
      if (model.empty()) model = device->model;
      phone.serial = device->serial;
    }
  }
  if (model.empty()) {
    return fail(Errc::not_found,
                fmt::format("the model of {} is not known; name it with --model, or the state folder that "
                            "has it with --dir",
                            phone.mac.bare()));
  }
  FIRSTRING_TRY(const auto* known, find_model(model));
  phone.model = *known;
  if (wanted.with_certificate) {
    FIRSTRING_TRY(auto credentials, credentials_of(wanted));
    phone.credentials.emplace(std::move(credentials));
  }
  return phone;
}

Result<std::vector<crypto::Certificate>> roots_to_trust(std::vector<std::string> files,
                                                        const std::optional<fs::path>& dir) {
  if (files.empty() && dir) {
    const auto demo_root = *dir / "pki" / "server-root.crt";
    std::error_code error;
    if (fs::exists(demo_root, error)) files.push_back(demo_root.string());
  }
  std::vector<crypto::Certificate> all;
  for (const auto& file : files) {
    FIRSTRING_TRY(auto chain, crypto::Certificate::chain_from_file(file));
    all.insert(all.end(), std::make_move_iterator(chain.begin()), std::make_move_iterator(chain.end()));
  }
  return all;
}

Result<std::vector<store::Device>> made_up_devices(std::string_view model_name, const MacAddress& first,
                                                   unsigned count) {
  FIRSTRING_TRY(const auto* const model, find_model(model_name));
  constexpr std::uint64_t kMacs = std::uint64_t{1} << 48;
  if (first.as_number() + count > kMacs)
    return fail(Errc::invalid_input,
                fmt::format("count {} MAC addresses up from {}: there are not so many", count, first.bare()));
  std::vector<store::Device> devices(count);
  for (unsigned i = 0; i < count; ++i) {
    devices[i].mac = MacAddress::from_number(first.as_number() + i);
    devices[i].model = model->name;
    devices[i].serial = fmt::format("STORM{:06}", i);
  }
  return devices;
}

Result<std::vector<store::Device>> devices_to_play(const Desk& desk, std::size_t most) {
  FIRSTRING_TRY(auto devices, desk.fleet->devices());
  if (devices.size() > most) devices.resize(most);
  if (devices.empty())
    return fail(Errc::not_found, "the state folder has no devices; add some with: firstring device import FILE.csv");
  return devices;
}

Result<crypto::Issued> read_maker(const fs::path& certificate, const fs::path& key) {
  FIRSTRING_TRY(auto chain, crypto::Certificate::chain_from_file(certificate));
  FIRSTRING_TRY(auto private_key, crypto::PrivateKey::from_file(key));
  if (!private_key.matches(chain.front())) {
    return fail(Errc::invalid_input, fmt::format("use the phones' maker: {} is not the key of {}; give the two that "
                                                 "belong together",
                                                 key.string(), certificate.string()));
  }
  return crypto::Issued{std::move(chain.front()), std::move(private_key)};
}

Result<crypto::Issued> demo_maker(const fs::path& dir) {
  const auto key = dir / "demo" / "maker.key";
  std::error_code error;
  if (!fs::exists(key, error)) {
    return fail(Errc::not_found,
                fmt::format("there is no {}, which signs the phones' certificates; name a folder made with "
                            "`firstring init --demo`, or a maker with --maker-cert and --maker-key",
                            key.string()));
  }
  return read_maker(dir / "pki" / "device-ca-demo.crt", key);
}

Result<crypto::PrivateKey> kept_phone_key(const fs::path& file) {
  std::error_code error;
  if (fs::exists(file, error)) return crypto::PrivateKey::from_file(file);
  FIRSTRING_TRY(auto key, crypto::demo_phone_key());
  FIRSTRING_CHECK(write_file(file, key.to_pem(), 0600));
  return key;
}

Result<std::vector<simulator::StormPhone>> make_storm_phones(const std::vector<store::Device>& devices,
                                                             const crypto::PrivateKey& key, const crypto::Issued& maker,
                                                             const std::function<void(std::size_t)>& progress) {
  std::vector<simulator::StormPhone> phones;
  phones.reserve(devices.size());
  for (const auto& device : devices) {
    progress(phones.size());
    FIRSTRING_TRY(const auto* const model, find_model(device.model));
    FIRSTRING_TRY(const auto certificate,
                  crypto::issue_demo_phone({device.mac, model->name, device.serial}, key, maker));
    phones.push_back({device.mac, model, device.serial, certificate.to_der()});
  }
  return phones;
}

}  // namespace firstring::manage
