#include "http/request_reader.hpp"

#include <algorithm>
#include <array>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <cstdint>
#include <utility>

#include "base/text.hpp"
#include "http/target.hpp"

// The head is collected line by line into `head`, with every line end written as CRLF, under limits that look at single
// bytes: so neither the outcome nor the cost depends on how the peer splits its bytes. The request line is judged at
// its end, everything else at the empty line, where Beast parses the whole head once.

namespace firstring::http {
namespace {

namespace beast = boost::beast::http;

struct Refusal {
  Reason reason;
  unsigned status;
  std::string_view sentence;
};

constexpr Refusal kBadRequestLine{Reason::bad_request_line, 400,
                                  "The request line must be a method, a target and HTTP/1.1 or HTTP/1.0."};
constexpr Refusal kTlsToPlain{Reason::tls_to_plain, 400, "This port speaks plain HTTP, and what came looks like TLS."};
constexpr Refusal kNoVersion{Reason::no_version, 400,
                             "The request line has no HTTP version, and HTTP/0.9 is not served."};
constexpr Refusal kBadVersion{Reason::bad_version, 505, "Only HTTP/1.1 and HTTP/1.0 are served."};
constexpr Refusal kTargetTooLong{Reason::target_too_long, 414, "The request target is too long."};
constexpr Refusal kBadTarget{Reason::bad_target, 400, ""};  // the sentence is parse_target's
constexpr Refusal kHeadTooLarge{Reason::head_too_large, 431, "The request line and headers are too large or too many."};
constexpr Refusal kBadHeader{Reason::bad_header, 400, "A header line is malformed."};
constexpr Refusal kNoHost{Reason::no_host, 400, "An HTTP/1.1 request must have a Host header."};
constexpr Refusal kTwoHosts{Reason::two_hosts, 400, "The request has more than one Host header."};
constexpr Refusal kBadHost{Reason::bad_host, 400,
                           "The Host header is not a host name or address with an optional port."};
constexpr Refusal kBadFraming{Reason::bad_framing, 400,
                              "The headers contradict each other about the length of the body."};
constexpr Refusal kLengthRequired{Reason::length_required, 411,
                                  "The body must come with a Content-Length, not with a Transfer-Encoding."};
constexpr Refusal kUnexpectedBody{Reason::unexpected_body, 400, "A request of this method must not have a body."};
constexpr Refusal kBodyTooLarge{Reason::body_too_large, 413, "The body is too large."};
constexpr Refusal kExpectation{Reason::expectation_failed, 417, "Send the request again without an Expect header."};

constexpr std::size_t kMethodBytes = 32;
constexpr std::size_t kVersionBytes = 16;
constexpr std::size_t kHeaders = 100;
constexpr std::size_t kSeenBytes = 300;
constexpr std::size_t kFirstRoom = 512;  // of a head: a phone's fits into it

bool is_token(char c) {
  return is_alphanumeric(c) || (c != 0 && std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos);
}

/// uri-host [ ":" port ] (RFC 9110 section 7.2) as a set of characters: enough that it can be logged and compared.
bool is_host(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return is_alphanumeric(c) || (c != 0 && std::string_view{"-._~%!$&'()*+,;=:[]"}.find(c) != std::string_view::npos);
  });
}

}  // namespace

struct RequestReader::Impl {
  enum class Stage : unsigned char { request_line, headers, before_body, body, complete, failed };

  explicit Impl(Limits with) : limits(with) {}

  Limits limits;
  Stage stage = Stage::request_line;

  std::string head;               // lines read so far, each ended by CRLF, and the line being read
  std::size_t head_received = 0;  // bytes as the peer sent them
  std::size_t line_start = 0;     // in head
  std::size_t header_lines = 0;
  std::array<std::size_t, 2> spaces{};  // of the request line, in head
  std::size_t space_count = 0;
  bool skipped_empty_line = false;
  std::uint64_t body_left = 0;
  bool is_expected = false;  // "100 Continue" is
  Request request;

  std::string waiting;  // bytes behind a complete request or head

  unsigned refusal_status = 0;
  std::string refusal_sentence;
  Reason reason = Reason::unknown;
  std::string seen;

  void refuse(const Refusal& kind, std::string_view sentence = {}) {
    stage = Stage::failed;
    reason = kind.reason;
    refusal_status = kind.status;
    refusal_sentence = sentence.empty() ? kind.sentence : sentence;
    const auto line = request.method.empty() ? head.substr(0, space_count == 2 ? spaces[1] : head.find('\r'))
                                             : request.method + ' ' + request.target;  // the head has been judged
    seen = printable(trim(line), kSeenBytes);
  }

  bool reading() const { return stage == Stage::request_line || stage == Stage::headers || stage == Stage::body; }

