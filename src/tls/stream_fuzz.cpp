// The server's end of whole TLS connections, driven as server::Connection drives it, against a peer that does what it
// likes. An input is a small program: who the two ends are, then steps. A step delivers octets that were recorded, or
// what a real OpenSSL client has to say (that one gets far behind the first flight), each as earlier steps have said
// that it shall be changed on its way: a hello of another size, messages split, dropped, repeated, alerts anywhere.
// tests/fixtures/fuzz/stream_seeds.py writes such programs and names the numbers of steps.
//
// Besides what the sanitizers find: nothing is read that the real client has not written, and in its order.

#include <fcntl.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <random>

#include "base/file.hpp"
#include "hello/client_hello.hpp"
#include "tls/handshake_library.hpp"
#include "tls/stream.hpp"
#include "tls/test_flight.hpp"
#include "tls/test_pki.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

using namespace firstring;
using tls::testing::Edit;
using Status = tls::Stream::Status;

void require(bool condition) {
  if (!condition) std::abort();
}

/// As in every program, before any other use of OpenSSL.
[[maybe_unused]] const OSSL_LIB_CTX* const library = crypto::library();

// ---- the program --------------------------------------------------------------------------------------------------

struct Ends {
  std::uint8_t scene = 0;         ///< which personality
  std::uint8_t client = 0;        ///< 0: recorded octets only; else which real client
  std::uint8_t flags = 0;         ///< of Flag
  std::uint16_t hello_size = 0;   ///< of the real client's ClientHello message, by an extension; 0: as it is
  std::uint16_t answer_size = 0;  ///< octets that the server answers with
};
constexpr std::size_t kEndsSize = 7;

enum Flag : unsigned {
  certificate = 1,  ///< the client has one, of RSA
  ec_certificate = 2,
  tape = 4,             ///< the connection is captured
  small_buffer = 8,     ///< the kernel takes little of what the server sends
  no_reader = 16,       ///< the hello comes to OpenSSL unread
  close_after = 32,     ///< the server closes behind its answer
  higher_version = 64,  ///< other clients of the listener get one
};

/// Numbers of a step's first octet; those from `edits` on are Edit, for what the next step delivers.
enum class Op : unsigned char {
  octets,  ///< delivers so many octets, which follow
  client,  ///< the client takes what has come and goes on; delivers so many of its records, 0: all
  piece,   ///< from here on, octets are delivered in pieces of this size, 0: whole
  does,    ///< the client: see Runner::client_does
  end,     ///< see Runner::end
  again,   ///< a new connection, in which the client takes up its session
  edits,
};
constexpr std::size_t kOps = static_cast<std::size_t>(Op::edits) + tls::testing::kEdits;
constexpr std::size_t kMostSteps = 48, kMostConnections = 4;

struct Step {
  std::uint8_t op = 0;
  std::uint16_t number = 0;
  Bytes octets{};
};

struct Program {
  Ends ends;
  std::vector<Step> steps;
};

Program read_program(ByteView input) {
  Program program;
  if (input.size() < kEndsSize) return program;
  const auto number = [&](std::size_t at) { return static_cast<std::uint16_t>(tls::testing::number_at(input, at, 2)); };
  program.ends = {input[0], input[1], input[2], number(3), number(5)};
  input = input.subspan(kEndsSize);
  while (input.size() >= 3 && program.steps.size() < kMostSteps) {
    Step step{.op = static_cast<std::uint8_t>(input[0] % kOps), .number = number(1)};
    input = input.subspan(3);
    if (step.op == static_cast<unsigned>(Op::octets)) {
      const auto octets = input.first(std::min<std::size_t>(input.size(), step.number));
      step.octets.assign(octets.begin(), octets.end());
      input = input.subspan(octets.size());
    }
    program.steps.push_back(std::move(step));
  }
  return program;
}

Bytes text_of(const Program& program) {
  using tls::testing::append_number;
  Bytes text{program.ends.scene, program.ends.client, program.ends.flags};
  append_number(text, program.ends.hello_size, 2);
  append_number(text, program.ends.answer_size, 2);
  for (const auto& step : program.steps) {
    text.push_back(step.op);
    append_number(text, step.op == static_cast<unsigned>(Op::octets) ? step.octets.size() : step.number, 2);
    tls::testing::append(text, step.octets);
  }
  return text;
}

// ---- the two ends, made once --------------------------------------------------------------------------------------

