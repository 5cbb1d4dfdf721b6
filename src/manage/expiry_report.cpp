#include "manage/expiry_report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "crypto/crl.hpp"
#include "tls/personality.hpp"

namespace firstring::manage {
namespace {

/// The server chain of a personality, shipped or the operator's own; "" for a name that is none.
std::string chain_of(const config::Config& config, const std::string& personality) {
  std::string_view name = personality;
  for (const auto& own : config.personalities) {
    if (own.name != personality) continue;
    if (own.positions.contains("chain")) return own.chain;
    name = own.based_on;  // a shipped one
  }
  const auto* shipped = tls::find_personality(name);
  return shipped == nullptr ? "" : shipped->chain;
}

/// Personalities that show the chain on some listener.
std::vector<std::string> shown_by(const config::Config& config, const std::string& chain) {
  std::set<std::string> names;
  for (const auto& listener : config.listeners) {
    if (listener.kind != config::ListenerKind::phone) continue;
    for (const auto& name : listener.personalities) {
      if (chain_of(config, name) == chain) names.insert(name);
    }
  }
  return {names.begin(), names.end()};
}

}  // namespace

ExpiryReport::ExpiryReport(const config::Config& config) {
  for (const auto& chain : config.server_chains) add_server_chain(config, chain, shown_by(config, chain.name));
  if (config.quarantine.enabled) {
    const auto& personality = tls::quarantine_personality();
    config::ServerChain chain;
    chain.name = personality.chain;
    chain.certificate = config.quarantine.certificate;
    add_server_chain(config, chain, {personality.name});
  }
  for (const auto& ca : config.device_cas) add_device_ca(config, ca);
}

template <class T>
std::vector<T> ExpiryReport::read(Result<std::vector<T>> content) {
  if (content) return *std::move(content);
  problems_.push_back(content.error().what);
  return {};
}

std::size_t ExpiryReport::add_date(Expiry expiry) {
  dates_.push_back(std::move(expiry));
  return dates_.size() - 1;
}

void ExpiryReport::count(std::size_t date) {
  if (date != kNone) ++dates_[date].phones;
}

void ExpiryReport::add_server_chain(const config::Config& config, const config::ServerChain& chain,
                                    const std::vector<std::string>& personalities) {
  auto certificates = read(crypto::Certificate::chain_from_file(config.resolve(chain.certificate)));
  const auto first = certificates.size();
  auto& pairs = by_chain_[chain.name];
  if (!chain.ecdsa_certificate.empty()) {
    auto second = read(crypto::Certificate::chain_from_file(config.resolve(chain.ecdsa_certificate)));
    certificates.insert(certificates.end(), second.begin(), second.end());
  }
  for (std::size_t i = 0; i < certificates.size(); ++i) {
    const auto& certificate = certificates[i];
    const std::string_view part = i == 0                         ? "certificate"
                                  : i == first                   ? "ECDSA certificate"
                                  : certificate.is_self_issued() ? "root"
                                                                 : "intermediate";
    if (i == 0 || i == first) pairs.push_back({.key_bits = static_cast<int>(certificate.key_bits()), .dates = {}});
    pairs.back().dates.push_back(
        add_date({.kind = "server_chain",
                  .name = chain.name,
                  .at = certificate.not_after(),
                  .what = fmt::format("{} of server chain '{}': {}", part, chain.name, certificate.subject_text()),
                  .stops = personalities.empty() ? "nothing: no listener presents it"
                                                 : fmt::format("phones refuse us ({})", fmt::join(personalities, ", ")),
                  .personalities = personalities}));
  }
}

void ExpiryReport::add_device_ca(const config::Config& config, const config::DeviceCa& section) {
  auto& ca = device_cas_[section.name];
  ca.expired_accepted_before = section.expired_accepted_before();
  ca.rule_date = kNone;
  if (section.accept_expired_until) {
    ca.rule_date = add_date({.kind = "accept_expired_until",
                             .name = section.name,
                             .at = ca.expired_accepted_before,
                             .what = fmt::format("accept_expired_until of device CA '{}'", section.name),
                             .stops = "we refuse phones whose chain has expired",
                             .personalities = {}});
  }
  const auto add_file = [&](std::string_view part, const std::filesystem::path& file) {
    for (auto& certificate : read(crypto::Certificate::chain_from_file(config.resolve(file)))) {
      // What ends while it is forgiven stops nothing; the rule's own end does.
      auto date = kNone;
      if (certificate.not_after() >= ca.expired_accepted_before) {
        date =
            add_date({.kind = "device_ca",
                      .name = section.name,
                      .at = certificate.not_after(),
                      .what = fmt::format("{} of device CA '{}': {}", part, section.name, certificate.subject_text()),
                      .stops = "we refuse phones below it",
                      .personalities = {}});
      }
      ca.certificates.push_back({std::move(certificate), date});
    }
  };
  add_file("root", section.roots);
  if (!section.intermediates.empty()) add_file("intermediate", section.intermediates);
  if (section.crl.empty()) return;
  for (const auto& crl : read(crypto::Crl::from_file(config.resolve(section.crl)))) {
    if (!crl.next_update()) continue;
    add_date({.kind = "crl",
              .name = section.name,
              .at = *crl.next_update(),
              .what = fmt::format("CRL of device CA '{}': {}", section.name, crl.issuer_text()),
              .stops = "no phone; what is revoked later goes unnoticed",
              .personalities = {}});
  }
}

void ExpiryReport::add(const store::CertificateInUse& phone) {
  ++phones_;
  if (const auto chain = by_chain_.find(phone.chain); chain != by_chain_.end()) {
    const auto shown = [&](const Pair& pair) { return pair.key_bits == phone.server_key_bits; };
    const bool is_known = std::any_of(chain->second.begin(), chain->second.end(), shown);
    for (const auto& pair : chain->second) {
      // Where the ledger does not tell which of the two a phone was shown, or it has been replaced since, either may
      // be.
      if (is_known && !shown(pair)) continue;
      for (const auto date : pair.dates) count(date);
    }
  }
  const auto found = device_cas_.find(phone.device_ca);
  auto certificate = crypto::Certificate::from_der(phone.certificate_der);
  if (found == device_cas_.end() || !certificate) return;  // that CA is no longer configured
  const auto& ca = found->second;

  const auto end = certificate->not_after();
  if (end >= ca.expired_accepted_before) {
    const auto month = to_iso8601(end).substr(0, 7);
    const auto [at, is_new] = by_month_.try_emplace({phone.device_ca, month}, dates_.size());
    if (is_new) {
      add_date(
          {.kind = "phones",
           .name = phone.device_ca,
           .at = end,
           .what = fmt::format("phones' own certificates of device CA '{}' that end in {}", phone.device_ca, month),
           .stops = "we refuse these phones, one by one from then on",
           .personalities = {}});
    }
    count(at->second);
    dates_[at->second].at = std::min(dates_[at->second].at, end);
  }
  // Up its chain, as far as the configuration knows it.
  bool forgiven = end < ca.expired_accepted_before;
  std::set<const Watched*> path;
  for (auto below = *std::move(certificate);;) {
    const auto issuer = std::find_if(ca.certificates.begin(), ca.certificates.end(), [&](const Watched& one) {
      return !path.contains(&one) && below.issued_by(one.certificate);
    });
    if (issuer == ca.certificates.end()) break;
    path.insert(&*issuer);
    count(issuer->date);
    forgiven = forgiven || issuer->date == kNone;
    below = issuer->certificate;
  }
  if (forgiven) count(ca.rule_date);
}

void ExpiryReport::add_everywhere(std::size_t phones) {
  for (auto& expiry : dates_) {
    if (expiry.kind != "crl") expiry.phones += phones;
  }
}

std::vector<Expiry> ExpiryReport::list() const {
  auto all = dates_;
  std::stable_sort(all.begin(), all.end(), [](const Expiry& a, const Expiry& b) { return a.at < b.at; });
  return all;
}

}  // namespace firstring::manage
