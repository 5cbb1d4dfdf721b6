#include <gmock/gmock.h>

#include <algorithm>

#include "base/file.hpp"
#include "base/temporary_folder.hpp"
#include "store/fleet_contract.hpp"
#include "store_sqlite/database.hpp"

namespace firstring::store::sqlite {
namespace {

class SqliteFleetBackEnd final : public FleetBackEnd {
 public:
  Result<std::unique_ptr<FleetStore>> open() override { return open_fleet(folder_.path(), OpenMode::create); }

 private:
  TemporaryFolder folder_;
};

std::unique_ptr<FleetBackEnd> make_back_end() { return std::make_unique<SqliteFleetBackEnd>(); }

INSTANTIATE_TEST_SUITE_P(Sqlite, FleetContract, testing::Values(&make_back_end));

// The second line of defence: what the program's own checks would let through by mistake.
class FleetSchema : public testing::TestWithParam<std::string_view> {
 protected:
  TemporaryFolder folder_;
};

TEST_P(FleetSchema, Refuses) {
  auto database = Database::open(folder_.path(), kFleetDatabase, {.mode = OpenMode::create});
  ASSERT_TRUE(database) << database.error().what;
  auto& connection = (*database)->connection();
  connection.exec("INSERT INTO device_group (name) VALUES ('lobby')");
  connection.exec("INSERT INTO device VALUES ('000e08abcdef', 'SPA504G', '', NULL, 0)");
  EXPECT_EQ(connection.tryExec(std::string{GetParam()}), SQLITE_CONSTRAINT) << GetParam();
}

#define PARAMETER "INSERT INTO parameter (scope_kind, scope_name, name, class, value, sealed) VALUES "

INSTANTIATE_TEST_SUITE_P(Rows, FleetSchema,
                         testing::Values(PARAMETER "(0, '', 'A', 'secret', 'in the clear', x'01')",  //
                                         PARAMETER "(0, '', 'A', 'secret', '', x'')",                //
                                         PARAMETER "(0, '', 'A', 'public', '', x'01')",              //
                                         PARAMETER "(0, '', 'A', 'private', '', x'')",               //
                                         PARAMETER "(2, 'attic', 'A', 'public', '', x'')",           //
                                         PARAMETER "(3, '000e08000000', 'A', 'public', '', x'')",    //
                                         PARAMETER "(0, 'x', 'A', 'public', '', x'')",               //
                                         PARAMETER "(4, 'x', 'A', 'public', '', x'')",               //
                                         "INSERT INTO device VALUES ('000E08ABCDEF', 'SPA504G', '', NULL, 0)",
                                         "INSERT INTO device VALUES ('000e08abcdee', 'SPA504G', '', 'attic', 0)",
                                         "INSERT INTO device VALUES ('000e08abcdee', 'SPA504G', '', NULL, 'today')",
                                         "INSERT INTO device_group VALUES ('own', 'own')",
                                         "INSERT INTO device_group VALUES ('lobby', NULL)",
                                         "INSERT INTO line VALUES ('000e08abcdef', 0, '', '', '', 'udp', 0, x'')",
                                         "INSERT INTO line VALUES ('000e08000000', 1, '', '', '', 'udp', 0, x'')",
                                         "INSERT INTO line VALUES ('000e08abcdef', 1, '', '', '', 'sctp', 0, x'')",
                                         "INSERT INTO fleet VALUES (2, 0)"));

TEST(SealedSamples, AreTheFirstAndLastOfLayersAndOfLines) {
  const TemporaryFolder folder;
  const auto store = *open_fleet(folder.path(), OpenMode::create);
  ASSERT_TRUE(sealed_samples(folder.path()));
  EXPECT_TRUE(sealed_samples(folder.path())->empty());
  const auto secret = [](std::string name, Bytes sealed) {
    return Parameter{.name = std::move(name),
                     .parameter_class = ParameterClass::secret,
                     .access = {},
                     .value = {},
                     .sealed = std::move(sealed)};
  };
  ASSERT_TRUE(store->set_parameters(Scope::base(), {secret("A", {1}), secret("B", {2})}));
  for (const char* mac : {"000e08000001", "000e08000002"}) {
    const auto device = *MacAddress::parse(mac);
    ASSERT_TRUE(store->add_device({.mac = device, .model = "SPA504G", .serial = {}, .group = {}, .created = {}}));
    for (const unsigned number : {1U, 2U, 3U}) {
      Line line;
      line.number = number;
      if (number != 2) line.sealed_password = {static_cast<std::uint8_t>(10 * device.octets().back() + number)};
      ASSERT_TRUE(store->set_line(device, line));
    }
  }
  const auto samples = sealed_samples(folder.path());
  ASSERT_TRUE(samples) << samples.error().what;
  std::vector<std::pair<std::string, Bytes>> found;
  for (const auto& sample : *samples) found.emplace_back(sample.context, sample.sealed);
  EXPECT_THAT(found, testing::UnorderedElementsAre(
                         testing::Pair(seal_context(Scope::base(), "A"), Bytes{1}),
                         testing::Pair(seal_context(Scope::base(), "B"), Bytes{2}),
                         testing::Pair(seal_context_line(*MacAddress::parse("000e08000001"), 1), Bytes{11}),
                         testing::Pair(seal_context_line(*MacAddress::parse("000e08000002"), 3), Bytes{23})));
}

TEST(SealedSamples, LeaveAnOlderDatabaseAsItIs) {
  const TemporaryFolder folder;
  const auto count = [&](OpenMode mode, std::span<const base::EmbeddedFile> migrations) {
    auto database = Database::open(folder.path(), kFleetDatabase, {.mode = mode, .migrations = migrations});
    return (*database)->connection().execAndGet("SELECT count(*) FROM migration").getInt();
  };
  const auto first = std::find_if(embedded_migrations().begin(), embedded_migrations().end(),
                                  [](const auto& file) { return file.name.starts_with(kFleetDatabase.migrations); });
  ASSERT_EQ(count(OpenMode::create, {first, 1}), 1);
  EXPECT_TRUE(sealed_samples(folder.path()));
  EXPECT_EQ(count(OpenMode::existing, {first, 1}), 1) << "one that had been brought forward would be refused here";
}

TEST(SealedSamples, SayWhatIsWrongWithTheDatabase) {
  const TemporaryFolder folder;
  EXPECT_FALSE(sealed_samples(folder.path()));
  ASSERT_TRUE(write_file(folder.path() / "firstring.db", "this is no database, whatever its name says"));
  const auto samples = sealed_samples(folder.path());
  ASSERT_FALSE(samples);
  EXPECT_THAT(samples.error().what, testing::HasSubstr("it is no database"));
}

TEST(SqliteFleet, TakesAnUnknownWordInTheDatabaseForDamage) {
  const TemporaryFolder folder;
  auto database = Database::open(folder.path(), kFleetDatabase, {.mode = OpenMode::create});
  ASSERT_TRUE(database);
  (*database)->connection().exec(
      "PRAGMA ignore_check_constraints = ON; INSERT INTO parameter (scope_kind, scope_name, name, class, value, "
      "sealed) "
      "VALUES (0, '', 'A', 'private', '', x'')");
  const auto store = fleet_over(*std::move(database));
  const auto fleet = store->load();
  ASSERT_FALSE(fleet);
  EXPECT_THAT(fleet.error().what, testing::HasSubstr("it is damaged (unknown value 'private')"));
}

}  // namespace
}  // namespace firstring::store::sqlite