struct ClientKind {
  int min_version, max_version;
  const char* ciphers;  ///< up to TLS 1.2
  const char* groups;   ///< nullptr: OpenSSL's
};
constexpr std::array kClients{
    ClientKind{TLS1_VERSION, TLS1_VERSION, "DHE-RSA-AES256-SHA", nullptr},
    ClientKind{TLS1_VERSION, TLS1_VERSION, "AES128-SHA", nullptr},
    ClientKind{TLS1_VERSION, TLS1_VERSION, "ECDHE-RSA-AES256-SHA", nullptr},
    ClientKind{TLS1_1_VERSION, TLS1_1_VERSION, "DHE-RSA-AES128-SHA", nullptr},
    ClientKind{TLS1_2_VERSION, TLS1_2_VERSION, "AES128-GCM-SHA256:AES256-SHA256", nullptr},
    ClientKind{TLS1_2_VERSION, TLS1_2_VERSION, "DHE-RSA-AES256-GCM-SHA384", nullptr},
    ClientKind{TLS1_2_VERSION, TLS1_2_VERSION, "ECDHE-RSA-AES256-GCM-SHA384", nullptr},
    ClientKind{TLS1_2_VERSION, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", nullptr},
    ClientKind{TLS1_3_VERSION, TLS1_3_VERSION, nullptr, nullptr},
    ClientKind{TLS1_3_VERSION, TLS1_3_VERSION, nullptr, "X448:X25519"},  // a HelloRetryRequest is what it gets
    ClientKind{TLS1_VERSION, TLS1_3_VERSION, nullptr, nullptr},
};

std::size_t hello_padding = 0;  ///< octets in the clients' own extension

int add_padding(SSL*, unsigned, unsigned, const unsigned char** out, std::size_t* size, X509*, std::size_t, int*,
                void*) {
  static const Bytes zeros(0xffff);
  if (hello_padding == 0) return 0;
  *out = zeros.data();
  *size = std::min(hello_padding, zeros.size());
  return 1;
}

class World {
 public:
  World() {
    auto legacy = *tls::find_personality("legacy-2026-11");
    auto modern = *tls::find_personality("modern-2026-11");
    const tls::ServerChain weak{"weak", {weak_.certificate}, weak_.key};
    const tls::ServerChain strong{"strong", {strong_.certificate}, strong_.key, {ec_.certificate}, ec_.key};
    add(legacy, weak);
    add(modern, strong);
    add(*tls::find_personality("sipura-2026-11"), weak);
    add(*tls::find_personality("sha1-2026-11"), weak);
    modern.alerts = tls::AlertStyle::none;
    modern.sessions = false;
    modern.max_fragment = 512;
    add(modern, strong);
    legacy.send_ca_names = false;
    add(legacy, strong);
  }

  std::shared_ptr<const tls::Context> scene(std::uint8_t number) const { return contexts_[number % contexts_.size()]; }

  SSL_CTX* client(const Ends& ends) {
    const auto kind = (ends.client - 1U) % kClients.size();
    auto& made = clients_[{kind, ends.flags & (Flag::certificate | Flag::ec_certificate)}];
    if (!made) made = make_client(kClients[kind], ends.flags);
    return made.get();
  }

  /// What one input has left behind must not be there for the next.
  void forget_sessions() const {
    sessions_->set_budget(0);
    sessions_->set_budget(kSessionBytes);
  }

 private:
  static crypto::Issued issued(const char* name, const crypto::PrivateKey& key, const crypto::Issued* issuer) {
    crypto::CertificateRequest request;
    request.subject = {{"CN", name, 0, true}};
    request.not_before = tls::testing::in_days(-10);
    request.not_after = tls::testing::in_days(10);
    return {*crypto::issue(request, key, issuer), key};
  }

  void add(const tls::Personality& personality, const tls::ServerChain& chain) {
    auto made = tls::Context::build(personality, chain, {maker_.certificate}, sessions_);
    require(made.has_value());
    contexts_.push_back(*std::move(made));
  }

  crypto::SslContextPtr make_client(const ClientKind& kind, unsigned flags) const {
    crypto::SslContextPtr made{SSL_CTX_new_ex(crypto::library(), nullptr, TLS_client_method())};
    SSL_CTX_set_security_level(made.get(), 0);
    SSL_CTX_set_min_proto_version(made.get(), kind.min_version);
    SSL_CTX_set_max_proto_version(made.get(), kind.max_version);
    if (kind.ciphers != nullptr) SSL_CTX_set_cipher_list(made.get(), kind.ciphers);
    if (kind.groups != nullptr) SSL_CTX_set1_groups_list(made.get(), kind.groups);
    require(SSL_CTX_add_custom_ext(made.get(), 0xfafa, SSL_EXT_CLIENT_HELLO, add_padding, nullptr, nullptr, nullptr,
                                   nullptr) == 1);
    if ((flags & (Flag::certificate | Flag::ec_certificate)) != 0) {
      const auto& phone = (flags & Flag::ec_certificate) != 0 ? ec_phone_ : phone_;
      SSL_CTX_use_certificate(made.get(), phone.certificate.native());
      SSL_CTX_use_PrivateKey(made.get(), phone.key.native());
      SSL_CTX_add1_chain_cert(made.get(), maker_.certificate.native());
    }
    return made;
  }

  [[maybe_unused]] OSSL_LIB_CTX* const library_ = tls::handshake_library();  // before any key
  const crypto::Issued maker_ = tls::testing::make_ca("Maker");
  const crypto::Issued phone_ = tls::testing::make_leaf("phone", maker_);
  const crypto::Issued ec_phone_ = issued("phone", *crypto::PrivateKey::generate_ec(), &maker_);
  const crypto::Issued weak_ = tls::testing::Recipe{.name = "server"}.make(nullptr);
  const crypto::Issued strong_ =
      tls::testing::Recipe{.name = "server", .rsa_bits = 2048, .hash = crypto::Hash::sha256}.make(nullptr);
  const crypto::Issued ec_ = issued("server", *crypto::PrivateKey::generate_ec(), nullptr);
  static constexpr std::size_t kSessionBytes = 1U << 20;
  const std::shared_ptr<tls::SessionCache> sessions_ = std::make_shared<tls::SessionCache>(kSessionBytes);
  std::vector<std::shared_ptr<const tls::Context>> contexts_;
  std::map<std::pair<std::size_t, unsigned>, crypto::SslContextPtr> clients_;
};

World& world() {
  static World made;
  return made;
}

// ---- where the fuzzer has been ------------------------------------------------------------------------------------

// OpenSSL is not instrumented: what it has come to is a place that counts as new code does.
__attribute__((section("__libfuzzer_extra_counters"))) std::array<std::uint8_t, 4096> places;

void reached(Status status, const tls::TlsFacts& facts) {
  auto place = std::hash<std::string>{}(facts.failure);
  for (const auto part : {static_cast<int>(status), static_cast<int>(facts.stage), static_cast<int>(facts.alert.from),
                          facts.alert.code, static_cast<int>(facts.version.size() + facts.cipher.size()),
                          static_cast<int>(facts.resumed), static_cast<int>(facts.client_chain.size())}) {
    place = place * 31 + static_cast<std::size_t>(part);
  }
  places[place % places.size()] = 1;
}

// ---- the server's end ---------------------------------------------------------------------------------------------

/// As server::Connection, but for requests: whatever octets come are answered.
class Server {
 public:
  Server(const Ends& ends, int fd) : ends_(ends), fd_(fd) {
    if ((ends.flags & Flag::tape) != 0) tape_.emplace(tls::Tape::TimePoint{});
    if ((ends.flags & Flag::no_reader) != 0) accept({});
  }

  /// All that can be done without waiting.
  void drive() {
    for (int turns = 0; turns < 1000; ++turns) {
      const auto status = step();
      if (status == Status::want_read || status == Status::want_write) return;
      if (status != Status::ok) return finish(false);
    }
  }

  /// A deadline has passed (it says so to the client), or the server ends.
  void finish(bool say_so) {
    if (stream_) {
      if (say_so) reached(stream_->shutdown(), stream_->facts());
      require(stream_->facts().client_chain.size() <= tls::DeviceTrust::kMaxDepth);
    }
    stream_.reset();
    phase_ = Phase::gone;
    ::shutdown(fd_, SHUT_WR);
  }

  bool is_gone() const { return phase_ == Phase::gone; }
  const Bytes& heard() const { return heard_; }

 private:
  enum class Phase { hello, handshake, request, answer, gone };

  Status step() {
    switch (phase_) {
      case Phase::hello:
        return read_hello();
      case Phase::handshake:
        return advance(stream_->handshake(), Phase::request);
      case Phase::request:
        return read_request();
      case Phase::answer:
        return write_answer();
      case Phase::gone:
        return linger();
    }
    return Status::failed;
  }

  Status advance(Status status, Phase next) {
    reached(status, stream_->facts());
    if (status == Status::ok) phase_ = next;
    return status;
  }

  Status read_hello() {
    std::array<std::uint8_t, 4096> buffer;
    const auto count = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (count < 0) return Status::want_read;
    if (count == 0) return Status::closed;
    switch (reader_.feed({buffer.data(), static_cast<std::size_t>(count)})) {
      case hello::Reader::State::need_more:
        return Status::ok;
      case hello::Reader::State::complete:
        accept(reader_.received());
        return Status::ok;
      case hello::Reader::State::failed:
        break;
    }
    return Status::failed;
  }

  void accept(ByteView received) {
    const int highest = (ends_.flags & Flag::higher_version) != 0 ? TLS1_3_VERSION : 0;
    stream_ = *tls::Stream::accept(world().scene(ends_.scene), fd_, received,
                                   {.tape = tape_ ? &*tape_ : nullptr, .highest_version = highest});
    phase_ = Phase::handshake;
  }

  Status read_request() {
    std::array<std::uint8_t, 16'384> buffer;
    const auto io = stream_->read(buffer);
    if (io.status == Status::ok) {
      heard_.insert(heard_.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(io.bytes));
      left_ = ends_.answer_size;
    }
    return advance(io.status, Phase::answer);
  }

  Status write_answer() {
    static const std::string answer(0xffff, 'a');
    while (left_ != 0) {
      const auto io = stream_->write(std::string_view{answer}.substr(0, left_));
      left_ -= io.bytes;
      if (io.status != Status::ok) return advance(io.status, phase_);
    }
    // As for a phone that is believed: of nobody else is a session kept.
    if (!stream_->facts().client_chain.empty()) stream_->keep_session("");
    if ((ends_.flags & Flag::close_after) == 0) return advance(stream_->flush(), Phase::request);
    const auto status = advance(stream_->shutdown(), phase_);
    if (status == Status::ok) finish(true);
    return status;
  }

  Status linger() {
    std::array<std::uint8_t, 4096> buffer;
    return ::recv(fd_, buffer.data(), buffer.size(), 0) > 0 ? Status::ok : Status::want_read;
  }

  const Ends& ends_;
  int fd_;
  Phase phase_ = Phase::hello;
  hello::Reader reader_;
  std::optional<tls::Tape> tape_;
  std::unique_ptr<tls::Stream> stream_;
  std::size_t left_ = 0;  ///< of the answer
  Bytes heard_;
};

// ---- the client's end ---------------------------------------------------------------------------------------------

/// A real one, in memory.
class Client {
 public:
  Client(const Ends& ends, SSL_SESSION* session) {
    hello_padding = 0;
    if (ends.hello_size != 0) {
      start(ends, session);
      const auto hello = tls::testing::messages_of(tls::testing::read_flight(say()));
      // An extension has a header of 4 octets.
      if (!hello.empty() && ends.hello_size > hello.front().size() + 4)
        hello_padding = ends.hello_size - hello.front().size() - 4;
    }
    start(ends, session);
  }

  /// What the server has sent; with nothing, only the client's own next step.
  void take(ByteView bytes) {
    if (!bytes.empty()) BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size()));
    advance();
  }

  Bytes say() {
    Bytes said(static_cast<std::size_t>(BIO_pending(SSL_get_wbio(ssl_.get()))));
    if (!said.empty()) BIO_read(SSL_get_wbio(ssl_.get()), said.data(), static_cast<int>(said.size()));
    return said;
  }

  void write(std::size_t size) {
    if (SSL_is_init_finished(ssl_.get()) == 0 || size == 0) return;
    Bytes text(size);
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<std::uint8_t>((said_.size() + i) * 7);
    if (SSL_write(ssl_.get(), text.data(), static_cast<int>(size)) > 0) tls::testing::append(said_, text);
    ERR_clear_error();
  }

  SSL* native() const { return ssl_.get(); }
  const Bytes& said() const { return said_; }  ///< in the clear

 private:
  void start(const Ends& ends, SSL_SESSION* session) {
    ssl_.reset(SSL_new(world().client(ends)));
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (session != nullptr) SSL_set_session(ssl_.get(), session);
    SSL_set_connect_state(ssl_.get());
    advance();
  }

  void advance() {
    SSL_do_handshake(ssl_.get());
    std::array<char, 16'384> buffer;
    for (int count = 0; (count = SSL_read(ssl_.get(), buffer.data(), buffer.size())) > 0;)
      require(std::all_of(buffer.begin(), buffer.begin() + count, [](char octet) { return octet == 'a'; }));
    ERR_clear_error();
  }

  crypto::SslPtr ssl_;
  Bytes said_;
};

