#include "cli/command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "base/text.hpp"
#include "base/time.hpp"

namespace firstring::cli {
namespace {

Result<void> is_number_up_to(std::string_view text, unsigned most) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number > most) {
    return fail(Errc::invalid_input, fmt::format("'{}' is not a whole number from 0 to {}", visible(text, 40), most));
  }
  return {};
}

}  // namespace

Result<void> is_mac(std::string_view text) {
  FIRSTRING_CHECK(MacAddress::parse(text));
  return {};
}

Result<void> is_duration(std::string_view text) {
  FIRSTRING_CHECK(parse_duration(text));
  return {};
}

Result<void> is_number(std::string_view text) { return is_number_up_to(text, 999'999'999); }

Result<void> is_port(std::string_view text) { return is_number_up_to(text, 65'535); }

Check one_of(std::vector<std::string> choices) {
  return [choices = std::move(choices)](std::string_view text) -> Result<void> {
    if (std::find(choices.begin(), choices.end(), text) != choices.end()) return {};
    return fail(Errc::invalid_input, fmt::format("'{}' is none of {}", visible(text, 40), fmt::join(choices, ", ")));
  };
}

Argument json_flag() { return {.name = "--json", .value = "", .help = "print one JSON object a line"}; }

Argument mac_argument(std::string help) {
  return {.name = "MAC", .value = "", .help = std::move(help), .presence = Presence::required, .check = is_mac};
}

const std::vector<std::string>& Context::all(std::string_view argument) const {
  const auto found = values_.find(argument);
  if (found == values_.end()) {
    // Every argument of the command's table is in the map; another is a slip of the pen in the command.
    fmt::print(stderr, "firstring {}: has no argument '{}'\n", command_.name, argument);
    std::abort();
  }
  return found->second;
}

std::string Context::text(std::string_view argument) const {
  const auto& values = all(argument);
  return values.empty() ? std::string{} : values.back();
}

MacAddress Context::mac(std::string_view argument) const { return MacAddress::parse(text(argument)).value(); }

std::chrono::milliseconds Context::duration(std::string_view argument) const {
  return parse_duration(text(argument)).value();
}

unsigned Context::number(std::string_view argument, unsigned otherwise) const {
  const auto digits = text(argument);
  if (!digits.empty()) std::from_chars(digits.data(), digits.data() + digits.size(), otherwise);
  return otherwise;
}

int Context::refuse(std::string_view why) const {
  warn(why);
  return 2;
}

Result<int> Context::refuse(Error error) const {
  if (error.code != Errc::invalid_input) return fail(std::move(error));
  const auto option = "--" + error.what.substr(0, error.what.find(": "));
  const auto& all = command_.arguments;
  const bool is_option = std::any_of(all.begin(), all.end(), [&](const auto& one) { return one.name == option; });
  return refuse(is_option ? "--" + error.what : error.what);
}

void Context::warn(std::string_view text) const {
  if (!text.empty()) terminal_.complain(fmt::format("firstring {}: {}", command_.name, text));
}

}  // namespace firstring::cli
