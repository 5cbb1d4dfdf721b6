#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/mac_address.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace firstring::store {

/// Who may see a parameter's value: architecture.md, "Words".
enum class ParameterClass : unsigned char { public_, tenant, secret };
std::string_view to_string(ParameterClass value);  ///< "public", "tenant", "secret"
std::optional<ParameterClass> parse_parameter_class(std::string_view text);

/// What the phone's own user may do with a parameter: the `ua` attribute.
enum class UserAccess : unsigned char { na, ro, rw };
std::string_view to_string(UserAccess value);
std::optional<UserAccess> parse_user_access(std::string_view text);

constexpr std::size_t kMaxName = 200;  ///< bytes
/// What every back end holds names to: not empty, at most kMaxName bytes, no control characters, no white space at the
/// ends. `kind` is what the text of the error calls it.
Result<void> check_name(std::string_view kind, std::string_view name);

/// Where a layer lies. Order is precedence: the later wins.
struct Scope {
  enum class Kind : unsigned char { base, model, group, device };
  Kind kind = Kind::base;
  std::string name;  ///< "" for base, "SPA504G", a group's name, or a bare MAC address

  static Scope base() { return {}; }
  static Scope of_device(const MacAddress& mac) { return {Kind::device, mac.bare()}; }
  /// "base", "model:SPA504G", "group:lobby", or a MAC address in any usual form.
  static Result<Scope> parse(std::string_view text);
  std::string to_string() const;  ///< what parse reads; a device as its bare MAC address

  friend auto operator<=>(const Scope&, const Scope&) = default;
};

/// What crypto::SecretBox binds a sealed value to: "parameter:<scope>:<name>" and "line:<mac>:<number>".
std::string seal_context(const Scope& scope, std::string_view name);
std::string seal_context_line(const MacAddress& mac, unsigned number);

/// One parameter in one layer. The value of a secret is only ever here as sealed by crypto::SecretBox, with
/// seal_context.
struct Parameter {
  std::string name;
  ParameterClass parameter_class = ParameterClass::public_;
  std::optional<UserAccess> access;
  std::string value;  ///< empty for a secret
  Bytes sealed;       ///< of a secret

  friend bool operator==(const Parameter&, const Parameter&) = default;
};

struct Group {
  std::string name;
  std::string parent;  ///< "" for none

  friend bool operator==(const Group&, const Group&) = default;
};

struct Device {
  MacAddress mac;
  std::string model;   ///< device::Model::name
  std::string serial;  ///< may be empty
  std::string group;   ///< may be empty
  Timestamp created{};

  friend bool operator==(const Device&, const Device&) = default;
};

enum class Transport : unsigned char { udp, tcp, tls };
std::string_view to_string(Transport value);
std::optional<Transport> parse_transport(std::string_view text);

/// The SIP account of one line of a device, in plain words; the password sealed with seal_context_line.
struct Line {
  unsigned number = 1;
  std::string user;
  std::string proxy;
  std::string display;
  Transport transport = Transport::udp;
  bool srtp = false;
  Bytes sealed_password;  ///< empty for none

  friend bool operator==(const Line&, const Line&) = default;
};

/// A device that nobody entered but whose maker certificate was good.
struct PendingDevice {
  MacAddress mac;
  std::string product;  ///< from its certificate
  std::string serial;
  std::string address;  ///< that it came from last
  std::string user_agent;
  Timestamp first_seen{};
  Timestamp last_seen{};
  std::int64_t attempts = 0;
};

/// A time during which such devices are entered by themselves.
struct EnrolmentWindow {
  std::string group;
  std::string model;  ///< "" for any
  Timestamp opened{};
  Timestamp until{};
};

/// What the server has learnt of an entered device from connections whose certificate proved that it was the device.
struct DeviceRecord {
  MacAddress mac;
  std::string certificate;  ///< SHA-256 of the pinned certificate, hexadecimal; "" for none
  std::string key;          ///< SHA-256 of its SubjectPublicKeyInfo, likewise
  Timestamp pinned_at{};
  std::uint16_t strongest_version = 0;  ///< the highest that it offered: hello::ClientHello::highest_version
  std::string address;                  ///< that it came from last: IpAddress::to_string
  Timestamp last_seen{};
  std::string ja3;          ///< of its last hello, hello::without_session
  std::string personality;  ///< that its last handshake succeeded with
  std::string model;        ///< device::Model::name, or ""
  std::string firmware;     ///< as its User-Agent claimed last, or ""

