#include "server/capacity.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "server/listen_socket.hpp"

namespace firstring::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Machine with_memory(std::uint64_t mebibytes) {
  return {.memory = MemoryLimit{mebibytes << 20, "memory.max of the test", "raise it"}};
}

TEST(Capacity, IsWhatIsWantedWhereThereIsRoom) {
  const auto found = capacity(20'000, with_memory(8192));
  EXPECT_EQ(found.connections, 20'000U);
  EXPECT_EQ(found.begun, 20'000U);
  EXPECT_EQ(found.buffers, 64U << 20);
  EXPECT_THAT(found.warnings, IsEmpty());
}

TEST(Capacity, LeavesDescriptorsForEverythingElse) {
  const auto found = capacity(20'000, {.descriptors = 1024});
  EXPECT_EQ(found.connections, 824U);
  EXPECT_EQ(found.begun, 824U);
  EXPECT_THAT(found.warnings, ElementsAre(HasSubstr("the limit of open files allows 824; raise it (LimitNOFILE=")));
  EXPECT_EQ(capacity(20'000, {.descriptors = 256}).connections, 128U);
}

TEST(Capacity, LetsWhoHasNoRoomForAHandshakeWait) {
  // Half of 2 GiB is 1 GiB: 64 MiB of buffers, 20,000 of 20 KiB, and what is left in steps of 92 KiB.
  const auto found = capacity(20'000, with_memory(2048));
  EXPECT_EQ(found.connections, 20'000U);
  EXPECT_EQ(found.buffers, 64U << 20);
  EXPECT_EQ(found.begun, (960U * 1024 - 20'000 * 20) / 92);
  EXPECT_THAT(found.warnings,
              ElementsAre(AllOf(HasSubstr("max_connections is 20000"), HasSubstr("2048 MiB by memory.max of the test"),
                                HasSubstr("has room for 6337 of them in a handshake"), HasSubstr("it takes 4504 MiB"),
                                HasSubstr("raise it"))));
}

TEST(Capacity, LowersWhatMayBeOpenWhereEvenThatHasNoRoom) {
  const auto found = capacity(20'000, with_memory(128));
  EXPECT_EQ(found.buffers, 8U << 20);
  EXPECT_EQ(found.connections, 28U * 1024 / 20);
  EXPECT_EQ(found.begun, (56U * 1024 - 1433 * 20) / 92);
  EXPECT_THAT(found.warnings, ElementsAre(HasSubstr("has room for 1433 open connections, at 20 KiB each")));
}

/// What the warning says is enough is enough.
TEST(Capacity, HasRoomForAllWithTheMemoryThatTheFormulaAsksFor) {
  for (const std::size_t wanted : {1000, 4000, 20'000, 100'000}) {
    const auto needed = 2 * (wanted * kBegunBytes + kMostBuffers);
    const auto found = capacity(wanted, {.memory = MemoryLimit{needed, "", ""}});
    EXPECT_EQ(found.connections, wanted);
    EXPECT_EQ(found.begun, wanted);
  }
}

TEST(Capacity, IsAtLeastOneAndNeverMoreThanThereIsRoomFor) {
  EXPECT_TRUE(rc::check([] {
    const auto wanted = *rc::gen::inRange<std::size_t>(1, 1'000'001);
    const auto descriptors = *rc::gen::inRange<std::size_t>(8, 2'000'000);
    const auto bytes = *rc::gen::inRange<std::uint64_t>(0, std::uint64_t{1} << 40);
    const auto found = capacity(wanted, {.descriptors = descriptors, .memory = MemoryLimit{bytes, "", ""}});
    RC_ASSERT(found.begun >= 1U && found.connections >= found.begun && found.connections <= wanted);
    RC_ASSERT(found.connections <= descriptors);
    if (found.begun > 1)
      RC_ASSERT(found.connections * kOpenBytes + found.begun * (kBegunBytes - kOpenBytes) + found.buffers <= bytes / 2);
    if (found.connections < wanted || found.begun < wanted) RC_ASSERT(!found.warnings.empty());
  }));
}

TEST(Capacity, IsFoundOnThisMachine) {
  const auto machine = read_machine();
  EXPECT_GT(machine.descriptors, 0U);
  ASSERT_TRUE(machine.memory) << "/proc/meminfo at least";
  EXPECT_GT(machine.memory->bytes, 0U);
}

TEST(CgroupLimit, IsANumberOrNone) {
  EXPECT_EQ(parse_cgroup_limit("268435456\n"), 268'435'456U);
  EXPECT_EQ(parse_cgroup_limit("max\n"), std::nullopt);
  EXPECT_EQ(parse_cgroup_limit("9223372036854771712\n"), std::nullopt);  // version 1
  EXPECT_EQ(parse_cgroup_limit(""), std::nullopt);
  EXPECT_EQ(parse_cgroup_limit("12 MiB"), std::nullopt);
}

TEST(CgroupFiles, AreThoseOfTheGroupAndOfEachAbove) {
  using Paths = std::vector<std::filesystem::path>;
  EXPECT_EQ(cgroup_memory_files("0::/system.slice/firstring.service\n"),
            (Paths{"/sys/fs/cgroup/system.slice/firstring.service/memory.max", "/sys/fs/cgroup/system.slice/memory.max",
                   "/sys/fs/cgroup/memory.max"}));
  EXPECT_EQ(
      cgroup_memory_files("5:devices:/\n4:cpu,memory:/docker/a:b\n"),
      (Paths{"/sys/fs/cgroup/memory/docker/a:b/memory.limit_in_bytes",
             "/sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}));
  EXPECT_EQ(cgroup_memory_files("0::/\n"), Paths{"/sys/fs/cgroup/memory.max"});
  EXPECT_THAT(cgroup_memory_files("nonsense\n1\n\n"), IsEmpty());
}

TEST(MemAvailable, IsReadInKibibytes) {
  EXPECT_EQ(parse_mem_available("MemTotal:        8000000 kB\nMemAvailable:     123456 kB\n"), 123'456U * 1024);
  EXPECT_EQ(parse_mem_available("MemTotal: 1 kB\n"), std::nullopt);
  EXPECT_EQ(parse_mem_available("MemAvailable: many kB\n"), std::nullopt);
  EXPECT_EQ(parse_mem_available("MemAvailable: 18446744073709551615 kB\n"), std::nullopt);
}

TEST(Backlog, IsWarnedOfWhereTheKernelCutsItOrRefuses) {
  EXPECT_THAT(backlog_warnings(kBacklog, 0), IsEmpty());
  EXPECT_THAT(backlog_warnings(std::nullopt, std::nullopt), IsEmpty());
  EXPECT_THAT(backlog_warnings(128, 1),
              ElementsAre(AllOf(HasSubstr("somaxconn is 128"), HasSubstr("somaxconn=4096")), HasSubstr("refused")));
}

}  // namespace
}  // namespace firstring::server
