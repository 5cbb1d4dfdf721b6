// Load for `./dev bench`: phones of one fleet, each with a certificate, a MAC and an address (127.A.B.7) of its own,
// that speak one TLS version and one cipher, and hold the server to them: what is negotiated otherwise is a failure.
//
//   load handshakes|requests|wave|hold NAME=VALUE...
//
// It prepares, prints "ready", waits for a line on its standard input, works, and prints one JSON line. Status 0 means
// that everything was as it should be; the first failure is told on standard error.
//
//   handshakes  `count` connections with one GET each. Each phone came once before "ready"; with resumed=1 it then
//   takes up its session, the newest that it was given, and must be let to; otherwise it must not be.
//   requests    each phone opens a connection before "ready"; then `count` GETs over these.
//   wave        `count` phones, `at_once` of them in the middle of their handshake, then these finish it and GET, then
//   the next.
//   hold        `count` connections have sent their hello and got the first bytes of the answer when it says "ready".

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

template <auto Free>
using Deleter = decltype([](auto* object) { Free(object); });
using ContextPtr = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, Deleter<SSL_free>>;
using SessionPtr = std::unique_ptr<SSL_SESSION, Deleter<SSL_SESSION_free>>;
using CertificatePtr = std::unique_ptr<X509, Deleter<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using FilePtr = std::unique_ptr<FILE, Deleter<std::fclose>>;

constexpr int kPatience = 180;  // seconds that a server may take for anything

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "load: %s\n", what.c_str());
  std::exit(1);
}

// ---- arguments ------------------------------------------------------------------------------------------------------

std::map<std::string, std::string> arguments;

std::string text(const std::string& name) {
  const auto found = arguments.find(name);
  return found == arguments.end() ? std::string{} : found->second;
}

int number(const std::string& name, int otherwise = 0) {
  const auto value = text(name);
  return value.empty() ? otherwise : std::atoi(value.c_str());
}

// ---- phones ---------------------------------------------------------------------------------------------------------

struct Phone {
  std::string mac;
  in_addr address{};
  CertificatePtr certificate;
  EVP_PKEY* key = nullptr;
  SessionPtr session;  // the newest
  bool asked = false;  // for its certificate, in this connection
};

template <class Ptr, class Read>
Ptr read_pem(const std::string& path, Read read) {
  const FilePtr file{std::fopen(path.c_str(), "r")};
  Ptr object{file ? read(file.get(), nullptr, nullptr, nullptr) : nullptr};
  if (!object) die("cannot read " + path);
  return object;
}

/// Makes the phones' certificates in the layout of the maker's documents. They share one key: making thousands takes
/// minutes, and no server can tell.
class Maker {
 public:
  Maker()
      : ca_{read_pem<CertificatePtr>(text("ca"), PEM_read_X509)},
        ca_key_{read_pem<KeyPtr>(text("ca_key"), PEM_read_PrivateKey)},
        key_{read_pem<KeyPtr>(text("phone_key"), PEM_read_PrivateKey)},
        hash_{EVP_get_digestbyname(text("hash").c_str())} {
    if (hash_ == nullptr) die("no hash " + text("hash"));
  }

  Phone make(int index) const {
    Phone phone;
    char mac[13];
    std::snprintf(mac, sizeof mac, "%012llx", std::strtoull(text("first_mac").c_str(), nullptr, 16) + index);
    phone.mac = mac;
    // A network of its own for each, as far as 127/8 has them: phones are many customers'.
    phone.address.s_addr = htonl(0x7f0a0007U + (static_cast<std::uint32_t>(index) << 8));
    phone.key = key_.get();
    phone.certificate.reset(X509_new());
    auto* const certificate = phone.certificate.get();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1000 + index);
    X509_set_issuer_name(certificate, X509_get_subject_name(ca_.get()));
    ASN1_TIME_set_string(X509_getm_notBefore(certificate), "20060101000000Z");
    ASN1_TIME_set_string(X509_getm_notAfter(certificate), "20360101000000Z");
    X509_set_pubkey(certificate, key_.get());
    auto* const subject = X509_get_subject_name(certificate);
    const auto add = [&](const char* type, const std::string& value) {
      X509_NAME_add_entry_by_txt(subject, type, MBSTRING_ASC, reinterpret_cast<const unsigned char*>(value.c_str()), -1,
                                 -1, 0);
    };
    add("OU", "SPA-504G");
    add("L", "CBT" + std::to_string(10'000'000 + index));
    add("ST", phone.mac);
    X509_EXTENSION* const usage = X509V3_EXT_conf_nid(nullptr, nullptr, NID_ext_key_usage, "clientAuth");
    X509_add_ext(certificate, usage, -1);
    X509_EXTENSION_free(usage);
    if (X509_sign(certificate, ca_key_.get(), hash_) == 0) die("cannot sign a phone's certificate");
    return phone;
  }

  std::vector<Phone> make_all(int count) const {
    std::vector<Phone> phones;
    for (int i = 0; i < count; ++i) phones.push_back(make(i));
    return phones;
  }

 private:
  CertificatePtr ca_;
  KeyPtr ca_key_;
  KeyPtr key_;
  const EVP_MD* hash_;
};

