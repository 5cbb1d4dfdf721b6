#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "crypto/certificate.hpp"
#include "crypto/openssl.hpp"
#include "tls/chain_verdict.hpp"
#include "tls/personality.hpp"
#include "tls/session_cache.hpp"

namespace firstring::tls {

/// One of our certificate chains with its key, loaded: config::ServerChain.
struct ServerChain {
  std::string name;
  std::vector<crypto::Certificate> certificates;  ///< leaf first
  crypto::PrivateKey key;
  /// A second leaf and what follows it, with an ECDSA key, for clients that prefer one; may be empty.
  std::vector<crypto::Certificate> ecdsa_certificates{};
  std::optional<crypto::PrivateKey> ecdsa_key{};
};

/// What a client may find wrong with the chain that it gets, whichever CA it trusts.
struct ShownChain {
  crypto::Certificate leaf;
  std::string common_name;  ///< CN of the leaf; empty if it has none
  unsigned key_bits = 0;    ///< of the leaf
  std::string hash;         ///< the newest in the signatures of the chain, a root's own left out: "sha256"
};
ShownChain describe_chain(const std::vector<crypto::Certificate>& chain);

/// Whether a certificate of ours is for this host name (RFC 6125: subjectAltName, else CN, with wildcards).
bool is_for(const crypto::Certificate& leaf, std::string_view host);

class Tape;

/// What OpenSSL's callbacks need of their connection: its SSL's app data.
struct Connected {
  Tape* tape = nullptr;         ///< gets the secrets of a connection that is captured
  std::string excess{};         ///< excess_of the client's certificates; not empty: they are refused
  SslSessionPtr new_session{};  ///< that the client may resume later, if it is kept
};

/// A personality with its chain, ready for handshakes. Immutable; any thread.
///
/// What holds for every personality, and cannot be said in its data: no renegotiation, no compression, no session
/// tickets (sessions stay here, so that a resumed one keeps the client's whole chain), the client's certificate
/// requested in the first handshake and judged afterwards, and nothing from any openssl.cnf.
class Context {
 public:
  /// `sessions`: the cache of its connections' sessions; nullptr: none is kept, and none resumed.
  static Result<std::shared_ptr<const Context>> build(const Personality& personality, const ServerChain& chain,
                                                      const std::vector<crypto::Certificate>& ca_names,
                                                      std::shared_ptr<SessionCache> sessions = {});

  /// The same for a connection that is captured: it gives its secrets to the Tape of its connections (Connected), and
  /// its sessions are not kept, since anybody with the capture could resume them. Made at the first call.
  Result<std::shared_ptr<const Context>> for_capture() const;

  const Personality& personality() const { return personality_; }
  /// nullptr if it keeps none.
  SessionCache* sessions() const { return sessions_.get(); }
  const std::string& chain_name() const { return chain_.name; }
  /// What a client sees that gets the certificate with a key of this type.
  const ShownChain& shown(crypto::KeyType key) const {
    return key == crypto::KeyType::ec && shown_ecdsa_ ? *shown_ecdsa_ : shown_;
  }
  SSL_CTX* native() const { return context_.get(); }

 private:
  Context(const Personality& personality, const ServerChain& chain, const std::vector<crypto::Certificate>& ca_names,
          std::shared_ptr<SessionCache> sessions)
      : personality_(personality),
        chain_(chain),
        ca_names_(ca_names),
        sessions_(std::move(sessions)),
        shown_(describe_chain(chain.certificates)) {
    if (!chain.ecdsa_certificates.empty()) shown_ecdsa_ = describe_chain(chain.ecdsa_certificates);
  }
  Result<void> make();

  Personality personality_;
  ServerChain chain_;
  std::vector<crypto::Certificate> ca_names_;
  std::shared_ptr<SessionCache> sessions_;
  ShownChain shown_;
  std::optional<ShownChain> shown_ecdsa_;
  crypto::SslContextPtr context_;
  mutable std::mutex mutex_;  // of captured_
  mutable std::shared_ptr<const Context> captured_;
};

}  // namespace firstring::tls
