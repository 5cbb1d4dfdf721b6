#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "device/identity.hpp"

namespace firstring::device {

/// Hardware that left its maker with a fault: one [[known_bad]] of data/known-bad/*.toml, which explains the keys.
/// spa-phones.md 1.1 has the facts.
struct KnownBad {
  /// The devices of one model, by serial number.
  struct Serials {
    std::string model;     ///< as people write it, "SPA2102"; need be no device::Model of ours
    std::string from, to;  ///< upper case, of one length, with the same letters in the same places
  };
  enum class Certificate : unsigned char {
    may_be_wrong,  ///< it may belong to another device or not to its key: a failed verdict is to be expected
    shared,        ///< many devices have the same
  };

  std::string name{};  ///< "2006-06-wrong-certificates"
  Timestamp released{};
  std::vector<Serials> serials{};                   ///< empty if `subject` is set
  std::string subject{};                            ///< L or ST of the certificate's subject, any case
  std::optional<Timestamp> made_from{}, made_to{};  ///< days
  std::string fault{};                              ///< ends "The phone is of a batch of which ..."
  std::string source{}, confidence{}, remedy{};     ///< for people
  Certificate certificate = Certificate::may_be_wrong;
  Assurance assurance_at_most = Assurance::certificate;  ///< what its certificate can prove, however good its chain is

  /// One sentence: what it is, and where that is known from.
  std::string sentence() const;
};

/// The shipped data; a fault in it is a bug and ends the program. Pointers into it are good for ever.
std::span<const KnownBad> known_bad_hardware();
const KnownBad* find_known_bad(std::string_view name);

/// The batch that the serial number lies in; nullptr for none. `model`: as a certificate, a User-Agent or an operator
/// names it, case and hyphens ignored; "" if nobody did, then the serial number alone decides.
const KnownBad* find_known_bad(std::string_view model, std::string_view serial);
/// By a value of L or ST of a certificate's subject, case ignored.
const KnownBad* find_known_bad_subject(std::string_view value);

/// Whether `serial` lies in the range, both ends included. Case is ignored.
bool contains(const KnownBad::Serials& range, std::string_view serial);

/// Reads texts like data/known-bad/*.toml, each with its name; the error names file and line.
Result<std::vector<KnownBad>> known_bad_from_toml(std::span<const std::pair<std::string, std::string>> files);

}  // namespace firstring::device
