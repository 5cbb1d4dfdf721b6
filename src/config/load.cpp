#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/file.hpp"
#include "base/text.hpp"
#include "config/config.hpp"
#include "config/options.hpp"

namespace firstring::config {
namespace {

using options::Findings;

/// A key of the file that no section is called by.
void unknown_at_top(const options::Entry& entry, const std::vector<std::string>& sections, Findings& findings) {
  if (entry.value.is_table() || entry.value.is_list_of_tables()) {
    const auto meant = closest(entry.key, sections);
    findings.error(entry.position, fmt::format("unknown section '{}'", printable(entry.key)),
                   meant ? fmt::format("did you mean '{}'?", *meant)
                         : fmt::format("the sections are {}", fmt::join(sections, ", ")));
    return;
  }
  std::string owner;
  const Config none;
  for_each_section(none, [&](const auto& table, const auto&) {
    for (const auto& option : table.options) {
      if (owner.empty() && option.name == entry.key) owner = head(table);
    }
  });
  findings.error(
      entry.position, fmt::format("key '{}' stands outside of every section", printable(entry.key)),
      owner.empty() ? "remove it, or move it below the head of its section" : fmt::format("move it below {}", owner));
}

void read_sections(const options::Node& root, Config& config, Findings& findings) {
  std::vector<std::string> sections;
  for_each_section(config, [&](const auto& table, auto& target) {
    sections.emplace_back(table.name);
    if (const auto entry = root.find(table.name)) read_section(table, *entry, target, findings);
  });
  for (const auto& entry : root.entries()) {
    if (std::find(sections.begin(), sections.end(), entry.key) == sections.end())
      unknown_at_top(entry, sections, findings);
  }
}

/// Whether one socket on each could not tell whose a connection is. [::] takes IPv4 connections too.
bool overlap(const Endpoint& a, const Endpoint& b) {
  if (a.port != b.port || a.port == 0) return false;
  const auto any_v4 = IpAddress::from_v4({});
  const auto covers = [&](const IpAddress& wide, const IpAddress& other) {
    return wide == IpAddress{} || wide == other || (wide == any_v4 && other.is_v4());
  };
  return covers(a.address, b.address) || covers(b.address, a.address);
}

void check_addresses(const std::vector<Listener>& listeners, Findings& findings) {
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const auto& [earlier, later] = std::pair<const Listener&, const Listener&>{listeners[j], listeners[i]};
      if (!overlap(earlier.address, later.address)) continue;
      const auto at = later.position_of("address");
      findings.error(at,
                     fmt::format("{} is taken already by the listener on {} at line {}", later.address.to_string(),
                                 earlier.address.to_string(), earlier.position_of("address").line),
                     "give one of them another port or a narrower address");
      break;
    }
  }
}

/// Keys that speak of TLS mean nothing where there is none; whoever sets them there expects something else.
void check_bootstrap_keys(const Listener& listener, Findings& findings) {
  if (listener.kind != ListenerKind::bootstrap) return;
  for (const auto key :
       {"personalities", "ladder", "ladder_window", "quarantine", "hello_timeout", "handshake_timeout"}) {
    if (!listener.positions.contains(key)) continue;
    findings.warning(listener.position_of(key),
                     fmt::format("'{}' has no effect on a bootstrap listener, which speaks plain HTTP", key),
                     "remove it, or make this a listener of kind \"phone\"");
  }
}

void check_needs_of_listeners(const Config& config, Findings& findings) {
  if (config.listeners.empty()) {
    findings.error({}, "there is no [[listener]], so no phone could connect",
                   "add a [[listener]] with kind = \"phone\" and address = \"[::]:443\"");
  }
  const auto phone = std::find_if(config.listeners.begin(), config.listeners.end(),
                                  [](const Listener& listener) { return listener.kind == ListenerKind::phone; });
  if (phone == config.listeners.end()) return;
  if (config.server_chains.empty()) {
    findings.error(phone->position_of("kind"),
                   "a phone listener needs a certificate to show, and there is no [[server_chain]]",
                   "add a [[server_chain]] with name, certificate and key");
  }
  if (config.device_cas.empty()) {
    findings.error(phone->position_of("kind"),
                   "a phone listener needs a CA to believe phones by, and there is no [[device_ca]]",
                   "add a [[device_ca]] with name and roots, the root certificates of the phones' maker");
  }
}