  /// Takes what belongs to the current request; the number of bytes taken.
  std::size_t take(std::string_view bytes) {
    std::size_t at = 0;
    while (at < bytes.size() && reading()) {
      if (stage == Stage::body) {
        const auto part = bytes.substr(at, static_cast<std::size_t>(body_left));  // at most the limit of take_body
        request.body.append(part);
        at += part.size();
        body_left -= part.size();
        if (body_left == 0) stage = Stage::complete;
      } else if (const auto part = stage == Stage::headers ? take_header_part(bytes.substr(at)) : 0; part > 0) {
        at += part;
      } else {
        take_head_byte(bytes[at++]);
      }
    }
    return at;
  }

  /// Takes what is there of a header line up to its end, which is not taken, as take_head_byte would byte by byte. The
  /// number of bytes taken.
  std::size_t take_header_part(std::string_view bytes) {
    const auto part = bytes.substr(0, std::min(bytes.find('\n'), limits.head_bytes - head_received));
    if (head.capacity() - head.size() < part.size()) make_room_in_head(head.size() + part.size());
    head.append(part);
    head_received += part.size();
    return part.size();
  }

  /// A string that grows by itself doubles its room, and would end at twice the limit.
  void make_room_in_head(std::size_t least) {
    const auto most = limits.head_bytes + kHeaders + 2;  // each line end may become longer by one
    std::string roomier;
    roomier.reserve(std::min(std::max({kFirstRoom, 2 * head.size(), least}), most));
    roomier = head;
    head.swap(roomier);
  }

  void take_head_byte(char c) {
    if (++head_received > limits.head_bytes) return refuse(kHeadTooLarge);
    if (head.size() == head.capacity()) make_room_in_head(head.size() + 1);
    if (c == '\n') return end_line();
    head.push_back(c);
    if (stage == Stage::request_line) check_request_line_byte(c);
  }

  /// Refuses early what cannot become a request line: garbage gets its answer without having to send a line end.
  void check_request_line_byte(char c) {
    if (c == ' ') {
      if (space_count == 2 || head.size() == 1) return refuse(kBadRequestLine);
      spaces[space_count++] = head.size() - 1;
      return;
    }
    if (space_count == 0) {
      // 0x16: a TLS record with a handshake message; 0x80: an SSLv2-format ClientHello.
      if (head.size() == 1 && (c == '\x16' || c == '\x80')) return refuse(kTlsToPlain);
      if ((!is_token(c) && c != '\r') || head.size() > kMethodBytes) return refuse(kBadRequestLine);
    } else if (space_count == 1) {
      if (head.size() - spaces[0] - 1 > limits.target_bytes + (c == '\r' ? 1 : 0)) return refuse(kTargetTooLong);
    } else if (head.size() - spaces[1] - 1 > kVersionBytes) {
      return refuse(kBadRequestLine);
    }
  }

  void end_line() {
    if (head.size() > line_start && head.back() == '\r') head.pop_back();
    const auto line = std::string_view{head}.substr(line_start);
    if (stage == Stage::request_line) {
      // RFC 9112 section 2.2: "SHOULD ignore at least one empty line (CRLF) received prior to the request-line".
      if (line.empty() && !skipped_empty_line) {
        skipped_empty_line = true;
        head_received = 0;
        return;
      }
      if (!judge_request_line(line)) return;
      stage = Stage::headers;
    } else if (line.empty()) {
      head.append("\r\n");
      return judge_head();
    } else {
      if (++header_lines > kHeaders) return refuse(kHeadTooLarge);
      // A CR within the line, or a folded line (RFC 9112 section 5.2).
      if (line.find('\r') != std::string_view::npos || line[0] == ' ' || line[0] == '\t') return refuse(kBadHeader);
    }
    head.append("\r\n");
    line_start = head.size();
  }

  bool judge_request_line(std::string_view line) {
    const auto refused = [&](const Refusal& kind, std::string_view sentence = {}) {
      refuse(kind, sentence);
      return false;
    };
    if (line.find('\r') != std::string_view::npos || space_count == 0) return refused(kBadRequestLine);
    if (space_count == 1) return refused(kNoVersion);
    const auto version = line.substr(spaces[1] + 1);
    if (version.size() != 8 || !version.starts_with("HTTP/") || !is_digit(version[5]) || version[6] != '.' ||
        !is_digit(version[7])) {
      return refused(kBadRequestLine);
    }
    if (version != "HTTP/1.0" && version != "HTTP/1.1") return refused(kBadVersion);
    auto target = parse_target(line.substr(spaces[0] + 1, spaces[1] - spaces[0] - 1));
    if (!target) return refused(kBadTarget, target.error().what);
    request.path = std::move(target->path);
    request.query = std::move(target->query);
    return true;
  }

