#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/secret.hpp"
#include "manage/desk.hpp"
#include "manage/version.hpp"
#include "render/profile.hpp"

namespace firstring::manage {

/// The scope as its layer is stored (a model by its own spelling). not_found if its model, group or device is not
/// there, invalid_input for a text that is no scope.
Result<store::Scope> find_scope(const Desk& desk, std::string_view text);

/// Whether others could read the values on their way here, as they can read a command line.
enum class Exposure : unsigned char { kept, exposed };
/// Whether what is doubtful is done all the same: names that the model does not know, and exposed or public passwords.
enum class Doubt : unsigned char { refuse, accept };

struct ParameterChange {
  std::string name;
  Secret value;
};

/// Parameters to set in one layer, all or none.
struct ParameterChanges {
  store::Scope scope;  ///< as find_scope gives it
  std::vector<ParameterChange> parameters;
  /// Of all of them; nothing: as each was before, else public. A password by its name that was kept becomes a secret.
  std::optional<store::ParameterClass> parameter_class;
  std::optional<store::UserAccess> access;  ///< of all of them; nothing: as each was before
  Exposure exposure = Exposure::kept;
  Doubt doubt = Doubt::refuse;
  SeenVersion seen;  ///< of the layer
};

/// What set_parameters would store, without the values, and why it would refuse: a name that is none (invalid_input), a
/// secret that others could have read (denied), a name that the model does not know (not_found).
Result<std::vector<store::Parameter>> plan_parameters(const Desk& desk, const ParameterChanges& changes);

/// Fails as plan_parameters does, and with invalid_input for a value that cannot be rendered. Gives what was stored.
Result<Changed<std::vector<store::Parameter>>> set_parameters(const Desk& desk, const ParameterChanges& changes);

/// All or none; not_found, with the nearest name, if one is not set there.
Result<Change> unset_parameters(const Desk& desk, const store::Scope& scope, const std::vector<std::string>& names,
                                const SeenVersion& seen = {});

/// How to set a secret at the command line, for people who tried it otherwise.
std::string how_to_set_secret(const store::Scope& scope, std::string_view name);

/// Where each value in a device's profile comes from.
struct Layers {
  std::vector<render::Origin> origins;
  std::string warning;  ///< "", or why host and port in URLs may be wrong
};
Result<Layers> show_layers(const Desk& desk, const MacAddress& mac);

/// A device's profile, to the byte as somebody of that assurance would get it: with `certificate`, passwords and all.
struct ProfilePreview {
  std::string document;
  std::string warning;  ///< as in Layers
};
Result<ProfilePreview> preview_profile(const Desk& desk, const MacAddress& mac, device::Assurance assurance);

}  // namespace firstring::manage
