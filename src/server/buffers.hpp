#pragma once

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <functional>
#include <memory>

namespace firstring::server {

/// The budget, in bytes, for what a worker's connections hold of messages beyond kFreeBytes each. A lease that needs
/// more than is left waits, in the order of arrival, and later ones wait behind it, so that a large one is not passed
/// over for ever. A connection should hold no part while it waits for more. Only counts; allocates nothing. One
/// thread's own.
class Buffers {
  using Hook = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

 public:
  /// One connection's part; given back on destruction. `on_room`: called once the bytes that it waited for are its own.
  class Lease : public Hook {
   public:
    explicit Lease(Buffers& buffers, std::function<void()> on_room) : buffers_(buffers), on_room_(std::move(on_room)) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { shrink(0); }

    /// Grows to `bytes` if it holds less. False: no room yet; holds as much as before until on_room.
    bool grow(std::size_t bytes);
    /// Shrinks to `bytes` if it holds more, and stops waiting.
    void shrink(std::size_t bytes);
    /// Holds `bytes` even beyond the limit: for a message that turned out larger than its lease. While the limit is
    /// exceeded no other lease grows, so there is one such excess at a time.
    void exceed(std::size_t bytes);
    std::size_t bytes() const { return bytes_; }
    bool waits() const { return is_linked(); }

   private:
    friend Buffers;
    Buffers& buffers_;
    std::function<void()> on_room_;
    std::size_t bytes_ = 0, wanted_ = 0;
  };

  /// `limit`: bytes. A lease larger than that is granted when no other holds any.
  void set_limit(std::size_t limit);
  std::size_t used() const { return used_; }
  std::size_t limit() const { return limit_; }

 private:
  bool has_room_for(const Lease& lease, std::size_t bytes) const;
  void serve_waiting();

  std::size_t limit_ = 0, used_ = 0;
  boost::intrusive::list<Lease, boost::intrusive::constant_time_size<false>> waiting_;
};

/// What one incoming message, a hello or a request, holds of a worker's buffers. The first kFreeBytes are free.
class Intake {
 public:
  Intake(Buffers& buffers, std::function<void()> on_room) : buffers_(buffers), on_room_(std::move(on_room)) {}

  /// How many bytes may be read in addition to `held`; 0 if there is no room for `whole`, the most that the message may
  /// need: then on_room is called when there is.
  std::size_t may_read(std::size_t held, std::size_t whole);
  /// Holds at most `bytes` from now on.
  void shrink(std::size_t bytes);
  /// The message is over.
  void reset() { lease_.reset(); }

 private:
  Buffers& buffers_;
  std::function<void()> on_room_;
  std::unique_ptr<Buffers::Lease> lease_;  ///< of most connections there is none
};

}  // namespace firstring::server