// ---- TLS ------------------------------------------------------------------------------------------------------------

int show_certificate(SSL* ssl, void*) {
  auto& phone = *static_cast<Phone*>(SSL_get_app_data(ssl));
  phone.asked = true;
  return SSL_use_certificate(ssl, phone.certificate.get()) == 1 && SSL_use_PrivateKey(ssl, phone.key) == 1 ? 1 : 0;
}

int keep_session(SSL* ssl, SSL_SESSION* session) {
  static_cast<Phone*>(SSL_get_app_data(ssl))->session.reset(session);
  return 1;
}

int version_number() {
  const auto name = text("version");
  if (name == "TLSv1") return TLS1_VERSION;
  if (name == "TLSv1.2") return TLS1_2_VERSION;
  if (name == "TLSv1.3") return TLS1_3_VERSION;
  die("no version " + name);
}

ContextPtr make_context() {
  ContextPtr context{SSL_CTX_new(TLS_client_method())};
  auto* const native = context.get();
  SSL_CTX_set_security_level(native, 0);
  const auto cipher = text("cipher");
  const bool is_13 = version_number() == TLS1_3_VERSION;
  if ((is_13 ? SSL_CTX_set_ciphersuites(native, cipher.c_str()) : SSL_CTX_set_cipher_list(native, cipher.c_str())) !=
          1 ||
      SSL_CTX_set_min_proto_version(native, version_number()) != 1 ||
      SSL_CTX_set_max_proto_version(native, version_number()) != 1 ||
      (!text("group").empty() && SSL_CTX_set1_groups_list(native, text("group").c_str()) != 1)) {
    die("cannot set up " + text("version") + " with " + cipher);
  }
  // OpenSSL 0.9.8zc, which the SPA50x have, knows session tickets but neither of these (RFC 7366, RFC 7627).
  if (version_number() == TLS1_VERSION)
    SSL_CTX_set_options(native, SSL_OP_NO_ENCRYPT_THEN_MAC | SSL_OP_NO_EXTENDED_MASTER_SECRET);
  SSL_CTX_set_cert_cb(native, show_certificate, nullptr);
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(native, keep_session);
  return context;
}

/// One connection of a phone, closed at its end. Every function says what went wrong, or "".
class Connection {
 public:
  Connection(SSL_CTX* context, Phone& phone) : phone_{phone}, ssl_{SSL_new(context)} {
    SSL_set_app_data(ssl_.get(), &phone);
    phone.asked = false;
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    if (fd_ >= 0) ::close(fd_);
  }

  std::string connect() {
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    if (fd_ < 0) return std::string{"socket: "} + std::strerror(errno);
    const int yes = 1;
    ::setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    const timeval limit{kPatience, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    sockaddr_in from{};
    from.sin_family = AF_INET;
    from.sin_addr = phone_.address;
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(number("port")));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(fd_, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0 ||
        ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
      return std::string{"connect: "} + std::strerror(errno);
    }
    return {};
  }