// ---- the run ------------------------------------------------------------------------------------------------------

class Runner {
 public:
  explicit Runner(const Program& program) : ends_(program.ends) {
    connect();
    for (const auto& step : program.steps) run(step);
    hang_up();
    server_->drive();
    judge();
  }

 private:
  void connect() {
    server_.reset();
    int fds[2];
    require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    server_fd_.reset(fds[0]);
    client_fd_.reset(fds[1]);
    if ((ends_.flags & Flag::small_buffer) != 0) {
      const int small = 1;  // the kernel makes it some KiB
      ::setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    }
    server_.emplace(ends_, fds[0]);
    if (ends_.client != 0) client_.emplace(ends_, session_.get());
    ready_.clear();
    edits_.clear();
  }

  void run(const Step& step) {
    switch (static_cast<Op>(std::min(step.op, static_cast<std::uint8_t>(Op::edits)))) {
      case Op::octets:
        return deliver(tls::testing::read_flight(step.octets));
      case Op::client: {
        const auto more = client_says();
        ready_.insert(ready_.end(), more.begin(), more.end());
        const auto count = step.number == 0 ? ready_.size() : std::min<std::size_t>(step.number, ready_.size());
        const auto end = ready_.begin() + static_cast<std::ptrdiff_t>(count);
        tls::testing::Flight now{ready_.begin(), end};
        ready_.erase(ready_.begin(), end);
        return deliver(std::move(now));
      }
      case Op::piece:
        piece_ = step.number;
        return;
      case Op::does:
        return client_does(step.number);
      case Op::end:
        return end(step.number);
      case Op::again:
        if (++connections_ < kMostConnections) again();
        return;
      case Op::edits:
        edits_.emplace_back(static_cast<Edit>(step.op - static_cast<unsigned>(Op::edits)), step.number);
        return;
    }
  }

