#include "simulator/gzip.hpp"

#include <fmt/format.h>

#include <boost/beast/zlib/inflate_stream.hpp>
#include <boost/crc.hpp>
#include <cstdint>
#include <optional>

namespace firstring::simulator {
namespace {

constexpr std::size_t kTrailer = 8;
enum Flag : std::uint8_t { fhcrc = 2, fextra = 4, fname = 8, fcomment = 16, reserved = 0xe0 };

std::uint32_t little_endian(ByteView octets) {
  return static_cast<std::uint32_t>(octets[0]) | static_cast<std::uint32_t>(octets[1]) << 8 |
         static_cast<std::uint32_t>(octets[2]) << 16 | static_cast<std::uint32_t>(octets[3]) << 24;
}

/// The length of the member header; nullopt if it is none.
std::optional<std::size_t> header_length(ByteView file) {
  constexpr std::size_t kFixed = 10;
  if (file.size() < kFixed || file[0] != 0x1f || file[1] != 0x8b || file[2] != 8 || (file[3] & reserved) != 0)
    return std::nullopt;
  const auto flags = file[3];
  std::size_t at = kFixed;
  if ((flags & fextra) != 0) {
    if (file.size() < at + 2) return std::nullopt;
    at += 2 + static_cast<std::size_t>(file[at] | file[at + 1] << 8);
  }
  for (const auto text : {fname, fcomment}) {
    if ((flags & text) == 0) continue;
    while (at < file.size() && file[at] != 0) ++at;
    ++at;
  }
  if ((flags & fhcrc) != 0) at += 2;
  if (file.size() < at + kTrailer) return std::nullopt;
  return at;
}

}  // namespace

Result<std::string> gunzip(ByteView file, std::size_t limit) {
  const auto begin = header_length(file);
  if (!begin) return fail(Errc::invalid_input, "unpack gzip: the header is malformed or cut short");
  const auto deflated = file.subspan(*begin, file.size() - *begin - kTrailer);

  namespace zlib = boost::beast::zlib;
  zlib::inflate_stream stream;
  stream.reset();
  zlib::z_params step;
  step.next_in = deflated.data();
  step.avail_in = deflated.size();
  std::string content;
  boost::beast::error_code error;
  while (error != zlib::error::end_of_stream) {
    const auto before = content.size();
    content.resize(before + 65536);
    step.next_out = content.data() + before;
    step.avail_out = content.size() - before;
    stream.write(step, zlib::Flush::sync, error);
    const bool stuck = step.avail_out == content.size() - before;
    content.resize(content.size() - step.avail_out);
    if (content.size() > limit) {
      return fail(Errc::limit_exceeded, fmt::format("unpack gzip: larger than the {} bytes allowed", limit));
    }
    if (error && error != zlib::error::end_of_stream && error != zlib::error::need_buffers) {
      return fail(Errc::invalid_input, "unpack gzip: " + error.message());
    }
    if (stuck && error != zlib::error::end_of_stream) {
      return fail(Errc::invalid_input, "unpack gzip: the data are cut short");
    }
  }
  if (step.avail_in != 0) return fail(Errc::invalid_input, "unpack gzip: there are bytes behind its end");

  boost::crc_32_type crc;
  crc.process_bytes(content.data(), content.size());
  const auto trailer = file.last(kTrailer);
  if (little_endian(trailer.first(4)) != crc.checksum() ||
      little_endian(trailer.last(4)) != static_cast<std::uint32_t>(content.size())) {
    return fail(Errc::invalid_input, "unpack gzip: checksum or length is wrong");
  }
  return content;
}

}  // namespace firstring::simulator
