#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
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

/// Values of `{{name}}`.
using Variables = std::map<std::string, std::string, std::less<>>;

/// What a profile is made from. Views: the fleet snapshot owns them.
struct Sources {
  const device::Model* model = nullptr;
  const device::DocumentForm* form =
      nullptr;                    ///< how it is written; nullptr: as `model` says, of which there is one then
  std::optional<MacAddress> mac;  ///< none for a bootstrap file
  std::string_view serial;
  std::vector<Layer> layers;  ///< base first; a group's parent before it
  /// Parameters of other makers' phones, which base and groups have for those: left out. nullptr for none.
  const std::unordered_set<std::string_view>* foreign = nullptr;
  std::span<const store::Line> lines;  ///< of the device; they win over every layer
  /// Beside the built-in mac (000e08abcdef), MAC (000E08ABCDEF), mac_colons, serial, model, psn: "host", "base_url",
  /// "profile_url", ...
  Variables variables;
};

/// Where the value of a parameter comes from, for `firstring layers`.
struct Origin {
  std::string parameter;
  store::ParameterClass parameter_class = store::ParameterClass::public_;
  std::optional<store::UserAccess> access;
  std::string scope;  ///< store::Scope::to_string, or "line 1"
  std::string value;  ///< as it will be rendered, or as it was set if it cannot be; empty for a secret
  bool overridden = false;

  friend bool operator==(const Origin&, const Origin&) = default;
};
/// By parameter name; those of one name in the order of precedence, so that the last of them counts.
std::vector<Origin> origins(const Sources& sources);

/// The device's document in the format of its model, well formed whatever the values are, with only the parameters that
/// some layer or line sets and that the audience may see, by name. What counts is the class of the winning value: a
/// public value below a secret one is not shown in its place.
///
/// Errors name the parameter and the scope, and never show a secret: a `{{name}}` that is not known, a character that
/// the format cannot carry, a name that cannot be a parameter's, a sealed value that does not open. In a document that
/// is for no device (or no model), a parameter whose value needs its variables is left out.
Result<std::string> render(const Sources& sources, const policy::Audience& audience, const crypto::SecretBox& box);

/// Replaces each `{{name}}`; `{{{{` is a literal `{{`.
Result<std::string> expand(std::string_view text, const Variables& variables);

/// Whether a value can stand in a document of the model, or, for none, in the most patient format that there is: UTF-8,
/// and only characters of XML 1.0 section 2.2.
Result<void> check_text(std::string_view text, const device::Model* model = nullptr);

/// Whether a value can be rendered in a device's profile: check_text, and no `{{name}}` but those that every such
/// profile has. Used when a value is set, to refuse a bad one early.
Result<void> check_value(std::string_view value, const device::Model* model = nullptr);

/// Whether a name can be a parameter's, in every format: letters, digits, '_', '-' and '.', not beginning with one of
/// the last three but '_'.
Result<void> check_parameter_name(std::string_view name);

}  // namespace firstring::render
