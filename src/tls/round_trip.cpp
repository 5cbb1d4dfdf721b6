#include "tls/round_trip.hpp"

// The kernel's own header: glibc's struct tcp_info ends before tcpi_min_rtt.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <limits>

namespace firstring::tls {

std::int64_t round_trip_us(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return -1;
  if (size < offsetof(tcp_info, tcpi_min_rtt) + sizeof info.tcpi_min_rtt) return -1;  // a kernel older than 4.9
  return info.tcpi_min_rtt == std::numeric_limits<std::uint32_t>::max() ? -1 : info.tcpi_min_rtt;
}

}  // namespace firstring::tls