  tls::testing::Flight client_says() {
    if (!client_) return {};
    std::array<std::uint8_t, 16'384> buffer;
    for (int turns = 0; turns < 64; ++turns) {
      const auto count = ::recv(client_fd_.get(), buffer.data(), buffer.size(), 0);
      client_->take({buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0))});
      if (count <= 0) break;
      server_->drive();  // it may have waited for room
    }
    return tls::testing::read_flight(client_->say());
  }

  void deliver(tls::testing::Flight flight) {
    for (const auto& [edit, number] : std::exchange(edits_, {})) tls::testing::edit(flight, edit, number);
    const auto wire = tls::testing::wire_of(flight);
    // Many pieces of a large flight teach nothing that some do not.
    const auto size = piece_ == 0 ? wire.size() : std::max<std::size_t>(piece_, wire.size() / 256 + 1);
    for (ByteView rest{wire}; !rest.empty();) {
      const auto part = rest.first(std::min(rest.size(), size));
      const auto sent = ::send(client_fd_.get(), part.data(), part.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN) return;
      server_->drive();
      if (sent <= 0 && server_is_stuck()) return;
      rest = rest.subspan(static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
    }
    server_->drive();
  }

  /// It waits for room in a socket that nobody reads: the client takes it all.
  bool server_is_stuck() {
    std::array<std::uint8_t, 16'384> buffer;
    bool took = false;
    for (ssize_t count = 0; (count = ::recv(client_fd_.get(), buffer.data(), buffer.size(), 0)) > 0; took = true) {
      if (client_) client_->take({buffer.data(), static_cast<std::size_t>(count)});
    }
    server_->drive();
    return !took;
  }

  void client_does(std::uint16_t number) {
    if (!client_) return;
    auto* const ssl = client_->native();
    switch (number & 3) {
      case 0:
        client_->write(number >> 2);
        break;
      case 1:
        SSL_key_update(ssl, (number & 4) != 0 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
        SSL_do_handshake(ssl);
        break;
      case 2:
        SSL_renegotiate(ssl);
        SSL_do_handshake(ssl);
        break;
      case 3:
        SSL_shutdown(ssl);
        break;
    }
    ERR_clear_error();
  }

  void end(std::uint16_t number) {
    switch (number & 3) {
      case 0:
        return hang_up();
      case 1:
        return client_fd_.reset();  // what is unread is a reset to the server
      case 2:
        return server_->finish(true);
      case 3:
        return server_->finish(false);
    }
  }

  void hang_up() {
    ::shutdown(client_fd_.get(), SHUT_WR);
    server_->drive();
  }

  void again() {
    if (client_) {
      session_.reset(SSL_get1_session(client_->native()));
      SSL_set_shutdown(client_->native(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
    hang_up();
    judge();
    connect();
  }

  void judge() const {
    const auto& heard = server_->heard();
    const auto said = client_ ? ByteView{client_->said()} : ByteView{};
    require(heard.size() <= said.size() && std::equal(heard.begin(), heard.end(), said.begin()));
  }

  const Ends ends_;
  FileDescriptor server_fd_, client_fd_;
  std::optional<Server> server_;
  std::optional<Client> client_;
  tls::SslSessionPtr session_;
  tls::testing::Flight ready_;  ///< what the client has said and nobody has delivered
  std::vector<std::pair<Edit, std::uint16_t>> edits_;
  std::size_t piece_ = 0;
  std::size_t connections_ = 1;
};

// ---- mutation -----------------------------------------------------------------------------------------------------

class Mutation {
 public:
  Mutation(Program& program, unsigned seed) : program_(program), random_(seed) {}

  void change() {
    auto& steps = program_.steps;
    switch (steps.empty() ? 0 : below(10)) {
      case 0:
      case 1:
      case 2:
        return insert({.op = static_cast<std::uint8_t>(below(kOps - 1) + 1), .number = number()});
      case 3:
        return tls::testing::drop_one(steps, below(steps.size()));
      case 4:
        return tls::testing::repeat_one(steps, below(steps.size()));
      case 5:
        return tls::testing::swap_two(steps, below(steps.size()));
      case 6:
        return change_octets(any_step());
      case 7:
        return change_ends();
      case 8:
        return insert({.op = static_cast<std::uint8_t>(Op::client), .number = below(4)});
      default:
        any_step().number = number();
    }
  }

 private:
  std::uint16_t below(std::size_t end) { return static_cast<std::uint16_t>(random_() % end); }

  /// Small ones, and those at which sizes have limits: powers of two, a record's and libssl's message buffer's.
  std::uint16_t number() {
    const auto near = static_cast<std::size_t>(below(9)) - 4;
    switch (below(8)) {
      case 0:
        return below(0x10000);
      case 1:
        return static_cast<std::uint16_t>(16'384 + near);
      case 2:
        return static_cast<std::uint16_t>(21'848 + near);
      case 3:
      case 4:
        return static_cast<std::uint16_t>((std::size_t{1} << below(17)) + near);
      default:
        return below(8);
    }
  }

  Step& any_step() { return program_.steps[below(program_.steps.size())]; }

  void insert(Step step) {
    auto& steps = program_.steps;
    if (steps.size() >= kMostSteps) return;
    steps.insert(steps.begin() + below(steps.size() + 1), std::move(step));
  }

  void change_octets(Step& step) {
    if (step.op != static_cast<unsigned>(Op::octets)) return;
    const auto size = step.octets.size();
    step.octets.resize(size + 64);
    step.octets.resize(LLVMFuzzerMutate(step.octets.data(), size, step.octets.size()));
  }

  void change_ends() {
    auto& ends = program_.ends;
    switch (below(5)) {
      case 0:
        ends.scene = static_cast<std::uint8_t>(below(8));
        return;
      case 1:
        ends.client = static_cast<std::uint8_t>(below(kClients.size() + 1));
        return;
      case 2:
        ends.flags = static_cast<std::uint8_t>(ends.flags ^ (1U << below(7)));
        return;
      case 3:
        ends.hello_size = number();
        return;
      default:
        ends.answer_size = number();
    }
  }

  Program& program_;
  std::minstd_rand random_;
};

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  if (seed % 8 == 0) return LLVMFuzzerMutate(data, size, max_size);
  auto program = read_program({data, size});
  Mutation mutation{program, seed};
  for (unsigned i = 0; i <= seed % 3; ++i) mutation.change();
  const auto text = text_of(program);
  if (text.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::copy(text.begin(), text.end(), data);
  return text.size();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < kEndsSize) return -1;
  world();  // before anything that an input makes
  const auto program = read_program({data, size});
  const Runner run{program};
  world().forget_sessions();
  return 0;
}
