#include "config/config.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tls/knobs.hpp"

namespace firstring::config {

tls::Personality OwnPersonality::over(const tls::Personality& base) const {
  auto result = base;
  result.name = name;
  result.description = fmt::format("{} with changes of our own", base.name);
  tls::for_each_knob([&](const auto& knob) {
    if (positions.contains(knob.name)) result.*knob.member = this->*knob.member;
  });
  return result;
}

bool Loaded::ok() const {
  return std::none_of(diagnostics.begin(), diagnostics.end(),
                      [](const Diagnostic& diagnostic) { return diagnostic.severity == Severity::error; });
}

Timestamp DeviceCa::expired_accepted_before() const {
  if (accept_expired) return Timestamp::max();
  return accept_expired_until ? Timestamp{*accept_expired_until + std::chrono::days{1}} : Timestamp::min();
}

}  // namespace firstring::config
