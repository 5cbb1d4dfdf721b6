#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/time.hpp"
#include "http/message.hpp"
#include "http/request_reader.hpp"
#include "provision/handler.hpp"
#include "server/buffers.hpp"
#include "server/next.hpp"
#include "tls/channel.hpp"
#include "tls/tape.hpp"

namespace firstring::server {

/// The requests of a connection and their answers, one after the other, over its channel:
///
///   read -> (the connection has it answered) -> reserve -> answer -> write -> finish_answer -> read ...
class Exchange {
 public:
  /// `head_bytes`: http::Limits. `tape`: nullptr if none runs. `on_room`, `on_more`: called, the latter from any
  /// thread, when what Next::Need room or more asked for is there.
  Exchange(std::size_t head_bytes, Buffers& inputs, Buffers& answers, tls::Tape* tape,
           const std::function<void()>& on_room, std::function<void()> on_more);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange() { wipe_output(); }

  /// Reads until a request is complete or refused (nothing). `handler` says which bodies are taken.
  Next read(tls::Channel& channel, bool is_tls, const provision::Handler& handler, const Clock& clock);
  /// Nothing of a next request has come.
  bool is_empty() const { return reader_.empty(); }
  /// Something of a request has come, that has not been answered yet.
  bool has_begun() const { return began_ != TimePoint{}; }
  bool is_refused() const { return reader_.state() == http::RequestReader::State::failed; }
  /// There is a body that is not read: the connection ends with the answer.
  bool has_unread_body() const { return reader_.state() == http::RequestReader::State::head; }
  const http::RequestReader& reader() const { return reader_; }
  using TimePoint = std::chrono::steady_clock::time_point;
  TimePoint began() const { return began_; }  ///< the first byte of this request
  Timestamp began_at() const { return began_at_; }

  /// Before a request is answered: room for an answer of the usual size (room, or nothing).
  Next reserve();
  /// Takes the answer. `body`: without for HEAD.
  void answer(http::Response response, bool keep_alive, http::Body body);
  /// Sends it (nothing: all of it is with the kernel).
  Next write(tls::Channel& channel);
  unsigned status() const { return status_; }  ///< of the answer; 0: there is none yet
  bool keeps_alive() const { return keep_alive_; }
  /// What of the answer's body was sent, in bytes.
  std::uint64_t body_bytes() const { return body_bytes_; }
  /// The answer has gone out: forgets it, and goes on with the next request. `clock` for its beginning.
  void finish_answer(const Clock& clock);

  /// On the tape, only a request that certainly holds no password and no other phone's name may leave with a bundle of
  /// evidence. All of this request is withheld.
  void withhold_request();
  /// On the tape, a document is withheld: set before write().
  void withhold_answer(bool withheld) { is_withheld_ = withheld; }

 private:
  Next refill();
  void wipe_output();
  std::string_view next_output();

  http::RequestReader reader_;
  std::size_t head_bytes_;
  Intake intake_;
  Buffers::Lease lease_;  ///< for the answer
  tls::Tape* tape_;
  std::size_t taped_from_ = 0;  ///< where the request begins on the tape
  std::function<void()> on_more_;
  TimePoint began_{};
  Timestamp began_at_{};
  std::string output_;  ///< head, and body or a piece of it
  std::size_t sent_ = 0, head_end_ = 0;
  std::uint64_t body_bytes_ = 0;
  unsigned status_ = 0;
  std::unique_ptr<http::BodySource> source_;  ///< what comes behind `output_`
  bool keep_alive_ = false;
  bool is_withheld_ = false;
};

}  // namespace firstring::server