  friend bool operator==(const DeviceRecord&, const DeviceRecord&) = default;
};

/// A record as its writer wants it, and as it was when the writer decided that.
struct RecordChange {
  std::optional<DeviceRecord> before;  ///< nothing: there was none
  DeviceRecord after;
};

/// A change that was not written, for another writer has changed the pin, the ratchet or the personality meanwhile.
struct LostRace {
  std::size_t change = 0;           ///< its index among those that were to be written
  std::optional<DeviceRecord> now;  ///< what is there in place of RecordChange::before
};

/// The rule of FleetStore::keep_device_records, for back ends: what is to be written where `now` is there; nothing if
/// the race is lost.
std::optional<DeviceRecord> compare_and_set(const RecordChange& change, const std::optional<DeviceRecord>& now);

/// An order to capture the next connections of somebody.
struct CaptureOrder {
  std::int64_t id = 0;  ///< the store gives it
  std::string who;      ///< a bare MAC address, an IP address as IpAddress::to_string has it, or "next"
  Timestamp ordered{}, until{};
  unsigned wanted = 1;             ///< connections
  std::vector<std::string> files;  ///< in evidence/, that came of it

  bool is_on(Timestamp now) const { return now < until && files.size() < wanted; }
};

/// What an operator has granted to a device that is not as it was (policy::watch). Written by the command line alone.
struct Pardon {
  enum class Kind : unsigned char {
    unpin,    ///< the certificate pinned until `at` counts no more
    amnesty,  ///< the ratchet gives way until `until`
  };
  Kind kind = Kind::unpin;
  std::optional<MacAddress> mac;  ///< nothing: every device
  Timestamp at{};
  Timestamp until{};  ///< of an amnesty; of an unpin the same as `at`

  friend bool operator==(const Pardon&, const Pardon&) = default;
};
std::string_view to_string(Pardon::Kind value);  ///< "unpin", "amnesty"
std::optional<Pardon::Kind> parse_pardon_kind(std::string_view text);

/// A device with what is set for it alone.
struct FleetDevice {
  Device device;
  std::vector<Parameter> parameters;  ///< its own layer, by name
  std::vector<Line> lines;            ///< by number

  friend bool operator==(const FleetDevice&, const FleetDevice&) = default;
};

/// Everything that decides what phones get and what is kept of them, as of one revision.
struct Fleet {
  std::int64_t revision = 0;
  std::vector<Group> groups;  ///< by name
  /// By MAC. Fleets of several revisions share the devices that are the same in them.
  std::vector<std::shared_ptr<const FleetDevice>> devices;
  std::vector<std::pair<Scope, std::vector<Parameter>>> layers;  ///< above the devices, by scope; parameters by name
  std::vector<CaptureOrder> captures;                            ///< those that lack connections, on or out of time
  std::vector<Pardon> pardons;                                   ///< those for all devices first, then by MAC
};

/// A configuration database. All changes are transactions; each one that can alter what a phone gets adds one to the
/// revision. Methods may be called from one thread at a time. What a back end must do is in
/// src/store/fleet_contract.cpp.
class FleetStore {
 public:
  virtual ~FleetStore() = default;

  virtual Result<std::int64_t> revision() = 0;
  /// Whether what the store has open was moved, removed or replaced, so that others see something else.
  virtual bool has_moved() = 0;
  virtual Result<Fleet> load() = 0;
  /// The same, but reads only what has changed since `before`, which an earlier load gave, and shares the rest with it:
  /// as long as the store remembers the changes in between. Else it reads everything.
  virtual Result<Fleet> load_changes(const Fleet& before) = 0;

  /// Fails with conflict if the MAC is there, with not_found if the group is not. A device that was pending is so no
  /// more.
  virtual Result<void> add_device(const Device& device) = 0;
  /// All or none, in one transaction; conflict names the first MAC that is there already. `progress` is told how many
  /// are done.
  virtual Result<void> add_devices(const std::vector<Device>& devices,
                                   const std::function<void(std::size_t)>& progress) = 0;
  virtual Result<Device> device(const MacAddress& mac) = 0;
  virtual Result<std::vector<Device>> devices() = 0;
  /// With its layer and lines.
  virtual Result<void> remove_device(const MacAddress& mac) = 0;

