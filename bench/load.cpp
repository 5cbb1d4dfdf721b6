// Load for `./dev bench handshake`: full mutual TLS 1.0 handshakes with one GET each, or connections that stop in the
// middle of the handshake.
//
//   load run PORT CERT KEY PATH BYTES COUNT THREADS   COUNT handshakes and answers of at least BYTES; prints one JSON
//   line load hold PORT COUNT                              COUNT connections, each sends its hello and reads the
//   answer's first
//                                                     bytes; prints "held", and holds them until its standard input
//                                                     ends

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using ContextPtr = std::unique_ptr<SSL_CTX, decltype([](SSL_CTX* context) { SSL_CTX_free(context); })>;
using SslPtr = std::unique_ptr<SSL, decltype([](SSL* ssl) { SSL_free(ssl); })>;

constexpr auto kCipher = "DHE-RSA-AES256-SHA:@SECLEVEL=0";

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "load: %s\n", what);
  std::exit(1);
}

int connect_to(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval limit{30, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (fd >= 0) ::close(fd);
    return -1;
  }
  return fd;
}

ContextPtr make_context(const char* certificate, const char* key) {
  ContextPtr context{SSL_CTX_new(TLS_client_method())};
  if (SSL_CTX_set_cipher_list(context.get(), kCipher) != 1 ||
      SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION) != 1 ||
      SSL_CTX_set_max_proto_version(context.get(), TLS1_VERSION) != 1) {
    die("cannot set up TLS 1.0");
  }
  if (certificate != nullptr && (SSL_CTX_use_certificate_chain_file(context.get(), certificate) != 1 ||
                                 SSL_CTX_use_PrivateKey_file(context.get(), key, SSL_FILETYPE_PEM) != 1)) {
    die("cannot load the phone's certificate and key");
  }
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  return context;
}

/// One handshake and one answer, never resumed.
bool fetch(SSL_CTX* context, int port, const std::string& request, std::size_t bytes) {
  const int fd = connect_to(port);
  if (fd < 0) return false;
  const SslPtr ssl{SSL_new(context)};
  SSL_set_fd(ssl.get(), fd);
  std::size_t received = 0;
  char first[16] = {};
  if (SSL_connect(ssl.get()) == 1 && SSL_write(ssl.get(), request.data(), static_cast<int>(request.size())) > 0) {
    char buffer[16384];
    for (int count = 0; (count = SSL_read(ssl.get(), buffer, sizeof buffer)) > 0;) {
      if (received == 0)
        std::memcpy(first, buffer, std::min<std::size_t>(static_cast<std::size_t>(count), sizeof first - 1));
      received += static_cast<std::size_t>(count);
    }
  }
  SSL_shutdown(ssl.get());
  ::close(fd);
  return received >= bytes && std::strstr(first, " 200 ") != nullptr;
}

int run(char** arguments) {
  const int port = std::atoi(arguments[0]);
  const auto context = make_context(arguments[1], arguments[2]);
  const auto request = std::string{"GET "} + arguments[3] + " HTTP/1.0\r\n\r\n";
  const auto bytes = static_cast<std::size_t>(std::atol(arguments[4]));
  const int count = std::atoi(arguments[5]);
  std::atomic<int> left{count}, failed{0};
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (int i = 0; i < std::atoi(arguments[6]); ++i) {
    threads.emplace_back([&] {
      while (left.fetch_sub(1) > 0) {
        if (!fetch(context.get(), port, request, bytes)) ++failed;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  std::printf("{\"count\": %d, \"failed\": %d, \"seconds\": %.3f}\n", count, failed.load(), seconds.count());
  return failed == 0 ? 0 : 1;
}

int hold(char** arguments) {
  const int port = std::atoi(arguments[0]);
  const int count = std::atoi(arguments[1]);
  const rlimit limit{static_cast<rlim_t>(count) + 100, static_cast<rlim_t>(count) + 100};
  rlimit now{};
  ::getrlimit(RLIMIT_NOFILE, &now);
  if (now.rlim_cur < limit.rlim_cur && ::setrlimit(RLIMIT_NOFILE, &limit) != 0) die("cannot open so many files");
  const auto context = make_context(nullptr, nullptr);
  for (int i = 0; i < count; ++i) {
    const int fd = connect_to(port);
    if (fd < 0) die("cannot connect");
    const SslPtr ssl{SSL_new(context.get())};
    BIO* const out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), out);
    SSL_connect(ssl.get());
    char* hello = nullptr;
    const long size = BIO_get_mem_data(out, &hello);
    char answer[16384];
    if (::send(fd, hello, static_cast<std::size_t>(size), MSG_NOSIGNAL) != size ||
        ::recv(fd, answer, sizeof answer, 0) <= 0) {
      die("the server did not answer a hello");
    }
  }
  std::puts("held");
  std::fflush(stdout);
  char nothing = 0;
  while (::read(STDIN_FILENO, &nothing, 1) > 0) {
  }
  return 0;  // the kernel closes them
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 9 && std::strcmp(argv[1], "run") == 0) return run(argv + 2);
  if (argc == 4 && std::strcmp(argv[1], "hold") == 0) return hold(argv + 2);
  die("see the head of bench/load.cpp for its arguments");
}
