#pragma once

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <functional>
#include <memory>

namespace firstring::server {

/// The memory that a worker's connections may hold for what comes in or goes out, beyond what each has for free. Who
/// needs more than is left waits, in the order of arrival, and the next ones behind it: so nobody who needs much is
/// passed by for ever. Nobody should hold a part while it waits for more. It counts only. One worker's own.
class Buffers {
  using Hook = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

 public:
  /// One connection's part; gives it back when it goes. `on_room`: called once what was waited for has been given.
  class Lease : public Hook {
   public:
    explicit Lease(Buffers& buffers, std::function<void()> on_room) : buffers_(buffers), on_room_(std::move(on_room)) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { shrink(0); }

    /// Holds `bytes` from now on, if it held less. False: there is no room; nothing changes until on_room.
    bool grow(std::size_t bytes);
    /// Holds at most `bytes` from now on, and waits for no more.
    void shrink(std::size_t bytes);
    /// Holds `bytes`, whatever is left: for what turned out larger than the lease that was taken for it. While it
    /// exceeds the limit nobody else is given any, so there is one such excess at a time.
    void exceed(std::size_t bytes);
    std::size_t bytes() const { return bytes_; }
    bool waits() const { return is_linked(); }

   private:
    friend Buffers;
    Buffers& buffers_;
    std::function<void()> on_room_;
    std::size_t bytes_ = 0, wanted_ = 0;
  };

  /// `limit`: bytes. A lease that is larger is given when nobody holds any.
  void set_limit(std::size_t limit);
  std::size_t used() const { return used_; }
  std::size_t limit() const { return limit_; }

 private:
  bool has_room_for(const Lease& lease, std::size_t bytes) const;
  void serve_waiting();

  std::size_t limit_ = 0, used_ = 0;
  boost::intrusive::list<Lease, boost::intrusive::constant_time_size<false>> waiting_;
};

/// What one message that comes in holds of a worker's buffers: a hello, or a request. The first kFreeBytes are free.
class Intake {
 public:
  Intake(Buffers& buffers, std::function<void()> on_room) : buffers_(buffers), on_room_(std::move(on_room)) {}

  /// How many bytes may be read on top of `held` ones; 0 if there is no room for `whole`, what the message may come to:
  /// then on_room follows when there is.
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
