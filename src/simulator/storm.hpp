#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/mac_address.hpp"
#include "base/result.hpp"
#include "crypto/certificate.hpp"
#include "device/model.hpp"
#include "simulator/client_traits.hpp"
#include "simulator/distribution.hpp"
#include "simulator/storm_connection.hpp"
#include "simulator/storm_plan.hpp"

namespace firstring::simulator {

/// One phone of a storm: small, since there are thousands.
struct StormPhone {
  MacAddress mac;
  const device::Model* model = nullptr;
  std::string serial;
  Bytes certificate;  ///< DER, for StormPlan::key
};

/// A fleet that comes back after a power cut: each phone fetches its profile once, as a phone of its model does.
struct StormPlan {
  std::string server;                           ///< as Attempt::server, https
  std::string path{};                           ///< as Attempt::path
  std::vector<StormPhone> phones;               ///< at least one
  crypto::PrivateKey key;                       ///< of all of them: making thousands takes hours
  const ClientTraits* tls = nullptr;            ///< of all of them; nullptr: each as its model does
  std::chrono::milliseconds over{40'000};       ///< they come within this
  std::chrono::milliseconds think{6'000};       ///< what a phone computes in a full handshake, before its own flight
  std::chrono::milliseconds deadline{600'000};  ///< after it began; then all is ended
  unsigned misbehaving = 0;                     ///< further peers, which hold what they have until all phones are done
  unsigned sources = 0;                         ///< see source_of(); only for a server on 127.0.0.0/8
  unsigned resumptions = 0;                     ///< so often each phone comes again at once with its session
  std::uint64_t seed = 1;
};

struct StormProgress {
  std::chrono::milliseconds elapsed{0};
  unsigned arrived = 0, served = 0, failed = 0;  ///< phones
};

/// Of the peers of one misbehaving role.
struct Misbehaved {
  unsigned came = 0, refused = 0;
  unsigned closed_by_server = 0;  ///< before the storm was over
};

struct StormReport {
  unsigned phones = 0;
  std::array<unsigned, kEndings> endings{};   ///< of phones, by Ending; their sum is `phones`
  std::map<std::string, unsigned> failures;   ///< those not served in detail: "tls_failed: fatal alert 40, ..."
  std::array<Misbehaved, kRoles> misbehaved;  ///< by Role
  unsigned connections = 0;                   ///< TCP connections that were established, by anybody
  unsigned resumed = 0;                       ///< visits whose session the server took up again
  unsigned most_open = 0;                     ///< connections of phones at once
  std::uint64_t answer_bytes = 0;             ///< bodies

  std::chrono::microseconds wall{0};          ///< all of it
  std::chrono::microseconds until_served{0};  ///< from the first phone's planned arrival to the last one's whole answer
  std::chrono::microseconds ideal{0};  ///< the same with a server that takes no time: the last arrival and `think`
  Distribution added;          ///< of served phones: from connect to whole answer, less `think`: server and queue
  Distribution added_resumed;  ///< the same of their further visits
  Distribution lateness;       ///< of all arrivals, against the plan; large: this machine could not keep up
  std::chrono::microseconds client_cpu{0};  ///< of this process

  unsigned count(Ending ending) const { return endings[static_cast<std::size_t>(ending)]; }
  const Misbehaved& of(Role role) const { return misbehaved[static_cast<std::size_t>(role)]; }
};

/// Called about once a second and when a signal came; false stops the storm.
using StormWatch = std::function<bool(const StormProgress&)>;

/// Plays the storm to its end, on one thread. What goes wrong for a peer is in the report; an error is only what keeps
/// the storm from beginning: a bad server, path or source, or too few open files allowed.
Result<StormReport> run_storm(const StormPlan& plan, const StormWatch& watch);

}  // namespace firstring::simulator
