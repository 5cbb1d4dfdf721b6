#include "tls/context.hpp"

#include <fmt/format.h>

#include "tls/certificate_weight.hpp"
#include "tls/dh_group.hpp"
#include "tls/handshake_library.hpp"
#include "tls/tape.hpp"

namespace firstring::tls {
namespace {

using NameStackPtr =
    std::unique_ptr<STACK_OF(X509_NAME),
                    decltype([](STACK_OF(X509_NAME) * names) { sk_X509_NAME_pop_free(names, X509_NAME_free); })>;

constexpr long kSessionSeconds = 2L * 3600;  // phones come back every hour by default

Connected& connected(const SSL* ssl) { return *static_cast<Connected*>(SSL_get_app_data(ssl)); }

/// The decision about a certificate is made in HTTP, where it can be explained: the handshake takes any that can be
/// held. That the client has the key is still OpenSSL's to check (CertificateVerify), and a failure there is fatal.
int accept_any_chain(X509_STORE_CTX* store, void*) {
  const auto* ssl = static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  if (ssl == nullptr || connected(ssl).excess.empty()) return 1;
  X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);  // alert 42, bad_certificate
  return 0;
}

// ---- sessions: not OpenSSL's own cache, which counts sessions in place of octets ----

/// Whether it is kept is decided when a request has been answered.
int new_session(SSL* ssl, SSL_SESSION* session) {
  connected(ssl).new_session.reset(session);
  return 1;
}

SSL_SESSION* find_session(SSL* ssl, const unsigned char* id, int size, int* copy) {
  *copy = 0;  // it comes with a reference already
  auto* const sessions = static_cast<SessionCache*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  return sessions->find({reinterpret_cast<const char*>(id), static_cast<std::size_t>(size)}).release();
}

void forget_session(SSL_CTX* context, SSL_SESSION* session) {
  static_cast<SessionCache*>(SSL_CTX_get_app_data(context))->forget(session);
}

using SecurityCallback = int (*)(const SSL*, const SSL_CTX*, int, int, int, void*, void*);

/// OpenSSL's own rule, but for the size of our DH group: that one refuses less than 1024 bits at any level.
int allow_any_dh_group(const SSL* ssl, const SSL_CTX* context, int operation, int bits, int nid, void* other,
                       void* extra) {
  static const SecurityCallback usual = [] {
    const crypto::SslContextPtr fresh{SSL_CTX_new_ex(handshake_library(), nullptr, TLS_server_method())};
    return fresh ? SSL_CTX_get_security_callback(fresh.get()) : nullptr;
  }();
  if (operation == SSL_SECOP_TMP_DH) return 1;
  return usual != nullptr ? usual(ssl, context, operation, bits, nid, other, extra) : 0;
}

void give_secret(const SSL* ssl, const char* line) {
  if (auto* tape = connected(ssl).tape) tape->secret(line);
}

Result<void> configure(SSL_CTX* context, const Personality& personality) {
  const auto failed = [&](std::string_view what) {
    return crypto::openssl_failure(fmt::format("personality {}: {}", personality.name, what));
  };

  SSL_CTX_set_security_level(context, static_cast<int>(personality.security_level));
  if (SSL_CTX_set_min_proto_version(context, personality.min_version) != 1 ||
      SSL_CTX_set_max_proto_version(context, personality.max_version) != 1) {
    return failed("set its protocol versions");
  }
  if (SSL_CTX_set_cipher_list(context, personality.ciphers.c_str()) != 1) return failed("set its ciphers");
  if (SSL_CTX_set_ciphersuites(context, personality.suites13.c_str()) != 1) return failed("set its TLS 1.3 suites");
  if (SSL_CTX_set1_groups_list(context, personality.groups.c_str()) != 1) return failed("set its groups");
  if (!personality.signature_algorithms.empty() &&
      SSL_CTX_set1_sigalgs_list(context, personality.signature_algorithms.c_str()) != 1) {
    return failed("set its signature algorithms");
  }
  if (personality.dh_bits != 0) {
    FIRSTRING_TRY(auto group, dh_group(personality.dh_bits));
    if (personality.dh_bits < 1024 && personality.dh_bits_below_1024)
      SSL_CTX_set_security_callback(context, allow_any_dh_group);
    if (SSL_CTX_set0_tmp_dh_pkey(context, group.get()) != 1) return failed("set its DH group");
    group.release();
  }

  SSL_CTX_clear_options(context, SSL_CTX_get_options(context));
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   // RFC 8446 appendix D.4: middleboxes let TLS 1.3 through that looks like 1.2.
                                   SSL_OP_ENABLE_MIDDLEBOX_COMPAT |
                                   // Old phones stumble over the empty records that guard TLS 1.0 CBC (BEAST needs a
                                   // browser's scripts, which no phone runs); nginx and Apache leave them out too.
                                   SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS |
                                   // A phone that closes TCP without close_notify has said all that it had to say:
                                   // Content-Length tells whether the request was whole.
                                   SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_max_send_fragment(context, static_cast<long>(personality.max_fragment));
  // One recv for what has come, in place of two for each record.
  SSL_CTX_set_read_ahead(context, 1);
  return {};
}

void ask_for_client_certificate(SSL_CTX* context, const Personality& personality,
                                const std::vector<crypto::Certificate>& ca_names) {
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, nullptr);
  SSL_CTX_set_cert_verify_callback(context, accept_any_chain, nullptr);
  SSL_CTX_set_max_cert_list(context, static_cast<long>(kMaxCertificateOctets));
  if (!personality.send_ca_names) return;
  NameStackPtr names{sk_X509_NAME_new_null()};
  for (const auto& ca : ca_names) {
    sk_X509_NAME_push(names.get(), X509_NAME_dup(X509_get_subject_name(ca.native())));
  }
  SSL_CTX_set_client_CA_list(context, names.release());
}

