#include "server/secrets_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "crypto/secret_box.hpp"
#include "store_sqlite/open.hpp"

namespace firstring::server {

using config::Diagnostic;
using config::Severity;

std::vector<Diagnostic> check_secrets(const std::filesystem::path& dir) {
  const auto key_file = dir / "secrets.key", database = dir / "firstring.db";
  const auto box = crypto::SecretBox::open(key_file);
  if (!box) return {{Severity::error, key_file, {}, box.error().what, "put it back from a copy"}};
  std::error_code ignored;
  if (!std::filesystem::exists(database, ignored)) return {};
  const auto samples = store::sqlite::sealed_samples(dir);
  if (!samples) return {{Severity::error, database, {}, samples.error().what, "nothing can be served without it"}};
  const auto closed = std::find_if(samples->begin(), samples->end(),
                                   [&](const auto& sample) { return !box->opens(sample.sealed, sample.context); });
  if (closed == samples->end()) return {};
  constexpr std::string_view kSetAnew =
      "set the secrets of the database anew (firstring line set MAC NUMBER --password-file FILE, firstring set)";
  if (std::any_of(samples->begin(), samples->end(),
                  [&](const auto& sample) { return box->opens(sample.sealed, sample.context); })) {
    return {{Severity::warning,
             key_file,
             {},
             fmt::format("it opens some secrets of {}, but not all: '{}' was sealed with another key, and a phone that "
                         "needs it gets no configuration",
                         database.string(), closed->context),
             std::string{kSetAnew}}};
  }
  return {
      {Severity::error,
       key_file,
       {},
       fmt::format("it is not the key of {}: no secret in that opens with it, and phones would get no configuration",
                   database.string()),
       fmt::format("put back the key that was copied with this database, or {}", kSetAnew)}};
}

Built check_folder(const std::filesystem::path& dir, std::shared_ptr<tls::SessionCache> sessions) {
  auto built = build_state(dir, std::move(sessions));
  for (auto& diagnostic : check_secrets(dir)) {
    if (diagnostic.severity == Severity::error) built.state.reset();
    built.diagnostics.push_back(std::move(diagnostic));
  }
  return built;
}

}  // namespace firstring::server
