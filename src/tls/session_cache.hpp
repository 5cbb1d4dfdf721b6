#pragma once

#include <cstddef>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "crypto/certificate.hpp"
#include "crypto/openssl.hpp"

namespace firstring::tls {

using SslSessionPtr = std::unique_ptr<SSL_SESSION, crypto::Deleter<SSL_SESSION_free>>;

/// The TLS sessions that clients may resume, of all contexts of a server, within a budget in bytes: beyond it, the
/// least recently used one is evicted. A session holds the client's parsed chain, so only accepted chains belong here
/// (Channel::keep_session). Any thread.
class SessionCache {
 public:
  /// Of 0 bytes: keeps none.
  explicit SessionCache(std::size_t budget_bytes) : budget_(budget_bytes) {}
  SessionCache(const SessionCache&) = delete;
  SessionCache& operator=(const SessionCache&) = delete;

  /// Takes effect at once.
  void set_budget(std::size_t bytes);

  /// Sessions kept of one owner, the newest: a phone that never resumes one makes one with each contact.
  static constexpr std::size_t kMostOfOwner = 4;

  /// `chain`: the client's, as the session holds it. `owner`: who it is for certain, or "" if several may share the
  /// certificate.
  void keep(SslSessionPtr session, std::span<const crypto::Certificate> chain, std::string_view owner);
  /// The session of that id, with a reference of its own; nullptr if there is none.
  SslSessionPtr find(std::string_view id);
  /// By its id.
  void forget(const SSL_SESSION* session);

  std::size_t bytes() const;  ///< by size_of
  std::size_t count() const;

  /// Bytes of a session with such a chain, at most: measured with OpenSSL 3.0, chains of 1 to 3 certificates take 40 to
  /// 80 % of it.
  static std::size_t size_of(std::span<const crypto::Certificate> chain);

 private:
  struct Entry {
    std::string id, owner;
    SslSessionPtr session;
    std::size_t bytes = 0;
  };
  using Entries = std::list<Entry>;

  void remove(Entries::iterator entry);
  void evict();

  mutable std::mutex mutex_;
  Entries entries_;  // the one used last in front
  std::unordered_map<std::string_view, Entries::iterator> by_id_;
  std::unordered_map<std::string, std::deque<Entries::iterator>> by_owner_;  // the oldest in front
  std::size_t budget_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace firstring::tls
