#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/mac_address.hpp"
#include "base/result.hpp"
#include "device/maker.hpp"
#include "device/parameter_name.hpp"
#include "vendor/format.hpp"

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

using ParameterValues = std::vector<std::pair<std::string, std::string>>;  ///< parameter, value

/// How a model names the account of a line in its own parameters, and spells its values. `{n}` is the line number. ""
/// for what it has no parameter for.
struct LineParameters {
  std::string user, auth_user;                ///< both are the account's user
  std::string proxy, proxy_host, proxy_port;  ///< whole, "sip.example.com:5061", or in two; see split_proxy
  std::string password, display, transport;
  std::string udp, tcp, tls;  ///< values of `transport`
  ParameterValues always;     ///< for each line that has an account
  ParameterValues srtp;  ///< for a line that encrypts its media, in place of `always`; some are for the whole phone
};

/// The parameters by which a phone decides when to come again; "" for what it has none for.
struct ResyncParameters {
  std::string periodic;          ///< time between two contacts: a number of `unit`; 0 for never
  std::string error_retry;       ///< likewise after a failed one: "1800+300,3600+600", the last for ever, +n at random
  std::string at;                ///< time of day, hhmm by the phone's own clock; overrides `periodic`
  std::string enabled;           ///< "1" if `periodic` counts; "" if it always does
  std::string fails_on_missing;  ///< "No" if a file that is not there is no failure
  std::chrono::seconds unit{1};
  std::optional<std::chrono::seconds> usual;  ///< where nothing is set; nullopt if that is not known

  friend bool operator==(const ResyncParameters&, const ResyncParameters&) = default;
};

/// How a model's documents are written, and what its first file says of itself.
struct DocumentForm {
  const vendor::Format* format = nullptr;
  std::string first_line;  ///< before the parameters, "#!version:1.0.0.1"; may be empty
  ParameterValues
      first_file;  ///< of the file without a MAC: what leads the phone to its own. {{profile_url}}, {{base_url}}

  friend bool operator==(const DocumentForm&, const DocumentForm&) = default;
};

/// A model of phone or ATA: one [[model]] of data/vendors/<maker>/models/*.toml with what its family says of it.
struct Model {
  std::string name;  ///< "SPA504G", unique
  const Maker* maker = nullptr;
  std::string vendor;   ///< the brand, as its User-Agent says it: "Cisco", "Linksys"
  std::string product;  ///< `$PN`: "SPA504G", "SPA-942", "CP-8841-3PCC"
  std::string psn;      ///< `$PSN`: "504G"
  std::string family;   ///< "spa5xx": which parameter names it knows
  unsigned lines = 1;
  std::string user_agent;  ///< as the phone sends it, with {product} {version} {mac} {MAC} {mac_colons} {serial}
  std::vector<std::string> firmware;              ///< example versions, oldest first, for the simulator
  std::string tls_client;                         ///< what the simulator speaks: "tls1.0-dhe", "tls1.0-ecdhe", "modern"
  std::vector<std::string> certificate_products;  ///< how certificates spell it, "SPA-504G"
  std::vector<FilePattern> files;
  std::string own_profile;  ///< URL path of the phone's own profile in its maker's macros, "/$MA.xml", or with {mac}
  DocumentForm document;
  LineParameters line;
  ResyncParameters resync;
};

/// A request path that belongs to a pattern.
struct FileMatch {
  FileKind kind;
  const Model* model = nullptr;   ///< for bootstrap files; nullptr where several models share the name
  std::optional<MacAddress> mac;  ///< for profiles
  const Model* asker = nullptr;   ///< for bootstrap files: one of their models; form and maker are those of all
};

using vendor::UserAgent;

/// By which products are compared: "SPA-504G" and "spa504g" are one.
std::string product_key(std::string_view product);

/// The makers and models that Firstring knows, with the parameter names of each family. Immutable; any thread. What it
/// returns by pointer lives as long as it does.
class Catalogue {
 public:
  Catalogue(Catalogue&&) = default;
  Catalogue& operator=(Catalogue&&) = default;
  Catalogue(const Catalogue&) = delete;  // models point to their makers
  Catalogue& operator=(const Catalogue&) = delete;
  ~Catalogue() = default;

  /// The shipped data. A fault in it is a bug and ends the program.
  static const Catalogue& shipped();
  /// Reads texts like data/vendors/<maker>/maker.toml and models/*.toml, each named by its path below data/vendors. The
  /// error names file and line.
  static Result<Catalogue> from_toml(std::span<const std::pair<std::string, std::string>> files);

  std::span<const std::unique_ptr<const Maker>> makers() const { return makers_; }
  /// The maker whose CA issues under that name; if no maker names it, the one maker that names no issuers of its own,
  /// so that its phones' certificates are read whoever signed them. nullptr if there is none.
  const Maker* maker_of_issuer(const crypto::DistinguishedName& issuer) const;

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
  /// Whether no phone of the model's maker knows the parameter, but another maker's does: in a layer that all share it
  /// is meant for those. What nobody knows is nobody's, and is no foreign parameter.
  bool is_foreign(const Maker& maker, std::string_view parameter) const;
  /// "" or "; did you mean 'Proxy_1_'?", of the names that `model` knows, or any if there is none.
  std::string suggest_parameter(std::string_view parameter, const Model* model = nullptr) const;

 private:
  Catalogue() = default;

  Result<void> add(Model model);

  static std::string parameters_key(const Maker& maker, std::string_view family);

  /// What stands before and behind the MAC address in the name of a profile, in lower case.
  struct ProfileName {
    std::string before, behind;

    friend auto operator<=>(const ProfileName&, const ProfileName&) = default;
  };

  /// Who asks for a file without a MAC address.
  struct Askers {
    std::size_t first = 0;  ///< place in models_
    bool several = false;
  };

  std::vector<std::unique_ptr<const Maker>> makers_;  // models point to them
  std::vector<Model> models_;
  std::unordered_map<const Maker*, std::unordered_set<std::string>> names_of_;  // by ParameterName::key
  std::unordered_map<std::string, std::vector<ParameterName>> parameters_;      // by parameters_key, sorted
  std::unordered_map<std::string, std::size_t> by_name_;                        // in lower case; places in models_
  std::unordered_map<std::string, std::size_t> by_product_;                     // by product_key; places in models_
  std::unordered_map<std::string, Askers> bootstrap_files_;                     // by path in lower case
  std::vector<ProfileName> profile_names_;                                      // in the order of the data
};

/// What the User-Agent claims, in the first form of any maker's that fits: nullopt if none does, or it has more than
/// 200 bytes.
std::optional<UserAgent> parse_user_agent(std::string_view text);

/// Host and port of a line's proxy: "sip.example.com:5061", "[2001:db8::1]:5061". Without a port, RFC 3261 section
/// 19.1.2 has 5061 for TLS and 5060 for all else. The brackets of an IPv6 address stay.
struct ProxyAddress {
  std::string_view host;
  std::string port;
};
ProxyAddress split_proxy(std::string_view proxy, bool tls);

}  // namespace firstring::device
