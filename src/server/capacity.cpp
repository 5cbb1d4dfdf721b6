#include "server/capacity.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <charconv>

#include "base/file.hpp"
#include "base/text.hpp"
#include "server/listen_socket.hpp"

namespace firstring::server {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

std::optional<std::uint64_t> parse_number(std::string_view text) {
  text = trim(text);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> read_number(const std::filesystem::path& path) {
  const auto text = read_file(path);
  return text ? parse_number(*text) : std::nullopt;
}

std::size_t descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return SIZE_MAX;
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
  }
  return static_cast<std::size_t>(limit.rlim_cur);
}

void keep_smallest(std::optional<MemoryLimit>& smallest, MemoryLimit other) {
  if (!smallest || other.bytes < smallest->bytes) smallest = std::move(other);
}

std::optional<MemoryLimit> memory() {
  std::optional<MemoryLimit> smallest;
  for (const auto& file : cgroup_memory_files(read_file("/proc/self/cgroup").value_or(""))) {
    const auto text = read_file(file);
    const auto limit = text ? parse_cgroup_limit(*text) : std::nullopt;
    if (limit)
      keep_smallest(smallest, {*limit, file.string(), "raise it (MemoryMax= in the unit, or the container's limit)"});
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    keep_smallest(smallest, {limit.rlim_cur, "RLIMIT_AS", "raise it (LimitAS= in the unit, or ulimit -v)"});
  if (const auto available = parse_mem_available(read_file("/proc/meminfo").value_or("")))
    keep_smallest(smallest, {*available, "what /proc/meminfo calls available", "give the machine more memory"});
  return smallest;
}

std::string lowered(std::size_t wanted, const MemoryLimit& memory, std::size_t possible, std::string_view what,
                    std::uint64_t each, std::uint64_t needed) {
  return fmt::format(
      "limits.max_connections is {}, but half of the memory that this process may use ({} MiB by {}) has room for {} "
      "{}, at {} KiB each; for all of them it takes {} MiB: {}, or lower max_connections",
      wanted, memory.bytes / kMiB, memory.source, possible, what, each >> 10, needed / kMiB + 1, memory.remedy);
}

}  // namespace

Machine read_machine() { return {.descriptors = descriptors(), .memory = memory()}; }

Capacity capacity(std::size_t wanted, const Machine& machine) {
  Capacity result{.connections = wanted, .begun = wanted, .buffers = kMostBuffers, .warnings = {}};
  const auto usable =
      machine.descriptors > kOtherDescriptors * 2 ? machine.descriptors - kOtherDescriptors : machine.descriptors / 2;
  if (usable < wanted) {
    result.connections = usable;
    result.warnings.push_back(fmt::format(
        "limits.max_connections is {}, but the limit of open files allows {}; raise it (LimitNOFILE= in the unit, or "
        "ulimit -n)",
        wanted, usable));
  }
  if (machine.memory) {
    const auto& memory = *machine.memory;
    const auto half = static_cast<std::size_t>(memory.bytes / 2);
    result.buffers = std::min(kMostBuffers, half / 8);
    const auto budget = half - result.buffers;
    const auto room = budget / 2 / kOpenBytes;
    const bool is_tight = room < result.connections;
    if (is_tight) {
      result.warnings.push_back(lowered(wanted, memory, room, "open connections", kOpenBytes,
                                        (std::uint64_t{wanted} * kOpenBytes * 2 + result.buffers) * 2));
      result.connections = room;
    }
    const auto begun = (budget - result.connections * kOpenBytes) / (kBegunBytes - kOpenBytes);
    if (begun < result.connections && !is_tight) {
      result.warnings.push_back(lowered(wanted, memory, begun, "of them in a handshake or later, and the others wait",
                                        kBegunBytes,
                                        (std::uint64_t{result.connections} * kBegunBytes + kMostBuffers) * 2));
    }
    result.begun = begun;
  }
  result.connections = std::max<std::size_t>(1, result.connections);
  result.begun = std::clamp<std::size_t>(result.begun, 1, result.connections);
  return result;
}

std::vector<std::string> backlog_warnings(std::optional<std::uint64_t> somaxconn,
                                          std::optional<std::uint64_t> abort_on_overflow) {
  std::vector<std::string> warnings;
  if (somaxconn && *somaxconn < kBacklog) {
    warnings.push_back(fmt::format(
        "net.core.somaxconn is {}: so few phones can wait to be accepted, and those beyond try again seconds later; "
        "set it to {} (sysctl -w net.core.somaxconn={}, and in /etc/sysctl.d)",
        *somaxconn, kBacklog, kBacklog));
  }
  if (abort_on_overflow.value_or(0) != 0) {
    warnings.emplace_back(
        "net.ipv4.tcp_abort_on_overflow is 1: phones beyond the kernel's queue are refused and stay away for an hour, "
        "in place of trying again seconds later; set it to 0 (sysctl -w net.ipv4.tcp_abort_on_overflow=0, and in "
        "/etc/sysctl.d)");
  }
  return warnings;
}

std::vector<std::string> backlog_warnings() {
  return backlog_warnings(read_number("/proc/sys/net/core/somaxconn"),
                          read_number("/proc/sys/net/ipv4/tcp_abort_on_overflow"));
}

std::optional<std::uint64_t> parse_cgroup_limit(std::string_view text) {
  const auto limit = parse_number(text);  // not "max"
  // Version 1 says "none" by the largest whole number of pages.
  constexpr std::uint64_t kNone = std::uint64_t{1} << 62;
  return limit && *limit < kNone ? limit : std::nullopt;
}

std::optional<std::uint64_t> parse_mem_available(std::string_view text) {
  constexpr std::string_view kName = "MemAvailable:", kUnit = " kB";
  for (auto line : split(text, '\n')) {
    if (!line.starts_with(kName) || !line.ends_with(kUnit)) continue;
    line.remove_prefix(kName.size());
    line.remove_suffix(kUnit.size());
    const auto kilobytes = parse_number(line);
    return kilobytes && *kilobytes < UINT64_MAX / 1024 ? std::optional{*kilobytes * 1024} : std::nullopt;
  }
  return std::nullopt;
}

std::vector<std::filesystem::path> cgroup_memory_files(std::string_view text) {
  std::vector<std::filesystem::path> files;
  const auto with_those_above = [&](const std::filesystem::path& root, std::filesystem::path group, const char* name) {
    for (;; group = group.parent_path()) {
      files.push_back(root / group.relative_path() / name);
      if (!group.has_relative_path()) return;
    }
  };
  // cgroups(7): hierarchy-ID:controller-list:cgroup-path; version 2 is "0::".
  for (const auto line : split(text, '\n')) {
    const auto first = line.find(':');
    const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const auto controllers = split(line.substr(first + 1, second - first - 1), ',');
    const std::filesystem::path group{line.substr(second + 1)};
    if (line.starts_with("0::")) {
      with_those_above("/sys/fs/cgroup", group, "memory.max");
    } else if (std::find(controllers.begin(), controllers.end(), "memory") != controllers.end()) {
      with_those_above("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes");
    }
  }
  return files;
}

}  // namespace firstring::server
