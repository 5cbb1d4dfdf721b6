#include "tls/session_cache.hpp"

#include <utility>

namespace firstring::tls {
namespace {

std::string_view id_of(const SSL_SESSION* session) {
  unsigned size = 0;
  const auto* const id = SSL_SESSION_get_id(session, &size);
  return {reinterpret_cast<const char*>(id), size};
}

/// SSL_SESSION itself, the entry and what malloc adds.
constexpr std::size_t kSessionBytes = 2048;
/// A parsed certificate without its contents; and its contents for each octet of its DER, of which OpenSSL keeps the
/// original, the parts, and each part of a name and extension on its own.
constexpr std::size_t kCertificateBytes = 3072;
constexpr std::size_t kPerOctet = 6;

}  // namespace

std::size_t SessionCache::size_of(std::span<const crypto::Certificate> chain) {
  std::size_t bytes = kSessionBytes;
  for (const auto& certificate : chain) {
    const int der = i2d_X509(certificate.native(), nullptr);
    bytes += kCertificateBytes + kPerOctet * static_cast<std::size_t>(der > 0 ? der : 0);
  }
  return bytes;
}

void SessionCache::set_budget(std::size_t bytes) {
  const std::lock_guard lock{mutex_};
  budget_ = bytes;
  evict();
}

void SessionCache::keep(SslSessionPtr session, std::span<const crypto::Certificate> chain, std::string_view owner) {
  if (!session || id_of(session.get()).empty()) return;
  const auto bytes = size_of(chain);
  const std::lock_guard lock{mutex_};
  if (const auto known = by_id_.find(id_of(session.get())); known != by_id_.end()) remove(known->second);
  std::string id{id_of(session.get())};
  entries_.push_front(
      {.id = std::move(id), .owner = std::string{owner}, .session = std::move(session), .bytes = bytes});
  const auto entry = entries_.begin();
  by_id_.emplace(entry->id, entry);
  bytes_ += bytes;
  if (!owner.empty()) {
    auto& all = by_owner_[entry->owner];
    all.push_back(entry);
    if (all.size() > kMostOfOwner) remove(all.front());
  }
  evict();
}

SslSessionPtr SessionCache::find(std::string_view id) {
  const std::lock_guard lock{mutex_};
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  auto* const session = found->second->session.get();
  if (SSL_SESSION_up_ref(session) != 1) return nullptr;
  return SslSessionPtr{session};
}

void SessionCache::forget(const SSL_SESSION* session) {
  const std::lock_guard lock{mutex_};
  if (const auto found = by_id_.find(id_of(session)); found != by_id_.end()) remove(found->second);
}

std::size_t SessionCache::bytes() const {
  const std::lock_guard lock{mutex_};
  return bytes_;
}

std::size_t SessionCache::count() const {
  const std::lock_guard lock{mutex_};
  return entries_.size();
}

void SessionCache::remove(Entries::iterator entry) {
  if (const auto own = by_owner_.find(entry->owner); own != by_owner_.end()) {
    std::erase(own->second, entry);
    if (own->second.empty()) by_owner_.erase(own);
  }
  by_id_.erase(entry->id);
  bytes_ -= entry->bytes;
  entries_.erase(entry);
}

void SessionCache::evict() {
  while (bytes_ > budget_) remove(std::prev(entries_.end()));
}

}  // namespace firstring::tls