Result<void> keep_sessions(SSL_CTX* context, const Personality& personality, const ServerChain& chain,
                           SessionCache* sessions) {
  if (!personality.sessions || sessions == nullptr) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
    return {};
  }
  // A session belongs to one personality with one chain: OpenSSL refuses it anywhere else.
  const auto id = crypto::sha256(as_bytes(personality.name + "\n" + chain.certificates.front().fingerprint_hex()));
  if (SSL_CTX_set_session_id_context(context, id.data(), static_cast<unsigned>(id.size())) != 1) {
    return crypto::openssl_failure("set the session id context");
  }
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_set_app_data(context, sessions);
  SSL_CTX_sess_set_new_cb(context, new_session);
  SSL_CTX_sess_set_get_cb(context, find_session);
  SSL_CTX_sess_set_remove_cb(context, forget_session);
  SSL_CTX_set_timeout(context, kSessionSeconds);
  SSL_CTX_set_num_tickets(context, 1);
  return {};
}

/// Whether it could ever choose an ECDSA certificate: TLS 1.3 goes by the client's signature algorithms alone.
bool can_show_ecdsa(SSL_CTX* context, const Personality& personality) {
  if (personality.max_version >= TLS1_3_VERSION) return true;
  const auto* ciphers = SSL_CTX_get_ciphers(context);
  for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); ++i) {
    if (SSL_CIPHER_get_auth_nid(sk_SSL_CIPHER_value(ciphers, i)) == NID_auth_ecdsa) return true;
  }
  return false;
}

/// OpenSSL keeps one certificate for each type of key.
Result<void> use(SSL_CTX* context, const std::vector<crypto::Certificate>& certificates,
                 const crypto::PrivateKey& key) {
  std::unique_ptr<STACK_OF(X509), decltype([](STACK_OF(X509) * stack) { sk_X509_free(stack); })> rest{
      sk_X509_new_null()};
  for (std::size_t i = 1; i < certificates.size(); ++i) sk_X509_push(rest.get(), certificates[i].native());
  if (SSL_CTX_use_cert_and_key(context, certificates.front().native(), key.native(), rest.get(), 1) != 1)
    return crypto::openssl_failure(fmt::format("use {}", certificates.front().subject_text()));
  return {};
}

Result<void> show_chain(SSL_CTX* context, const Personality& personality, const ServerChain& chain) {
  const auto shown = [&](Result<void> used) -> Result<void> {
    if (used) return used;
    return fail(used.error().code,
                fmt::format("personality {} cannot show server chain '{}' (security level {}): {}", personality.name,
                            chain.name, personality.security_level, used.error().what));
  };
  // The RSA one last: what OpenSSL calls the context's certificate is the one that was set last.
  if (chain.ecdsa_key && !chain.ecdsa_certificates.empty() && can_show_ecdsa(context, personality))
    FIRSTRING_CHECK(shown(use(context, chain.ecdsa_certificates, *chain.ecdsa_key)));
  return shown(use(context, chain.certificates, chain.key));
}

}  // namespace

Result<std::shared_ptr<const Context>> Context::build(const Personality& personality, const ServerChain& chain,
                                                      const std::vector<crypto::Certificate>& ca_names,
                                                      std::shared_ptr<SessionCache> sessions) {
  const std::shared_ptr<Context> result{new Context{personality, chain, ca_names, std::move(sessions)}};
  FIRSTRING_CHECK(result->make());
  return std::shared_ptr<const Context>{result};
}

Result<void> Context::make() {
  context_.reset(SSL_CTX_new_ex(handshake_library(), nullptr, TLS_server_method()));
  if (!context_) return crypto::openssl_failure("make a TLS context");
  FIRSTRING_CHECK(configure(context_.get(), personality_));
  FIRSTRING_CHECK(show_chain(context_.get(), personality_, chain_));
  ask_for_client_certificate(context_.get(), personality_, ca_names_);
  return keep_sessions(context_.get(), personality_, chain_, sessions_.get());
}

Result<std::shared_ptr<const Context>> Context::for_capture() const {
  const std::lock_guard lock{mutex_};
  if (captured_) return captured_;
  // The client still gets a session's name, as it would without a capture; only this end forgets the session.
  const auto no_sessions = sessions_ ? std::make_shared<SessionCache>(0) : nullptr;
  const std::shared_ptr<Context> captured{new Context{personality_, chain_, ca_names_, no_sessions}};
  FIRSTRING_CHECK(captured->make());
  SSL_CTX_set_keylog_callback(captured->native(), give_secret);
  captured_ = captured;
  return captured_;
}

ShownChain describe_chain(const std::vector<crypto::Certificate>& chain) {
  const auto& leaf = chain.front();
  ShownChain shown{.leaf = leaf, .common_name = {}, .key_bits = leaf.key_bits(), .hash = {}};
  for (const auto& attribute : leaf.subject()) {
    if (attribute.type == "CN") shown.common_name = attribute.value;
  }
  const auto is_old = [](std::string_view hash) { return hash == "md5" || hash == "sha1"; };
  for (const auto& certificate : chain) {
    // A client that trusts a root does not look at its signature.
    if (&certificate != &leaf && certificate.is_self_issued()) continue;
    const auto hash = certificate.signature_hash();
    if (shown.hash.empty() || is_old(shown.hash)) shown.hash = hash;
  }
  return shown;
}

bool is_for(const crypto::Certificate& leaf, std::string_view host) {
  return X509_check_host(leaf.native(), host.data(), host.size(), 0, nullptr) == 1;
}

}  // namespace firstring::tls
