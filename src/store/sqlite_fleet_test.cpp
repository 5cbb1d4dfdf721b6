#include <gmock/gmock.h>

#include "base/temporary_folder.hpp"
#include "store/fleet_contract.hpp"
#include "store/sqlite_database.hpp"

namespace firstring::store {
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
  auto database = SqliteDatabase::open(folder_.path(), kFleetDatabase, {.mode = OpenMode::create});
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

TEST(SqliteFleet, TakesAnUnknownWordInTheDatabaseForDamage) {
  const TemporaryFolder folder;
  auto database = SqliteDatabase::open(folder.path(), kFleetDatabase, {.mode = OpenMode::create});
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
}  // namespace firstring::store