  void judge_head() {
    beast::request_parser<beast::empty_body> parser;
    parser.header_limit(static_cast<std::uint32_t>(head.size() + 1));
    parser.skip(true);  // the body is counted here
    boost::beast::error_code error;
    parser.put(boost::asio::const_buffer{head.data(), head.size()}, error);
    if (error == beast::error::bad_content_length || error == beast::error::multiple_content_length ||
        error == beast::error::bad_transfer_encoding) {
      return refuse(kBadFraming);
    }
    if (error || !parser.is_done()) return refuse(kBadHeader);

    const auto& message = parser.get();
    request.method = std::string{message.method_string()};
    request.target = std::string{message.target()};
    request.version = message.version();
    request.keep_alive = parser.keep_alive();
    request.headers.reserve(header_lines);
    for (const auto& field : message) request.headers.emplace_back(field.name_string(), field.value());

    const auto hosts = message.count(beast::field::host);
    if (hosts > 1) return refuse(kTwoHosts);
    if (hosts == 0 && request.version == 11) return refuse(kNoHost);
    if (!is_host(request.header("Host"))) return refuse(kBadHost);

    if (message.count(beast::field::transfer_encoding) > 0) {
      // RFC 9112 section 6.1: with a Content-Length or in HTTP/1.0 its framing is faulty; section 6.3 allows 411.
      return refuse(message.count(beast::field::content_length) > 0 || request.version == 10 ? kBadFraming
                                                                                             : kLengthRequired);
    }
    free(head);
    const auto length = parser.content_length();
    if (!length || *length == 0) {
      stage = Stage::complete;
      return;
    }
    if (request.method != "POST" && request.method != "PUT") return refuse(kUnexpectedBody);
    // RFC 9110 section 10.1.1: an HTTP/1.0 client does not wait, whatever it says.
    is_expected = message.count(beast::field::expect) > 0 && request.version == 11;
    body_left = *length;
    stage = Stage::before_body;
  }

  void take_body(std::size_t limit) {
    if (body_left > limit) return refuse(kBodyTooLarge);
    if (is_expected) return refuse(kExpectation);
    request.body.reserve(static_cast<std::size_t>(body_left));
    stage = Stage::body;
  }

  /// A string that is assigned to keeps its room.
  static void free(std::string& text) { std::string{}.swap(text); }

  /// As feed() would with the bytes that have waited.
  void take_waiting() {
    const auto taken = take(waiting);
    if (taken == waiting.size()) {
      free(waiting);
    } else {
      waiting.erase(0, taken);
    }
  }

  void begin_next() {
    stage = Stage::request_line;
    free(head);
    head_received = line_start = header_lines = space_count = 0;
    skipped_empty_line = false;
    Request none;
    std::swap(request, none);
  }

  std::size_t held_bytes() const {
    auto sum = head.capacity() + waiting.capacity() + request.method.capacity() + request.target.capacity() +
               request.path.capacity() + request.query.capacity() + request.body.capacity() +
               request.headers.capacity() * sizeof(request.headers.front());
    for (const auto& [name, value] : request.headers) sum += name.capacity() + value.capacity();
    return sum;
  }
};

RequestReader::RequestReader(Limits limits) : impl_(std::make_unique<Impl>(limits)) {}
RequestReader::RequestReader(RequestReader&&) noexcept = default;
RequestReader& RequestReader::operator=(RequestReader&&) noexcept = default;
RequestReader::~RequestReader() = default;

RequestReader::State RequestReader::feed(ByteView bytes) {
  if (!impl_->reading()) return state();
  const auto text = as_text(bytes);
  const auto rest = text.substr(impl_->take(text));
  if (impl_->stage != Impl::Stage::failed) impl_->waiting.append(rest);
  return state();
}

RequestReader::State RequestReader::state() const {
  if (impl_->stage == Impl::Stage::failed) return State::failed;
  if (impl_->stage == Impl::Stage::before_body) return State::head;
  return impl_->reading() ? State::need_more : State::complete;
}

bool RequestReader::empty() const { return impl_->stage == Impl::Stage::request_line && impl_->head_received == 0; }
const Request& RequestReader::request() const { return impl_->request; }
std::uint64_t RequestReader::body_length() const { return impl_->body_left; }
Response RequestReader::refusal() const { return plain(impl_->refusal_status, impl_->refusal_sentence); }
Reason RequestReader::reason() const { return impl_->reason; }
std::string_view RequestReader::target_seen() const { return impl_->seen; }
std::size_t RequestReader::received() const { return impl_->head_received; }
std::size_t RequestReader::held_bytes() const { return impl_->held_bytes(); }

RequestReader::State RequestReader::take_body(std::size_t limit) {
  if (impl_->stage != Impl::Stage::before_body) return state();
  impl_->take_body(limit);
  impl_->take_waiting();
  return state();
}

RequestReader::State RequestReader::next() {
  impl_->begin_next();
  impl_->take_waiting();
  return state();
}

}  // namespace firstring::http
