#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace firstring::server {

/// Memory that this process may use, and by whose word.
struct MemoryLimit {
  std::uint64_t bytes = 0;
  std::string source;  ///< "memory.max of the cgroup /system.slice/firstring.service"
  std::string remedy;  ///< "raise MemoryMax= in the unit"
};

/// What this machine gives, as far as connections need it.
struct Machine {
  std::size_t descriptors = SIZE_MAX;   ///< open files
  std::optional<MemoryLimit> memory{};  ///< the smallest limit; nullopt: none is known
};

/// Raises the limit of open files as far as it may go, and reads it and the limits of memory: cgroup (version 1 and 2),
/// RLIMIT_AS, and what /proc/meminfo calls available now.
Machine read_machine();

/// How many connections may be open, and how many of them may have begun a handshake and not ended yet; at least one.
struct Capacity {
  std::size_t connections = 0;
  std::size_t begun = 0;
  std::vector<std::string> warnings;  ///< where that is less than was wanted: what it is, why, and what to do
};

/// Descriptors that are not for connections: databases, listeners, event loops.
inline constexpr std::size_t kOtherDescriptors = 200;
/// What one connection takes up that is silent or waits for its turn: 2 KiB were measured in this process (2,000 held,
/// Pss), the rest is the kernel's.
inline constexpr std::size_t kOpenBytes = 8 << 10;
/// And one from the beginning of its handshake to its end: 42 KiB likewise with DHE-1024, 38 KiB by ./dev bench
/// handshake, and the kernel's.
inline constexpr std::size_t kBegunBytes = 48 << 10;

/// Connections get half of the memory; the fleet, the ledger and everything else the other half. Those that are only
/// open get at most half of that.
Capacity capacity(std::size_t wanted, const Machine& machine);

/// What the kernel would do to phones that wait for us to accept them; empty if nothing is amiss. `somaxconn`:
/// net.core.somaxconn; `abort_on_overflow`: net.ipv4.tcp_abort_on_overflow.
std::vector<std::string> backlog_warnings(std::optional<std::uint64_t> somaxconn,
                                          std::optional<std::uint64_t> abort_on_overflow);
/// The same of this machine.
std::vector<std::string> backlog_warnings();

// ---- the files of the kernel ----

/// memory.max or memory.limit_in_bytes; nullopt: no limit.
std::optional<std::uint64_t> parse_cgroup_limit(std::string_view text);
/// MemAvailable of /proc/meminfo in bytes (proc_meminfo(5)).
std::optional<std::uint64_t> parse_mem_available(std::string_view text);
/// Of the text of /proc/self/cgroup: the files that limit the memory of this process, those of its cgroup and of each
/// above. Not all of them need exist.
std::vector<std::filesystem::path> cgroup_memory_files(std::string_view text);

}  // namespace firstring::server
