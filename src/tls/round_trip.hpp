#pragma once

#include <cstdint>

namespace firstring::tls {

/// The least round-trip time that the kernel has seen on a TCP socket, in microseconds; -1 if it cannot tell.
/// The least, not the smoothed one: a client that computes for a second acknowledges late, and that is no distance.
std::int64_t round_trip_us(int fd);

}  // namespace firstring::tls
