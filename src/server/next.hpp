#pragma once

#include <string>
#include <utility>

#include "base/codes.hpp"
#include "tls/channel.hpp"

namespace firstring::server {

/// What a part of a connection (Handshake, Exchange) needs before it can go on. The parts wait for nothing themselves.
struct Next {
  enum class Need : unsigned char {
    nothing,  ///< it is through with what it was asked to do
    read,     ///< the socket has something to read
    write,    ///< the socket takes something
    room,     ///< the buffers have room: Buffers::Lease's on_room
    more,     ///< a body's source has more: http::BodySource::on_more
    pause,    ///< some time has passed
    closed,   ///< the peer has closed
    end,      ///< nothing: the connection is over, by outcome, stage and detail
  };

  static Next end(Outcome outcome, Stage stage, std::string detail = {}) {
    return {Need::end, outcome, stage, std::move(detail)};
  }

  Need need = Need::nothing;
  Outcome outcome = Outcome::unknown;
  Stage stage = Stage::unknown;
  std::string detail{};  ///< of `end`, and of `closed` if it was an error
};

}  // namespace firstring::server
