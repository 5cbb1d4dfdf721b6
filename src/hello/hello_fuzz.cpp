#include <cstdio>
#include <cstdlib>

#include "hello/client_hello.hpp"
#include "hello/test_hellos.hpp"

// The input is a stream from its first octet, so that a captured hello is a seed as it is.

namespace firstring::hello {
namespace {

void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

/// Feeds parts whose sizes follow from the octets themselves, until a verdict; returns how many octets that took.
std::size_t feed_in_parts(Reader& reader, ByteView stream, std::size_t largest) {
  std::size_t fed = 0;
  std::size_t state = stream.size();
  while (fed < stream.size() && reader.state() == Reader::State::need_more) {
    state = state * 31 + stream[fed];
    const auto part = stream.subspan(fed, std::min(stream.size() - fed, state % largest + 1));
    reader.feed(part);
    fed += part.size();
    check(reader.received().size() == fed, "received() is what was fed");
  }
  return fed;
}

void check_same(const Reader& a, const Reader& b) {
  check(a.state() == b.state(), "the state does not depend on the feeds");
  check(a.hello() == b.hello(), "the hello does not depend on the feeds");
  if (a.state() != Reader::State::failed) return;
  check(a.reason() == b.reason(), "the reason does not depend on the feeds");
  check(a.detail() == b.detail(), "the detail does not depend on the feeds");
}

void check_hello(const ClientHello& hello, std::size_t stream_size) {
  std::size_t octets = hello.session_id.size() + 2 * hello.suites.size() + 3 * hello.sslv2_kinds.size();
  octets += hello.compressions.size();
  for (const auto& each : hello.extensions) octets += 4 + each.body.size();
  check(octets <= stream_size, "the hello holds no more than came");
  octets = hello.server_name.size() + 2 * hello.groups.size() + hello.point_formats.size() +
           2 * hello.signature_algorithms.size() + 2 * hello.supported_versions.size();
  for (const auto& each : hello.alpn) octets += 1 + each.size();
  check(octets <= stream_size, "what was read out of the extensions is no more than came");
  check(!hello.suites.empty() || !hello.sslv2_kinds.empty(), "a hello has suites");
  check(!version_name(hello.highest_version()).empty(), "every version has a name");
  const auto old = ja3(hello);
  check(old.hash.size() == 32 && old.text.size() <= 6 * stream_size, "JA3 has its size");
  check(ja4(hello).size() == 36, "JA4 has its size");
}

void check_resplit(const Reader& whole, ByteView stream, std::size_t fed) {
  // The message of a complete TLS hello, put into other records.
  Bytes message;
  for (std::size_t at = 0; at + 5 <= fed;) {
    const std::size_t size = static_cast<std::size_t>(stream[at + 3]) << 8 | stream[at + 4];
    test::put(message, stream.subspan(at + 5, std::min(size, fed - at - 5)));
    at += 5 + size;
  }
  Reader other;
  other.feed(test::records(message, 1 + stream.size() % 700));
  if (other.state() == Reader::State::failed && other.reason() == NotHello::too_large) return;  // more headers
  check(other.state() == Reader::State::complete, "a hello is one in other records too");
  auto hello = other.hello();
  hello.record_version = whole.hello().record_version;
  check(hello == whole.hello(), "the hello does not depend on the records");
}

}  // namespace
}  // namespace firstring::hello

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace firstring;
  using namespace firstring::hello;
  const ByteView stream{data, size};

  Reader whole;
  whole.feed(stream);
  check(whole.received().size() == size, "received() is what was fed");

  Reader parts;
  feed_in_parts(parts, stream, 200);
  check_same(whole, parts);

  Reader octets;
  const auto fed = feed_in_parts(octets, stream, 1);
  check_same(whole, octets);
  check(fed <= Reader::kMaxBytes, "a verdict comes within the limit");

  if (whole.state() != Reader::State::complete) return 0;
  check_hello(whole.hello(), fed);
  if (whole.hello().format == Format::tls) check_resplit(whole, stream, fed);
  return 0;
}
