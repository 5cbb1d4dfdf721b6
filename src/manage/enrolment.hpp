#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "manage/desk.hpp"

namespace firstring::manage {

struct NewEnrolment {
  std::string group;
  std::string model;  ///< in any case; "" for any
  std::chrono::milliseconds duration{0};
};
inline constexpr std::chrono::milliseconds kLongestEnrolment = std::chrono::days{30};

/// Lets devices with a good certificate join the group by themselves, for a time. Fails with invalid_input for a model
/// that is none, or less than 1 ms or more than kLongestEnrolment, with not_found if the group is not there.
Result<Changed<store::EnrolmentWindow>> open_enrolment(const Desk& desk, const NewEnrolment& wanted);

/// Closes every window.
Result<Change> close_enrolment(const Desk& desk);

/// The windows that are open.
Result<std::vector<store::EnrolmentWindow>> list_enrolment(const Desk& desk);

}  // namespace firstring::manage
