#pragma once

#include <string>
#include <vector>

#include "manage/desk.hpp"

namespace firstring::manage {

/// Fails with invalid_input for a name that will not do, with conflict if it is there, with not_found if the parent is
/// not.
Result<Change> add_group(const Desk& desk, const store::Group& group);

struct GroupView {
  store::Group group;
  std::size_t devices = 0;  ///< in it, not counting groups below it
};
Result<std::vector<GroupView>> list_groups(const Desk& desk);

}  // namespace firstring::manage
