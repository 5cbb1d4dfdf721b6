// The sets of data that are built into the program, held against each other: what one names, another has.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.hpp"
#include "device/model.hpp"
#include "tls/personality.hpp"

namespace firstring::policy {
namespace {

/// As personalities write models: a name, or the beginning of names with a star behind it.
bool means(std::string_view pattern, std::string_view model) {
  if (!pattern.ends_with('*')) return equals_ignoring_case(pattern, model);
  pattern.remove_suffix(1);
  return equals_ignoring_case(pattern, model.substr(0, pattern.size()));
}

TEST(PersonalityData, NamesOnlyModelsThatThereAre) {
  const auto models = device::Catalogue::shipped().models();
  for (const auto& personality : tls::shipped_personalities()) {
    for (const auto& match : personality.matches) {
      for (const auto& pattern : match.models) {
        EXPECT_TRUE(
            std::any_of(models.begin(), models.end(), [&](const auto& one) { return means(pattern, one.name); }))
            << personality.name << " is for " << pattern << ", and data/vendors has no such model";
      }
    }
  }
}

TEST(PersonalityData, HasOneForEachModelThatTheDefaultCannotServe) {
  const auto& fallback = *tls::find_personality("modern-2026-11");
  for (const auto& model : device::Catalogue::shipped().models()) {
    if (!model.tls_client.starts_with("tls1.0")) continue;
    ASSERT_GT(fallback.min_version, tls::version_number("TLSv1.0"));
    const auto all = tls::shipped_personalities();
    const bool served = std::any_of(all.begin(), all.end(), [&](const tls::Personality& personality) {
      return personality.min_version <= tls::version_number("TLSv1.0") &&
             std::any_of(personality.matches.begin(), personality.matches.end(), [&](const tls::Match& match) {
               return std::any_of(match.models.begin(), match.models.end(),
                                  [&](const auto& pattern) { return means(pattern, model.name); });
             });
    });
    EXPECT_TRUE(served) << model.name << " speaks TLS 1.0, and no personality of TLS 1.0 names it";
  }
}

}  // namespace
}  // namespace firstring::policy
