#include <algorithm>
#include <array>
#include <vector>

#include "base/text.hpp"
#include "vendor/cisco/cisco.hpp"

namespace firstring::vendor::cisco {
namespace {

constexpr std::size_t kMaxLength = 200;
constexpr std::array<std::string_view, 3> kVendors{"Cisco", "Linksys", "Sipura"};
constexpr std::string_view kMultiplatformPhone = "Cisco-CP-";
constexpr std::string_view kMultiplatformAta = "-MPP-";

bool is_product(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return is_alphanumeric(c) || c == '-'; });
}

bool is_version(std::string_view text) {
  return !text.empty() && is_digit(text.front()) && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alphanumeric(c) || c == '.' || c == '-' || c == '_' || c == '(' || c == ')';
  });
}

/// "(88012BA01234)" or "(8843E157DDCC)(CBT141100HR)": the words, at most two. nullopt for anything else.
std::optional<std::vector<std::string_view>> read_words(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const auto end = text.find(')');
    if (text.front() != '(' || end == std::string_view::npos || words.size() == 2) return std::nullopt;
    const auto word = text.substr(1, end - 1);
    if (word.empty() || !std::all_of(word.begin(), word.end(), is_alphanumeric)) return std::nullopt;
    words.push_back(word);
    text.remove_prefix(end + 1);
  }
  return words;
}

/// Where "SPA-2102-2.0.5" parts: the last hyphen before a digit, but for "ATA191-MPP-11-1-0-MSR4" the one behind MPP.
std::size_t version_hyphen(std::string_view text) {
  if (const auto at = text.find(kMultiplatformAta); at != std::string_view::npos)
    return at + kMultiplatformAta.size() - 1;
  for (auto at = text.rfind('-'); at != std::string_view::npos && at > 0; at = text.rfind('-', at - 1)) {
    if (at + 1 < text.size() && is_digit(text[at + 1])) return at;
  }
  return std::string_view::npos;
}

}  // namespace

std::optional<UserAgent> read_user_agent(std::string_view text) {
  if (text.size() > kMaxLength) return std::nullopt;
  // A version may hold parentheses of its own, "6.1.5(a)", but no space.
  const auto space = text.find(' ');
  const auto head = text.substr(0, space);
  const auto words = read_words(space == std::string_view::npos ? std::string_view{} : text.substr(space + 1));
  const auto slash = head.find('/');
  if (!words || slash == std::string_view::npos) return std::nullopt;

  UserAgent agent;
  if (head.starts_with(kMultiplatformPhone)) {
    // Cisco-CP-8841-3PCC/11.0 (00562b043615)
    agent.vendor = kVendors[0];
    agent.product = head.substr(kVendors[0].size() + 1, slash - kVendors[0].size() - 1);
    agent.version = head.substr(slash + 1);
    if (words->size() > 1) return std::nullopt;
    if (words->size() == 1) {
      agent.mac = to_optional(MacAddress::parse_bare(words->front()));
      if (!agent.mac) return std::nullopt;
    }
  } else {
    // Cisco/SPA504G-7.4.9c (649EF3788E6A)(CCQ162306EA)
    agent.vendor = head.substr(0, slash);
    if (std::find(kVendors.begin(), kVendors.end(), agent.vendor) == kVendors.end()) return std::nullopt;
    const auto rest = head.substr(slash + 1);
    const auto hyphen = version_hyphen(rest);
    if (hyphen == std::string_view::npos) return std::nullopt;
    agent.product = rest.substr(0, hyphen);
    agent.version = rest.substr(hyphen + 1);
    if (words->size() == 2) {
      agent.mac = to_optional(MacAddress::parse_bare(words->front()));
      if (!agent.mac) return std::nullopt;
    }
    if (!words->empty()) agent.serial = words->back();
  }
  if (!is_product(agent.product) || !is_version(agent.version)) return std::nullopt;
  return agent;
}

}  // namespace firstring::vendor::cisco