  /// Fails with conflict if the name is there, with not_found if the parent is not. So groups form a tree.
  virtual Result<void> add_group(const Group& group) = 0;
  virtual Result<std::vector<Group>> groups() = 0;

  /// Writes all or none; not_found if the scope's group or device is not there, invalid_input if a secret is not
  /// sealed. Names are compared by exact case.
  virtual Result<void> set_parameters(const Scope& scope, const std::vector<Parameter>& parameters) = 0;
  /// Fails with not_found, naming it, if one is not set there; then none is unset.
  virtual Result<void> unset_parameters(const Scope& scope, const std::vector<std::string>& names) = 0;
  virtual Result<std::vector<Parameter>> parameters(const Scope& scope) = 0;

  /// Puts the line in the place of the one with its number; not_found if the device is not there.
  virtual Result<void> set_line(const MacAddress& mac, const Line& line) = 0;
  virtual Result<std::vector<Line>> lines(const MacAddress& mac) = 0;

  /// Adds or refreshes: first_seen stays, attempts (at least 1) are added up, texts are cut at kMaxPendingText bytes.
  /// At most `kMaxPending` rows are kept, the one seen longest ago goes first. Does not touch the revision.
  static constexpr std::size_t kMaxPending = 10'000;
  static constexpr std::size_t kMaxPendingText = 500;
  virtual Result<void> note_pending(const PendingDevice& device) = 0;
  /// The one seen longest ago first.
  virtual Result<std::vector<PendingDevice>> pending() = 0;
  virtual Result<void> forget_pending(const MacAddress& mac) = 0;

  /// Written by servers alone, each change by compare-and-set, all in one transaction: where pin (certificate, key and
  /// pinned_at), strongest_version and personality are as in `before`, `after` is written; of what is only remembered
  /// (address, last_seen, ja3, model, firmware) the later last_seen wins if another writer was here. The others are not
  /// written but given back: their writers merge (policy::merge) and try again. A change is passed over whose device is
  /// not entered (any more) or was entered after the pin; removing a device removes its record. At most one change a
  /// device. Does not touch the revision.
  virtual Result<std::vector<LostRace>> keep_device_records(const std::vector<RecordChange>& changes) = 0;
  /// The one seen longest ago first.
  virtual Result<std::vector<DeviceRecord>> device_records() = 0;
  /// The same one by one, without holding all of them at once.
  virtual Result<void> each_device_record(const std::function<void(DeviceRecord)>& each) = 0;
  virtual Result<std::optional<DeviceRecord>> device_record(const MacAddress& mac) = 0;

  /// Puts it in the place of the one of its kind for that device, or for all; not_found if the device is not there,
  /// invalid_input if it ends before it begins. Removing a device removes its pardons.
  virtual Result<void> pardon(const Pardon& pardon) = 0;
  /// Takes it back; not_found if there is none.
  virtual Result<void> end_pardon(Pardon::Kind kind, const std::optional<MacAddress>& mac) = 0;
  /// Those for all devices first, then by MAC.
  virtual Result<std::vector<Pardon>> pardons() = 0;

  /// Fails with not_found if the group is not there, with invalid_input if it ends before it begins.
  virtual Result<void> open_enrolment(const EnrolmentWindow& window) = 0;
  /// Closes every window.
  virtual Result<void> close_enrolment() = 0;
  /// Windows whose end lies after `now`.
  virtual Result<std::vector<EnrolmentWindow>> enrolment(Timestamp now) = 0;

  /// Takes who, ordered, until and wanted, and gives the id. Fails with invalid_input if it ends before it begins or
  /// wants nothing, with limit_exceeded if kMaxCaptures are on already. Old ones that are over are forgotten.
  static constexpr std::size_t kMaxCaptures = 20;
  static constexpr std::size_t kMaxCapturesKept = 100;
  virtual Result<std::int64_t> order_capture(const CaptureOrder& order) = 0;
  /// On and over, the oldest first.
  virtual Result<std::vector<CaptureOrder>> captures() = 0;
  /// A connection was captured for it. Fails with conflict if the order is not on.
  virtual Result<void> note_capture(std::int64_t order, const std::string& file, Timestamp now) = 0;
  /// Ends those for `who`, or all for "", and gives how many of them were on.
  virtual Result<std::size_t> end_captures(std::string_view who, Timestamp now) = 0;
};

}  // namespace firstring::store
