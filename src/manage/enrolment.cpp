#include "manage/enrolment.hpp"

#include "manage/lookup.hpp"

namespace firstring::manage {

Result<Changed<store::EnrolmentWindow>> open_enrolment(const Desk& desk, const NewEnrolment& wanted) {
  if (wanted.duration <= std::chrono::milliseconds{0} || wanted.duration > kLongestEnrolment)
    return fail(Errc::invalid_input, "for: a window is open for at least 1ms and at most 30d");
  const auto time = desk.time();
  store::EnrolmentWindow window{.group = wanted.group, .model = {}, .opened = time, .until = time + wanted.duration};
  if (!wanted.model.empty()) {
    const auto model = find_model(wanted.model);
    if (!model) return fail(Errc::invalid_input, model.error().what);
    window.model = (*model)->name;
  }
  FIRSTRING_CHECK(check_group(*desk.fleet, window.group));
  FIRSTRING_TRY(auto change, commit(desk, "enrolment.open", "group:" + window.group,
                                    [&](auto& fleet) { return fleet.open_enrolment(window); }));
  return Changed<store::EnrolmentWindow>{std::move(window), std::move(change)};
}

Result<Change> close_enrolment(const Desk& desk) {
  return commit(desk, "enrolment.close", "all windows", [](auto& fleet) { return fleet.close_enrolment(); });
}

Result<std::vector<store::EnrolmentWindow>> list_enrolment(const Desk& desk) {
  return desk.fleet->enrolment(desk.time());
}

}  // namespace firstring::manage
