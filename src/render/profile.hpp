#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "crypto/secret_box.hpp"
#include "device/model.hpp"
#include "policy/audience.hpp"
#include "store/fleet.hpp"

namespace firstring::render {

/// One scope's parameters in the order of precedence; the later wins, name by name.
struct Layer {
  store::Scope scope;
  std::span<const store::Parameter> parameters;
};

/// What a profile is made from. Views: the fleet snapshot owns them.
struct Sources {
  const device::Model* model = nullptr;
  std::optional<MacAddress> mac;        ///< none for a bootstrap file
  std::string_view serial;
  std::vector<Layer> layers;            ///< base first
  std::span<const store::Line> lines;   ///< of the device
  /// Values of `{{name}}` beside the built-in mac, MAC, serial, model, psn: "host", "profile_url", ...
  std::map<std::string, std::string, std::less<>> variables;
};

/// Where the value of a parameter comes from, for `firstring layers`.
struct Origin {
  std::string parameter;
  store::ParameterClass parameter_class;
  std::optional<store::UserAccess> access;
  std::string scope;    ///< store::Scope::to_string, or "line 1"
  std::string value;    ///< as it will be rendered; empty for a secret
  bool overridden = false;
};
std::vector<Origin> explain(const Sources& sources);

/// The device's document: flat-profile XML (spa-phones.md section 4.1), well formed and escaped whatever the values
/// are, with only the parameters that some layer or line sets and that the audience may see. A `{{name}}` that is not
/// known is an error that names the parameter and the scope. Characters that XML 1.0 cannot carry are an error too.
Result<std::string> render(const Sources& sources, const policy::Audience& audience, const crypto::SecretBox& box);

/// Replaces each `{{name}}`; `{{{{` is a literal `{{`. Used when a value is set, to refuse a bad one early.
Result<std::string> expand(std::string_view text, const std::map<std::string, std::string, std::less<>>& variables);

}  // namespace firstring::render