  /// Sends the hello, and nothing else.
  std::string send_hello() {
    BIO* const out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), out);
    SSL_connect(ssl_.get());
    char* hello = nullptr;
    const long size = BIO_get_mem_data(out, &hello);
    const bool sent = size > 0 && ::send(fd_, hello, static_cast<std::size_t>(size), MSG_NOSIGNAL) == size;
    return sent ? std::string{} : "cannot send a hello";
  }

  std::string await_answer() const {
    pollfd wait{.fd = fd_, .events = POLLIN, .revents = 0};
    char first = 0;
    if (::poll(&wait, 1, kPatience * 1000) != 1) return "no answer to a hello";
    return ::recv(fd_, &first, 1, MSG_PEEK) == 1 ? "" : "the server closed instead of answering a hello";
  }

  /// The rest of the handshake, or all of it.
  std::string handshake(bool resumed) {
    if (resumed) SSL_set_session(ssl_.get(), phone_.session.get());
    SSL_set_fd(ssl_.get(), fd_);
    if (SSL_connect(ssl_.get()) != 1) {
      const char* reason = ERR_reason_error_string(ERR_peek_error());
      const std::string why = reason != nullptr ? reason : "connection ended";
      ERR_clear_error();
      return "handshake: " + why;
    }
    return check(resumed);
  }

  std::string get(bool keep_alive) {
    auto path = text("path");
    if (const auto at = path.find("{mac}"); at != std::string::npos) path.replace(at, 5, phone_.mac);
    const auto request = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Cisco/SPA504G-7.6.2\r\n" +
                         (keep_alive ? "" : "Connection: close\r\n") + "\r\n";
    if (SSL_write(ssl_.get(), request.data(), static_cast<int>(request.size())) <= 0) return "cannot send a request";
    std::string answer;
    char buffer[16384];
    std::size_t end = 0;
    for (;;) {
      const int count = SSL_read(ssl_.get(), buffer, sizeof buffer);
      if (count <= 0) break;
      answer.append(buffer, static_cast<std::size_t>(count));
      if (end == 0) end = end_of_answer(answer);
      if (keep_alive && end != 0 && answer.size() >= end) break;
    }
    ERR_clear_error();  // a server may close without saying so, once it has sent all
    if (answer.find(" 200 ") >= 16) return "answer: " + answer.substr(0, answer.find('\r'));
    if (end == 0 || answer.size() != end) return "an answer was cut off";
    const auto head = answer.find("\r\n\r\n") + 4;
    if (end - head != static_cast<std::size_t>(number("bytes"))) return "body of " + std::to_string(end - head);
    return {};
  }

  void close() {
    SSL_shutdown(ssl_.get());
    ::close(std::exchange(fd_, -1));
  }

 private:
  /// Size of head and body; 0 while the head is not whole.
  static std::size_t end_of_answer(const std::string& answer) {
    const auto head = answer.find("\r\n\r\n");
    if (head == std::string::npos) return 0;
    auto lower = answer.substr(0, head);
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const auto length = lower.find("content-length: ");
    if (length == std::string::npos) return 0;
    return head + 4 + static_cast<std::size_t>(std::atol(lower.c_str() + length + 16));
  }

  /// Whether what was negotiated is what is to be measured.
  std::string check(bool resumed) {
    if (const std::string version = SSL_get_version(ssl_.get()); version != text("version")) return "got " + version;
    if (const std::string cipher = SSL_get_cipher(ssl_.get()); cipher != text("cipher")) return "got " + cipher;
    if ((SSL_session_reused(ssl_.get()) == 1) != resumed) return resumed ? "was not resumed" : "was resumed";
    if (resumed) return {};
    if (!phone_.asked) return "no certificate was asked for in the handshake";
    const CertificatePtr server{SSL_get1_peer_certificate(ssl_.get())};
    if (!server || EVP_PKEY_get_bits(X509_get0_pubkey(server.get())) != number("server_bits"))
      return "other server key";
    EVP_PKEY* temporary = nullptr;
    const bool has = SSL_get_peer_tmp_key(ssl_.get(), &temporary) == 1;
    const KeyPtr owned{has ? temporary : nullptr};
    const int bits = has ? EVP_PKEY_get_bits(temporary) : 0;
    if (bits != number("exchange_bits")) return "key exchange of " + std::to_string(bits) + " bits";
    return {};
  }

  Phone& phone_;
  SslPtr ssl_;
  int fd_ = -1;
};

std::string fetch(SSL_CTX* context, Phone& phone, bool resumed) {
  Connection connection{context, phone};
  auto failure = connection.connect();
  if (failure.empty()) failure = connection.handshake(resumed);
  if (failure.empty()) failure = connection.get(false);
  if (failure.empty()) connection.close();
  return failure;
}

// ---- work -----------------------------------------------------------------------------------------------------------

/// Does `work(i)` for each i below `count` in several threads; thread t does those of t modulo the number of threads,
/// so that no two ever share a phone. Ends with the first failure.
void in_threads(int count, const std::function<std::string(int)>& work) {
  std::atomic<bool> failed{false};
  const int threads = number("threads", 4);
  std::vector<std::thread> running;
  for (int thread = 0; thread < threads; ++thread) {
    running.emplace_back([&, thread] {
      for (int i = thread; i < count && !failed; i += threads) {
        const auto failure = work(i);
        if (!failure.empty() && !failed.exchange(true)) std::fprintf(stderr, "load: %s\n", failure.c_str());
      }
    });
  }
  for (auto& thread : running) thread.join();
  if (failed) std::exit(1);
}

/// Says "ready" and waits for the word to go on.
void rendezvous() {
  std::puts("ready");
  std::fflush(stdout);
  char word[64];
  if (std::fgets(word, sizeof word, stdin) == nullptr) std::exit(0);
}

void report(int count, std::chrono::steady_clock::time_point begin) {
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  std::printf("{\"count\": %d, \"seconds\": %.4f}\n", count, seconds.count());
}

