#include "server/buffers.hpp"

#include "server/capacity.hpp"

#include <algorithm>

namespace firstring::server {

bool Buffers::has_room_for(const Lease& lease, std::size_t bytes) const {
  const auto others = used_ - lease.bytes_;
  return others == 0 || (others <= limit_ && bytes <= limit_ - others);
}

void Buffers::set_limit(std::size_t limit) {
  limit_ = limit;
  serve_waiting();
}

void Buffers::serve_waiting() {
  while (!waiting_.empty() && has_room_for(waiting_.front(), waiting_.front().wanted_)) {
    auto& lease = waiting_.front();
    lease.unlink();
    used_ += lease.wanted_ - lease.bytes_;
    lease.bytes_ = lease.wanted_;
    lease.on_room_();
  }
}

bool Buffers::Lease::grow(std::size_t bytes) {
  if (bytes <= bytes_) return true;
  // Behind those that wait, but not behind itself.
  if (is_linked() || !buffers_.waiting_.empty() || !buffers_.has_room_for(*this, bytes)) {
    wanted_ = std::max(wanted_, bytes);
    if (!is_linked()) buffers_.waiting_.push_back(*this);
    return false;
  }
  exceed(bytes);
  return true;
}

void Buffers::Lease::exceed(std::size_t bytes) {
  if (bytes <= bytes_) return;
  buffers_.used_ += bytes - bytes_;
  bytes_ = bytes;
}

void Buffers::Lease::shrink(std::size_t bytes) {
  unlink();
  wanted_ = 0;
  if (bytes >= bytes_) return buffers_.serve_waiting();  // it may have stood in front
  buffers_.used_ -= bytes_ - bytes;
  bytes_ = bytes;
  buffers_.serve_waiting();
}

std::size_t Intake::may_read(std::size_t held, std::size_t whole) {
  if (held < kFreeBytes) return kFreeBytes - held;
  if (!lease_) lease_ = std::make_unique<Buffers::Lease>(buffers_, on_room_);
  return lease_->grow(whole) ? kReadBytes : 0;
}

void Intake::shrink(std::size_t bytes) {
  if (lease_) lease_->shrink(bytes);
}

}  // namespace firstring::server
