// What the placeholders in the texts of causes.cpp stand for.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "base/time.hpp"
#include "device/known_bad.hpp"
#include "device/model.hpp"
#include "hello/names.hpp"
#include "hello/suites.hpp"
#include "ledger/causes.hpp"
#include "ledger/cut.hpp"

namespace firstring::ledger {
namespace {

constexpr std::size_t kMostNames = 8;  // of a list: more is no sentence

std::string joined(const std::vector<std::string>& names) {
  if (names.empty()) return "none";
  if (names.size() <= kMostNames) return fmt::format("{}", fmt::join(names, ", "));
  return fmt::format("{} and {} more", fmt::join(names.begin(), names.begin() + kMostNames, ", "),
                     names.size() - kMostNames);
}

/// The client's own list without GREASE, by name where there is one.
template <class NameOf>
std::string list(const std::vector<std::uint16_t>& numbers, NameOf name_of) {
  std::vector<std::string> names;
  for (const auto number : numbers) {
    if (hello::is_grease(number)) continue;
    const auto name = std::string{name_of(number)};
    names.push_back(name.empty() ? fmt::format("0x{:04x}", number) : name);
  }
  return joined(names);
}

/// Of OpenSSL's lists, "A:B:!C".
std::string list(std::string_view openssl_list) {
  std::vector<std::string> names;
  for (const auto name : split(openssl_list, ':')) {
    if (!name.empty() && name.front() != '!') names.emplace_back(name);
  }
  return joined(names);
}

std::string date_of(Timestamp time) { return to_iso8601(time).substr(0, 10); }

/// "SHA-256" for "sha256".
std::string hash_name(std::string_view hash) {
  if (hash.starts_with("sha")) return fmt::format("SHA-{}", hash.substr(3));
  return hash == "md5" ? "MD5" : std::string{hash};
}

std::string our_chain(const Case& c) {
  std::vector<std::string> parts;
  if (!c.row.server_name_shown.empty()) parts.push_back("CN " + printable(c.row.server_name_shown, 80));
  if (c.row.server_key_bits > 0) parts.push_back(fmt::format("{}-bit key", c.row.server_key_bits));
  if (!c.row.server_hash.empty()) parts.push_back(hash_name(c.row.server_hash));
  return parts.empty() ? fmt::format("our chain '{}'", c.row.chain)
                       : fmt::format("our chain '{}' ({})", c.row.chain, fmt::join(parts, ", "));
}

/// What is told of a hello that is there.
std::string of_hello(const Case& c, std::string text) {
  return is_hello_cut(c.row) ? "(the hello was too long to be kept)" : std::move(text);
}

std::string client_versions(const Case& c) {
  if (is_hello_cut(c.row)) return of_hello(c, {});
  if (c.hello.supported_versions.empty()) return "at most " + hello::version_name(c.hello.highest_version());
  auto versions = c.hello.supported_versions;
  std::reverse(versions.begin(), versions.end());  // clients name the highest first
  return list(versions, hello::version_name);
}

std::string our_versions(const Case& c) {
  if (c.personality == nullptr) return "other versions";
  const auto lowest = hello::version_name(c.personality->min_version);
  const auto highest = hello::version_name(c.personality->max_version);
  return lowest == highest ? lowest : fmt::format("{} to {}", lowest, highest);
}

std::string our_suites(const Case& c) {
  return c.personality == nullptr ? "others" : list(tls::offered_suites(*c.personality), hello::suite_name);
}

/// How the client left: the end of "the client ...".
std::string ended(const Case& c) {
  if (c.row.alert_from == "client") return "said " + c.row.alert;
  if (c.row.outcome == Outcome::timeout) return fmt::format("was still silent after {}", in_seconds(c.row.closed_us));
  return fmt::format("closed after {}", in_seconds(c.row.closed_us));
}

std::string waited(const Case& c) {
  return in_seconds(c.row.closed_us - std::max<std::int64_t>(c.row.server_flight_us, 0));
}

std::string how_it_ended(const Case& c) {
  if (c.row.alert_from == "server") return "we had no signature to offer and said " + c.row.alert;
  if (c.row.alert_from == "client") return fmt::format("it said {}", c.row.alert);
  if (c.row.outcome == Outcome::timeout) return fmt::format("it went silent for {}", waited(c));
  return fmt::format("it closed TCP {} after it got our flight, without an alert", waited(c));
}

/// "; the same device worked with 1024 bits on 2026-11-17", or "".
std::string worked(const Case& c, const Precedent* precedent, std::string_view with) {
  if (precedent == nullptr) return {};
  const bool other_firmware = !precedent->firmware.empty() && precedent->firmware != c.row.firmware;
  return fmt::format("; {}{} worked with {} on {}",
                     precedent->same_device ? std::string{"the same device"} : "another " + c.row.model,
                     other_firmware ? fmt::format(" with firmware {}", printable(precedent->firmware, 40)) : "", with,
                     date_of(precedent->last));
}

std::string worked_dh(const Case& c) {
  const auto* precedent = c.worked_with_smaller_dh();
  return worked(c, precedent, precedent == nullptr ? "" : fmt::format("{} bits", precedent->key_exchange_bits));
}

std::string worked_key(const Case& c) {
  const auto* precedent = c.worked_with_smaller_key();
  return worked(c, precedent, precedent == nullptr ? "" : fmt::format("a {}-bit key", precedent->server_key_bits));
}

std::string hash_evidence(const Case& c) {
  if (c.lists_only_old_hashes()) {
    return "its hello names no newer signature algorithm than " +
           list(c.hello.signature_algorithms, hello::signature_name);
  }
  if (const auto* precedent = c.worked_with_sha1()) return worked(c, precedent, "a SHA-1 chain").substr(2);
  return "its hello names no signature algorithms at all, as of a client from before SHA-2";
}

std::string addresses(const Case& c) {
  std::vector<std::string> texts;
  if (c.history.name) {
    for (const auto& address : c.history.name->addresses) texts.push_back(address.to_string());
  }
  return joined(texts);
}

/// A sentence behind a sentence, or "".
std::string name_check(const Case& c) {
  const auto name = printable(c.row.server_name_shown, 80);
  switch (c.name_check()) {
    case Case::NameCheck::unknown:
      return c.history.name && !c.history.name->problem.empty()
                 ? fmt::format(" Our certificate's name {} was not found in DNS just now ({}).", name,
                               c.history.name->problem)
                 : "";
    case Case::NameCheck::agrees:
      return fmt::format(" Our certificate's name {} leads to {} in DNS, as it should.", name, c.row.local_address);
    case Case::NameCheck::disagrees:
      return fmt::format(" Our certificate's name {} leads to {} in DNS, but the client came to {}.", name,
                         addresses(c), c.row.local_address);
    case Case::NameCheck::undecidable:
      return fmt::format(
          " Our certificate's name {} leads to {} in DNS, and the client came to {}: behind address translation this "
          "server cannot tell whether a phone accepts that.",
          name, addresses(c), c.row.local_address);
  }
  return {};
}

std::string where(const Case& c) {
  switch (c.row.stage) {
    case Stage::tcp:
      return "before it sent a byte";
    case Stage::hello:
      return "at the ClientHello";
    case Stage::server_flight:
      return "after it got our flight";
    case Stage::client_flight:
      return "in the middle of its answer to our flight";
    case Stage::finished:
      return "after the handshake, before a request";
    case Stage::request:
      return "in the middle of a request";
    case Stage::response:
      return "in the middle of our answer";
    case Stage::done:
      return "after our last answer";
    case Stage::unknown:
      break;
  }
  return "at a stage that this version does not know";
}

std::string group(const Case& c) {
  return c.row.key_exchange.empty() || c.row.key_exchange_bits == 0
             ? ""
             : fmt::format(" and {} with {} bits", c.row.key_exchange, c.row.key_exchange_bits);
}

/// Of the batch of known-bad hardware; "" if this program does not know it (any more).
std::string of_batch(const Case& c, std::string device::KnownBad::* member) {
  const auto* batch = device::find_known_bad(c.row.known_bad);
  return batch == nullptr ? "" : batch->*member;
}

/// The phone's, as far as the row tells; nullptr if that is not known.
const device::Model* model_of(const Case& c) { return device::Catalogue::shipped().find(c.row.model); }

/// The parameter in which a phone of this model keeps the URL that it provisions from.
std::string url_setting(const Case& c) {
  const auto* model = model_of(c);
  return model == nullptr || model->document.first_file.empty() ? "provisioning URL"
                                                                : model->document.first_file.front().first;
}

std::string own_file_name(const Case& c) {
  const auto* model = model_of(c);
  return model == nullptr ? "a phone's own file has its MAC address in its name"
                          : fmt::format("a {} finds its own file at {}", model->name, model->own_profile);
}

struct Placeholder {
  std::string_view name;
  std::string (*text)(const Case&);
};
constexpr std::array kPlaceholders{
    Placeholder{"address", [](const Case& c) { return c.row.address; }},
    Placeholder{"after_handshake",
                [](const Case& c) {
                  return std::string{c.row.stage == Stage::finished ? " after the handshake" : ", " + how_it_ended(c)};
                }},
    Placeholder{"after_offer",
                [](const Case& c) {
                  const auto offered = group(c);
                  return offered.empty() ? "" : " after we offered" + offered.substr(4);
                }},
    Placeholder{"alert", [](const Case& c) { return c.row.alert; }},
    Placeholder{"and_group", group},
    Placeholder{"asked", [](const Case& c) { return c.request->device; }},
    Placeholder{"bytes", [](const Case& c) { return std::to_string(c.request->bytes); }},
    Placeholder{"bytes_in", [](const Case& c) { return std::to_string(c.row.bytes_in); }},
    Placeholder{"cipher", [](const Case& c) { return c.row.cipher; }},
    Placeholder{"client_groups", [](const Case& c) { return of_hello(c, list(c.hello.groups, hello::group_name)); }},
    Placeholder{"client_signatures",
                [](const Case& c) { return of_hello(c, list(c.hello.signature_algorithms, hello::signature_name)); }},
    Placeholder{"client_suites", [](const Case& c) { return of_hello(c, list(c.hello.suites, hello::suite_name)); }},
    Placeholder{"client_version",
                [](const Case& c) { return of_hello(c, hello::version_name(c.hello.highest_version())); }},
    Placeholder{"client_versions", client_versions},
    Placeholder{"closed", [](const Case& c) { return in_seconds(c.row.closed_us); }},
    Placeholder{"detail",
                [](const Case& c) { return c.row.detail.empty() ? "no reason given" : printable(c.row.detail); }},
    Placeholder{"device", [](const Case& c) { return c.row.device; }},
    Placeholder{"device_ca", [](const Case& c) { return c.row.device_ca; }},
    Placeholder{"ended", ended},
    Placeholder{"finding",
                [](const Case& c) {
                  return c.request == nullptr ? "signed with another key" : std::string{to_string(c.request->reason)};
                }},
    Placeholder{"hash_evidence", hash_evidence},
    Placeholder{"how_it_ended", how_it_ended},
    Placeholder{"issuer", [](const Case& c) { return printable(c.row.certificate_issuer); }},
    Placeholder{"key_exchange_bits", [](const Case& c) { return std::to_string(c.row.key_exchange_bits); }},
    Placeholder{"known_bad", [](const Case& c) { return c.row.known_bad; }},
    Placeholder{"known_bad_fault", [](const Case& c) { return of_batch(c, &device::KnownBad::fault); }},
    Placeholder{"known_bad_remedy", [](const Case& c) { return of_batch(c, &device::KnownBad::remedy); }},
    Placeholder{"local_address", [](const Case& c) { return c.row.local_address; }},
    Placeholder{"local_port", [](const Case& c) { return std::to_string(c.row.local_port); }},
    Placeholder{"method", [](const Case& c) { return printable(c.request->method, 20); }},
    Placeholder{"name_addresses", addresses},
    Placeholder{"name_check", name_check},
    Placeholder{"our_chain", our_chain},
    Placeholder{"our_groups", [](const Case& c) { return c.personality ? list(c.personality->groups) : "others"; }},
    Placeholder{"our_suites", our_suites},
    Placeholder{"our_versions", our_versions},
    Placeholder{"own_file_name", own_file_name},
    Placeholder{"personality", [](const Case& c) { return c.row.personality; }},
    Placeholder{"queued", [](const Case& c) { return in_seconds(c.row.queued_us); }},
    Placeholder{"reason", [](const Case& c) { return std::string{to_string(c.request->reason)}; }},
    Placeholder{"server_hash", [](const Case& c) { return hash_name(c.row.server_hash); }},
    Placeholder{"server_name",
                [](const Case& c) {
                  return c.row.server_name_shown.empty() ? "(none)" : printable(c.row.server_name_shown, 80);
                }},
    Placeholder{"sni", [](const Case& c) { return printable(c.row.server_name, 80); }},
    Placeholder{"status", [](const Case& c) { return std::to_string(c.request->status); }},
    Placeholder{"subject", [](const Case& c) { return printable(c.row.certificate_subject); }},
    Placeholder{"target", [](const Case& c) { return printable(c.request->target); }},
    Placeholder{"url_setting", url_setting},
    Placeholder{"verdict_errors",
                [](const Case& c) {
                  std::vector<std::string> errors;
                  for (const auto& error : c.row.verdict_errors) {
                    if (!error.starts_with(store::kForgiven)) errors.push_back(printable(error));
                  }
                  return errors.empty() ? std::string{to_string(c.row.verdict)}
                                        : fmt::format("{}", fmt::join(errors, "; "));
                }},
    Placeholder{"version", [](const Case& c) { return c.row.version; }},
    Placeholder{"waited", waited},
    Placeholder{"where", where},
    Placeholder{"worked_dh", worked_dh},
    Placeholder{"worked_key", worked_key},
};

}  // namespace

std::string fill_in(std::string_view text, const Case& the_case) {
  std::string result;
  for (;;) {
    const auto open = text.find('{');
    result += text.substr(0, open);
    if (open == std::string_view::npos) return result;
    const auto close = text.find('}', open);
    const auto name = text.substr(open + 1, close - open - 1);
    const auto* found =
        std::find_if(kPlaceholders.begin(), kPlaceholders.end(), [&](const auto& one) { return one.name == name; });
    result += found != kPlaceholders.end() ? found->text(the_case) : std::string{text.substr(open, close + 1 - open)};
    text.remove_prefix(close + 1);
  }
}

}  // namespace firstring::ledger