template <class S>
void check_names(const SectionTable<S>& table, const std::vector<S>& sections, Findings& findings) {
  std::map<std::string_view, Position> seen;
  for (const auto& section : sections) {
    if (section.name.empty()) continue;
    const auto at = section.position_of("name");
    const auto [found, is_new] = seen.emplace(section.name, at);
    if (!is_new) {
      findings.error(at,
                     fmt::format("{} '{}' is there already at line {}", head(table), section.name, found->second.line),
                     "give one of them another name");
    }
  }
}

void check_second_pair(const ServerChain& chain, Findings& findings) {
  if (chain.ecdsa_certificate.empty() == chain.ecdsa_key.empty()) return;
  const auto [there, missing] = chain.ecdsa_key.empty() ? std::pair{"ecdsa_certificate", "ecdsa_key"}
                                                        : std::pair{"ecdsa_key", "ecdsa_certificate"};
  findings.error(chain.position_of(there), fmt::format("'{}' is of no use without '{}'", there, missing),
                 fmt::format("add {}, or leave both out", missing));
}

void check_expiry_rules(const DeviceCa& ca, Findings& findings) {
  if (!ca.accept_expired || !ca.accept_expired_until) return;
  findings.error(ca.position_of("accept_expired_until"),
                 "'accept_expired_until' says until when, and 'accept_expired' says for ever", "leave one of them out");
}

void check_ledger_size(const Limits& limits, Findings& findings) {
  if (limits.ledger_size == 0 || limits.ledger_size >= kLeastLedger) return;
  findings.error(limits.position_of("ledger_size"),
                 fmt::format("'ledger_size' is {}, too little for a ledger", options::format_size(limits.ledger_size)),
                 fmt::format("write at least {}, or 0 for no bound", options::format_size(kLeastLedger)));
}

void check_combinations(const Config& config, Findings& findings) {
  check_addresses(config.listeners, findings);
  for (const auto& listener : config.listeners) check_bootstrap_keys(listener, findings);
  check_needs_of_listeners(config, findings);
  check_names(server_chain_table(), config.server_chains, findings);
  for (const auto& chain : config.server_chains) check_second_pair(chain, findings);
  check_names(personality_table(), config.personalities, findings);
  check_names(device_ca_table(), config.device_cas, findings);
  for (const auto& ca : config.device_cas) check_expiry_rules(ca, findings);
  check_ledger_size(config.limits, findings);
}

}  // namespace

Loaded load_text(std::string_view text, const std::filesystem::path& dir, const std::filesystem::path& file) {
  Loaded loaded;
  loaded.config.dir = dir;
  loaded.config.file = file;
  Findings findings{file, loaded.diagnostics};
  const auto document = options::Document::parse(text, findings);
  if (!document) return loaded;
  read_sections(document->root(), loaded.config, findings);
  check_combinations(loaded.config, findings);
  findings.sort();
  return loaded;
}

Loaded load(const std::filesystem::path& dir) {
  const auto file = dir / kFileName;
  const auto unreadable = [&](std::string what, std::string remedy) {
    Loaded loaded;
    loaded.config.dir = dir;
    loaded.config.file = file;
    Findings{file, loaded.diagnostics}.error({}, std::move(what), std::move(remedy));
    return loaded;
  };
  struct stat status{};
  if (::stat(file.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    return unreadable("this is not a regular file", "put the configuration here");
  }
  auto text = read_file(file, options::Document::kMaxBytes);
  if (text) return load_text(*text, dir, file);
  switch (text.error().code) {
    case Errc::not_found:
      return unreadable(text.error().what, fmt::format("make a state folder with: firstring init {}", dir.string()));
    case Errc::limit_exceeded:
      return unreadable(text.error().what, "is it the right file? a configuration takes a few KiB");
    default:
      return unreadable(text.error().what, "make it readable for the user that runs firstring");
  }
}

}  // namespace firstring::config