/// The phones of `handshakes` and `requests`: as many for each thread, so that none is two threads' at once.
std::vector<Phone> few_phones() {
  const int threads = number("threads", 4);
  return Maker{}.make_all(std::max(number("phones", 20) / threads, 1) * threads);
}

void handshakes() {
  const auto context = make_context();
  const Maker maker;
  auto phones = few_phones();
  const int count = number("count");
  const bool resumed = number("resumed") != 0;
  in_threads(static_cast<int>(phones.size()), [&](int i) {
    auto& phone = phones[static_cast<std::size_t>(i)];
    const auto failure = fetch(context.get(), phone, false);
    return failure.empty() && resumed && !phone.session ? "the server gave no session" : failure;
  });
  rendezvous();
  const auto begin = std::chrono::steady_clock::now();
  in_threads(count,
             [&](int i) { return fetch(context.get(), phones[static_cast<std::size_t>(i) % phones.size()], resumed); });
  report(count, begin);
}

void requests() {
  const auto context = make_context();
  auto phones = few_phones();
  const int count = number("count");
  std::vector<std::unique_ptr<Connection>> connections;
  for (auto& phone : phones) connections.push_back(std::make_unique<Connection>(context.get(), phone));
  in_threads(static_cast<int>(phones.size()), [&](int i) {
    auto& connection = *connections[static_cast<std::size_t>(i)];
    auto failure = connection.connect();
    if (failure.empty()) failure = connection.handshake(false);
    return failure.empty() ? connection.get(true) : failure;
  });
  rendezvous();
  const auto begin = std::chrono::steady_clock::now();
  in_threads(count, [&](int i) { return connections[static_cast<std::size_t>(i) % connections.size()]->get(true); });
  report(count, begin);
  for (const auto& connection : connections) connection->close();
}

void allow_files(int count) {
  const auto wanted = static_cast<rlim_t>(count) + 100;
  rlimit now{};
  ::getrlimit(RLIMIT_NOFILE, &now);
  if (now.rlim_cur >= wanted) return;
  now.rlim_cur = std::min(wanted, now.rlim_max);
  if (now.rlim_cur < wanted || ::setrlimit(RLIMIT_NOFILE, &now) != 0) die("cannot open so many files");
}

/// A connection for each, which has sent its hello and got the first bytes of the answer.
std::vector<std::unique_ptr<Connection>> open_halfway(SSL_CTX* context, std::span<Phone> phones) {
  constexpr std::size_t kAhead = 200;  // hellos without an answer at once: less than any listen backlog
  std::vector<std::unique_ptr<Connection>> connections;
  const auto await = [&](std::size_t i) {
    if (const auto failure = connections[i]->await_answer(); !failure.empty()) die(failure);
  };
  for (std::size_t i = 0; i < phones.size(); ++i) {
    connections.push_back(std::make_unique<Connection>(context, phones[i]));
    auto failure = connections.back()->connect();
    if (failure.empty()) failure = connections.back()->send_hello();
    if (!failure.empty()) die(failure);
    if (i >= kAhead) await(i - kAhead);
  }
  for (std::size_t i = phones.size() - std::min(kAhead, phones.size()); i < phones.size(); ++i) await(i);
  return connections;
}

void wave() {
  const int count = number("count");
  const int at_once = number("at_once", count);
  allow_files(at_once);
  const auto context = make_context();
  auto phones = Maker{}.make_all(count);
  rendezvous();
  const auto begin = std::chrono::steady_clock::now();
  for (int done = 0; done < count; done += at_once) {
    const int coming = std::min(at_once, count - done);
    const std::span these{phones.data() + done, static_cast<std::size_t>(coming)};
    const auto connections = open_halfway(context.get(), these);
    in_threads(coming, [&](int i) {
      auto& connection = *connections[static_cast<std::size_t>(i)];
      auto failure = connection.handshake(false);
      if (failure.empty()) failure = connection.get(false);
      if (failure.empty()) connection.close();
      return failure;
    });
  }
  report(count, begin);
}

void hold() {
  const int count = number("count");
  allow_files(count);
  const auto context = make_context();
  auto phones = Maker{}.make_all(count);
  const auto connections = open_halfway(context.get(), phones);
  rendezvous();
  report(count, std::chrono::steady_clock::now());
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 2; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto equals = argument.find('=');
    if (equals == std::string::npos) die("no NAME=VALUE: " + argument);
    arguments[argument.substr(0, equals)] = argument.substr(equals + 1);
  }
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "handshakes") {
    handshakes();
  } else if (mode == "requests") {
    requests();
  } else if (mode == "wave") {
    wave();
  } else if (mode == "hold") {
    hold();
  } else {
    die("see the head of bench/load.cpp for what it takes");
  }
}
