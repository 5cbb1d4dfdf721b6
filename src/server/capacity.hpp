#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace firstring::server {

/// Memory that this process may use, and what limits it.
struct MemoryLimit {
  std::uint64_t bytes = 0;
  std::string source;  ///< "memory.max of the cgroup /system.slice/firstring.service"
  std::string remedy;  ///< "raise MemoryMax= in the unit"
};

/// What limits the number of connections on this machine.
struct Machine {
  std::size_t descriptors = SIZE_MAX;   ///< open files
  std::optional<MemoryLimit> memory{};  ///< the smallest limit; nullopt: none is known
};

/// Raises the limit of open files to its hard limit, and reads it and the limits of memory: cgroup (version 1 and 2),
/// RLIMIT_AS, and what /proc/meminfo calls available now.
Machine read_machine();

/// How many connections may be open, and how many of them may have begun a handshake and not ended yet; at least one.
struct Capacity {
  std::size_t connections = 0;
  std::size_t begun = 0;
  std::size_t buffers = 0;            ///< bytes that all of them together may hold beyond what each has for free
  std::vector<std::string> warnings;  ///< where that is less than was wanted: what it is, why, and what to do
};

/// Descriptors that are not for connections: databases, listeners, event loops.
inline constexpr std::size_t kOtherDescriptors = 200;
/// Bytes, at most, of a connection that is silent, waits in the queue or speaks plain HTTP: its objects, kFreeBytes of
/// a hello or a request with what is parsed from them, its row in the making, and the kernel's memory for its socket.
/// connection_test.cpp adds it up.
inline constexpr std::size_t kOpenBytes = 20 << 10;
/// Bytes, at most, of a connection from the start of its handshake to its end: 42 KiB were measured (Release, TLS 1.0
/// and 1.2) after our flight; the rest is for certificates of 16 KiB and 1,000 elements, the most that is taken
/// (tls/certificate_weight.hpp), some 100 octets each, for which OpenSSL has given back a buffer of 21 KiB by then.
inline constexpr std::size_t kBegunBytes = 112 << 10;

/// Bytes of a hello, a request or a response that take nothing from the buffers: more than phones send.
inline constexpr std::size_t kFreeBytes = 2 << 10;
/// Bytes read from a socket at once.
inline constexpr std::size_t kReadBytes = 4 << 10;
/// Bytes that a larger hello may need: twice its most in each of two vectors that grow, and once more in OpenSSL.
inline constexpr std::size_t kLargeHelloBytes = std::size_t{5} * (64 << 10);
/// Bytes reserved for a response before it is rendered. A larger one counts with its true size.
inline constexpr std::size_t kAnswerBytes = 64 << 10;
/// Bytes that a request with a larger head may need: the head, what is parsed from it, and what was read after it.
constexpr std::size_t large_request_bytes(std::size_t most_head_bytes) {
  constexpr std::size_t kHeaderPairs = 16 << 10;
  return 4 * most_head_bytes + kHeaderPairs + kReadBytes;
}

/// Bytes: the most of all buffers, and the least for each worker.
inline constexpr std::size_t kMostBuffers = 64U << 20;
inline constexpr std::size_t kLeastBuffers = 1U << 20;

/// Connections get half of the memory; the fleet, the ledger and everything else the other half. An eighth of their
/// half, but at most kMostBuffers, is for buffers; of the rest, those that are only open get at most half.
Capacity capacity(std::size_t wanted, const Machine& machine);

/// Warnings about the kernel's queue of connections to accept; empty if its settings are good. `somaxconn`:
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
