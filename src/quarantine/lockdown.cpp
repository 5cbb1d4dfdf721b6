#include "quarantine/lockdown.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <limits>
#include <vector>

#include "base/file.hpp"

// GCC's words, which clang says otherwise.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1  // NOLINT(bugprone-reserved-identifier)
#endif
#endif

namespace firstring::quarantine {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

/// Address space: the program with its libraries takes about 20 MiB, a connection less than 128 KiB.
constexpr rlim_t kProgramBytes = 64U << 20;
constexpr rlim_t kConnectionBytes = 256U << 10;
/// Descriptors that are not of a connection: 0 to 2, the link, and what a message brings before it is judged.
constexpr std::size_t kOtherDescriptors = 8;

Result<void> failure(std::string_view doing) { return fail(Errc::io, fmt::format("{}: {}", doing, errno_text(errno))); }

Result<void> limit(decltype(RLIMIT_AS) what, rlim_t value) {
  const rlimit both{value, value};
  if (::setrlimit(what, &both) != 0) return failure("limit its resources");
  return {};
}

#if defined(__x86_64__)
constexpr std::uint32_t kMachine = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kMachine = AUDIT_ARCH_AARCH64;
#else
#error "the list of system calls has not been written for this kind of machine"
#endif

/// What a loop over sockets with OpenSSL in it needs: sockets that are there already, memory, time, random numbers.
constexpr std::array kAllowed{
    __NR_read,          __NR_write,        __NR_recvfrom,     __NR_sendto,         __NR_recvmsg,
    __NR_sendmsg,       __NR_ppoll,        __NR_shutdown,     __NR_close,          __NR_getsockopt,
    __NR_brk,           __NR_munmap,       __NR_mremap,       __NR_madvise,        __NR_futex,
    __NR_getrandom,
    __NR_getpid,  // OpenSSL's random numbers see by it whether they were forked
    __NR_clock_gettime, __NR_gettimeofday, __NR_rt_sigreturn, __NR_rt_sigprocmask, __NR_restart_syscall,
    __NR_exit,          __NR_exit_group,
#if defined(__SANITIZE_ADDRESS__)
    __NR_sigaltstack,  // of no harm; AddressSanitizer asks for its own before the program ends
#endif
#if defined(__x86_64__)
    __NR_poll,          __NR_time,
#endif
};
/// Allowed unless memory shall become executable.
constexpr std::array kMapping{__NR_mmap, __NR_mprotect};

}  // namespace

Result<void> close_descriptors(int keep) {
  const auto last = static_cast<unsigned>(keep);
  if ((last > 3 && ::close_range(3, last - 1, 0) != 0) ||
      ::close_range(last + 1, std::numeric_limits<unsigned>::max(), 0) != 0)
    return failure("close what it has inherited");
  return {};
}

Result<void> drop_privileges(const std::string& user) {
  if (::geteuid() == 0) {
    errno = 0;
    const auto* entry = ::getpwnam(user.c_str());
    if (entry == nullptr) {
      return fail(Errc::not_found,
                  fmt::format("there is no user '{}' on this machine; name one in [quarantine] user, best one that "
                              "nothing else runs as",
                              user));
    }
    if (entry->pw_uid == 0)
      return fail(Errc::invalid_input, "[quarantine] user may not be root; name one that may do nothing");
    if (::setgroups(0, nullptr) != 0 || ::setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) != 0 ||
        ::setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) != 0)
      return failure(fmt::format("become the user '{}'", user));
  }
  // After the change of user, which would take the last two back.
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
    return failure("shut itself off");
  return {};
}

Result<void> limit_resources(std::size_t connections) {
  FIRSTRING_CHECK(limit(RLIMIT_CORE, 0));
  FIRSTRING_CHECK(limit(RLIMIT_NPROC, 0));
  FIRSTRING_CHECK(limit(RLIMIT_NOFILE, connections * 2 + kOtherDescriptors));
  // AddressSanitizer reserves terabytes for itself.
  if (!kSanitized) FIRSTRING_CHECK(limit(RLIMIT_AS, kProgramBytes + connections * kConnectionBytes));
  return {};
}

Result<void> forbid_system_calls() {
  constexpr std::uint32_t kRefuse = kSanitized ? SECCOMP_RET_ERRNO | EPERM : SECCOMP_RET_KILL_PROCESS;
  std::vector<sock_filter> program;
  const auto load = [&](std::size_t offset) {
    program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)));
  };
  // Returns `verdict` if what was loaded is `value`, and goes on otherwise.
  const auto decide_if = [&](std::uint32_t value, std::uint32_t verdict) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, verdict));
  };
  load(offsetof(seccomp_data, arch));
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kMachine, 1, 0));
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
  load(offsetof(seccomp_data, nr));
  for (const auto number : kAllowed) decide_if(static_cast<std::uint32_t>(number), SECCOMP_RET_ALLOW);
  for (const auto number : kMapping) {
    // The third argument is the protection. Its lower half, on machines of either byte order that we know: little.
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(number), 0, 4));
    load(offsetof(seccomp_data, args) + 2 * sizeof(std::uint64_t));
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, kRefuse));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, kRefuse));
  sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
    return failure("forbid system calls (does this kernel have seccomp filters?)");
  return {};
}

}  // namespace firstring::quarantine
