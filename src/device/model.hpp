#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mac_address.hpp"
#include "base/result.hpp"
#include "device/parameter_name.hpp"

namespace firstring::device {

/// What a phone asks for by a file name, and what must be known before it is given.
enum class FileKind : unsigned char {
  bootstrap,  ///< the model's first file: public parameters only, no identity needed
  profile,    ///< one device's own profile: its certificate must name it
};

/// A file name that phones of a model ask for. `{mac}` of a profile stands for the MAC address in either case, bare or
/// with ':' or '-'; the rest is literal, compared without case.
struct FilePattern {
  std::string text;  ///< "/spa{mac}.cfg", "/spa504G.cfg"
  FileKind kind = FileKind::profile;
};

/// How a model names the account of a line in its own parameters, and spells its values. `{n}` is the line number.
struct LineParameters {
  using Settings = std::vector<std::pair<std::string, std::string>>;  ///< parameter, value

  std::string user, password, proxy, display, transport;  ///< names of parameters
  std::string udp, tcp, tls;                              ///< values of `transport`
  Settings always;                                        ///< for each line that has an account
  Settings srtp;  ///< for a line that encrypts its media; some of these are for the whole phone
};

/// A model of phone or ATA: one [[model]] of data/models/*.toml with what its family says of it.
struct Model {
  std::string name;     ///< "SPA504G", unique
  std::string vendor;   ///< "Cisco"
  std::string product;  ///< `$PN`: "SPA504G", "SPA-942", "CP-8841-3PCC"
  std::string psn;      ///< `$PSN`: "504G"
  std::string family;   ///< "spa5xx": which parameter names it knows
  unsigned lines = 1;
  std::string user_agent;             ///< as the phone sends it, with {product} {version} {mac} {MAC} {serial}
  std::vector<std::string> firmware;  ///< example versions, oldest first, for the simulator
  std::string tls_client;             ///< what the simulator speaks: "tls1.0-dhe", "tls1.0-ecdhe", "modern"
  std::vector<std::string> certificate_products;  ///< how certificates spell it, "SPA-504G"
  std::vector<FilePattern> files;
  std::string own_profile;  ///< URL path for the phone's own profile in its own macros, "/$MA.xml"
  LineParameters line;
};

/// A request path that belongs to a pattern.
struct FileMatch {
  FileKind kind;
  const Model* model = nullptr;   ///< for bootstrap files; nullptr where several models share the name
  std::optional<MacAddress> mac;  ///< for profiles
};

/// What a User-Agent claims. Never identity.
struct UserAgent {
  std::string vendor, product, version, serial;
  std::optional<MacAddress> mac;
};

/// By which products are compared: "SPA-504G" and "spa504g" are one.
std::string product_key(std::string_view product);

/// The models that Firstring knows, with the parameter names of each family. Immutable; any thread. What it returns by
/// pointer lives as long as it does.
class Catalogue {
 public:
  /// The shipped data. A fault in it is a bug and ends the program.
  static const Catalogue& shipped();
  /// Reads texts like data/models/*.toml, each with its name. The error names file and line.
  static Result<Catalogue> from_toml(std::span<const std::pair<std::string, std::string>> files);

  std::span<const Model> models() const { return models_; }
  /// By name, case ignored.
  const Model* find(std::string_view name) const;
  /// By what a certificate or a User-Agent calls the product ("SPA-504G", "SPA504G"), case and hyphens ignored.
  const Model* find_product(std::string_view product) const;
  std::vector<std::string> names() const;

  /// `path` without query, percent-decoded. nullopt for a file that no model asks for.
  std::optional<FileMatch> match_file(std::string_view path) const;

  /// Whether phones of the model's family know the parameter; line numbers above the model's lines are unknown.
  bool knows_parameter(const Model& model, std::string_view parameter) const;
  /// Whether any model does: for the base layer.
  bool knows_parameter(std::string_view parameter) const;
  /// "" or "; did you mean 'Proxy_1_'?", of the names that `model` knows, or any if there is none.
  std::string suggest_parameter(std::string_view parameter, const Model* model = nullptr) const;

 private:
  Catalogue() = default;

  Result<void> add(Model model);

  /// What stands before and behind the MAC address in the name of a profile, in lower case.
  struct ProfileName {
    std::string before, behind;

    friend auto operator<=>(const ProfileName&, const ProfileName&) = default;
  };

  static constexpr std::size_t kShared = static_cast<std::size_t>(-1);

  std::vector<Model> models_;
  std::unordered_map<std::string, std::vector<ParameterName>> parameters_;  // by family, sorted
  std::unordered_map<std::string, std::size_t> by_product_;                 // by product_key; places in models_
  std::unordered_map<std::string, std::size_t> bootstrap_files_;  // by path in lower case; kShared: of several
  std::vector<ProfileName> profile_names_;                        // in the order of the data
};

/// The formats of spa-phones.md 2.1. nullopt if it is none of them. The one word in parentheses that most models send
/// is their serial number, even if it has 12 hexadecimal digits, as Linksys' serial numbers can.
std::optional<UserAgent> parse_user_agent(std::string_view text);

}  // namespace firstring::device
