#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>

#include "base/ip_address.hpp"

namespace firstring::server {

// Asio's own types with the executor spelt out: the type-erased one costs half a KiB a connection.
using Executor = boost::asio::io_context::executor_type;
using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;
using Timer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;

/// Without the port.
IpAddress address_of(const boost::asio::ip::tcp::endpoint& endpoint);

}  // namespace firstring::server
