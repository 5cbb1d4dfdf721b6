#include "manage/desk.hpp"

#include <utility>

#include "store_sqlite/open.hpp"

namespace firstring::manage {

Result<Desk> open_desk(const std::filesystem::path& dir, Author author) {
  FIRSTRING_TRY(auto fleet, store::sqlite::open_fleet(dir, store::sqlite::OpenMode::existing));
  return Desk{.dir = dir, .fleet = std::move(fleet), .author = std::move(author)};
}

Result<crypto::SecretBox> open_secrets(const std::filesystem::path& dir) {
  return crypto::SecretBox::open(dir / kSecretsFile);
}

Result<Change> commit(const Desk& desk, std::string_view action, std::string subject,
                      const std::function<Result<void>(store::FleetStore&)>& write) {
  FIRSTRING_CHECK(write(*desk.fleet));
  FIRSTRING_TRY(const auto revision, desk.fleet->revision());
  return Change{.action = std::string{action},
                .subject = std::move(subject),
                .author = desk.author,
                .at = desk.time(),
                .revision = revision};
}

}  // namespace firstring::manage
