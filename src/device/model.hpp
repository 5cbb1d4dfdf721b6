#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mac_address.hpp"
#include "base/result.hpp"

namespace firstring::device {

/// What a phone asks for by a file name, and what must be known before it is given.
enum class FileKind : unsigned char {
  bootstrap,  ///< the model's first file: public parameters only, no identity needed
  profile,    ///< one device's own profile: its certificate must name it
};

/// A file name that phones of a model ask for. `{mac}` stands for the MAC address in the usual cases and separators,
/// `{psn}` for the model's series name in any case; the rest is literal, compared without case.
struct FilePattern {
  std::string text;  ///< "/spa{mac}.cfg"
  FileKind kind = FileKind::profile;
};

/// How a model names the account of a line in its own parameters. `{n}` is the line number.
struct LineParameters {
  std::string user, password, proxy, display, transport, srtp, auth_id, use_auth_id, enable;
};

/// A model of phone or ATA: one table of data/models/*.toml.
struct Model {
  std::string name;      ///< "SPA504G", unique
  std::string vendor;    ///< "Cisco"
  std::string product;   ///< `$PN`: "SPA504G", "CP-8841-3PCC"
  std::string psn;       ///< `$PSN`: "504G"
  std::string family;    ///< "spa5xx": which parameter names it knows
  unsigned lines = 1;
  std::string user_agent;               ///< as the phone sends it, with {product} {version} {mac} {MAC} {serial}
  std::vector<std::string> firmware;    ///< example versions, oldest first, for the simulator
  std::string tls_client;               ///< what the simulator speaks: "tls1.0-dhe", "tls1.0-ecdhe", "modern"
  std::vector<std::string> certificate_products;  ///< how certificates spell it, "SPA-504G"
  std::vector<FilePattern> files;
  std::string own_profile;  ///< URL path for the phone's own profile in its own macros, "/$MA.xml"
  LineParameters line;
};

/// A request path that belongs to a pattern.
struct FileMatch {
  FileKind kind;
  const Model* model = nullptr;  ///< for bootstrap files; nullptr where several models share the name
  std::optional<MacAddress> mac;  ///< for profiles
};

/// What a User-Agent claims. Never identity.
struct UserAgent {
  std::string vendor, product, version, serial;
  std::optional<MacAddress> mac;
};

/// The models that Firstring knows, with the parameter names of each family.
class Catalogue {
 public:
  /// The shipped data. A fault in it is a bug and ends the program.
  static const Catalogue& shipped();
  /// Reads data/models/*.toml-like texts; for tests. The error names file and line.
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
  /// "" or "; did you mean 'Proxy_1_'?".
  std::string suggest_parameter(std::string_view parameter) const;

 private:
  struct Family {
    std::string name;
    std::vector<std::string> parameters;  // sorted; `_n_` spelled out for no line: "Proxy_{n}_"
  };
  std::vector<Model> models_;
  std::vector<Family> families_;
};

/// The formats of the SPA fact sheet, section 2.1. nullopt if it is none of them.
std::optional<UserAgent> parse_user_agent(std::string_view text);

}  // namespace firstring::device
