#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "config/config.hpp"
#include "crypto/certificate.hpp"
#include "store/ledger_store.hpp"

namespace firstring::manage {

/// A date on which something stops.
struct Expiry {
  std::string kind{};           ///< stable code: "server_chain", "device_ca", "crl", "accept_expired_until", "phones"
  std::string name{};           ///< of the [[server_chain]] or [[device_ca]]
  Timestamp at{};               ///< from then on
  std::string what{}, stops{};  ///< for people
  std::vector<std::string> personalities{};  ///< that show the server chain, on some listener
  std::size_t phones = 0;                    ///< how many it stops, or touches
};

/// Gathers such dates from the configuration, the files that it names and the certificates that phones show.
class ExpiryReport {
 public:
  explicit ExpiryReport(const config::Config& config);

  /// Counts a phone; the certificate's own end is a date too.
  void add(const store::CertificateInUse& phone);
  /// Counts so many phones for everything: where the ledger does not tell which phone uses what.
  void add_everywhere(std::size_t phones);

  std::size_t phones() const { return phones_; }  ///< counted by `add`
  /// Files that could not be read, and are missing in the list.
  const std::vector<std::string>& problems() const { return problems_; }
  /// Soonest first.
  std::vector<Expiry> list() const;

 private:
  /// A certificate of the configuration with its place in dates_, none if nothing stops when it ends.
  struct Watched {
    crypto::Certificate certificate;
    std::size_t date;
  };
  /// A [[device_ca]] as far as dates are concerned.
  struct DeviceCa {
    std::vector<Watched> certificates;
    Timestamp expired_accepted_before = Timestamp::min();
    std::size_t rule_date;  ///< of accept_expired_until
  };
  /// One of the certificates of a server chain, with the dates of all that are sent with it.
  struct Pair {
    int key_bits;
    std::vector<std::size_t> dates;
  };
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  void add_server_chain(const config::Config& config, const config::ServerChain& chain,
                        const std::vector<std::string>& personalities);
  void add_device_ca(const config::Config& config, const config::DeviceCa& section);
  std::size_t add_date(Expiry expiry);
  void count(std::size_t date);
  template <class T>
  std::vector<T> read(Result<std::vector<T>> content);

  std::vector<Expiry> dates_;
  std::map<std::string, std::vector<Pair>, std::less<>> by_chain_;
  std::map<std::string, DeviceCa, std::less<>> device_cas_;
  std::map<std::pair<std::string, std::string>, std::size_t> by_month_;  ///< device CA, "2027-03"
  std::vector<std::string> problems_;
  std::size_t phones_ = 0;
};

}  // namespace firstring::manage
