#include "manage/lines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "manage/lookup.hpp"
#include "manage/parameter_rules.hpp"
#include "render/profile.hpp"

namespace firstring::manage {

Result<void> check_line(const Desk& desk, const LineChange& wanted) {
  FIRSTRING_TRY(const auto device, find_device(*desk.fleet, wanted.mac));
  FIRSTRING_TRY(const auto* model, find_model(device.model));
  if (wanted.number < 1 || wanted.number > model->lines)
    return fail(Errc::invalid_input, fmt::format("line: {} has the lines 1 to {}", model->name, model->lines));
  for (const auto& [name, text] :
       {std::pair{"user", &wanted.user}, {"proxy", &wanted.proxy}, {"display", &wanted.display}}) {
    if (auto checked = render::check_value(*text, model); !checked)
      return fail(std::move(checked).error().while_(name));
  }
  if (!wanted.password) return {};
  if (auto checked = check_secret(escape_braces(wanted.password->reveal()), model); !checked)
    return fail(std::move(checked).error().while_("password"));
  return {};
}

Result<Changed<store::Line>> set_line(const Desk& desk, const LineChange& wanted) {
  FIRSTRING_CHECK(check_line(desk, wanted));
  const auto mac = wanted.mac.bare();
  FIRSTRING_TRY(const auto lines, desk.fleet->lines(wanted.mac));
  FIRSTRING_CHECK(check_version(wanted.seen, version_of(lines), fmt::format("the lines of {}", mac)));
  store::Line line{.number = wanted.number,
                   .user = wanted.user,
                   .proxy = wanted.proxy,
                   .display = wanted.display,
                   .transport = wanted.transport,
                   .srtp = wanted.srtp,
                   .sealed_password = {}};
  if (wanted.password) {
    FIRSTRING_TRY(const auto box, open_secrets(desk.dir));
    const Secret escaped{escape_braces(wanted.password->reveal())};
    line.sealed_password = box.seal(escaped, store::seal_context_line(wanted.mac, line.number));
  } else {
    const auto before =
        std::find_if(lines.begin(), lines.end(), [&](const auto& one) { return one.number == line.number; });
    if (before != lines.end()) line.sealed_password = before->sealed_password;
  }
  FIRSTRING_TRY(auto change, commit(desk, "line.set", fmt::format("{} line {}", mac, line.number),
                                    [&](auto& fleet) { return fleet.set_line(wanted.mac, line); }));
  return Changed<store::Line>{std::move(line), std::move(change)};
}

Result<std::vector<store::Line>> list_lines(const Desk& desk, const MacAddress& mac) {
  FIRSTRING_CHECK(find_device(*desk.fleet, mac));
  return desk.fleet->lines(mac);
}

}  // namespace firstring::manage
