#pragma once

#include "store/fleet.hpp"

namespace firstring::policy {

/// What a device's record is to be after two writers (nodes, or a node and a command) have each changed it without
/// knowing of the other. `base`: what both began with; nullptr for no record. Pure, and the same in whichever order the
/// two are given, so that all writers get the same result:
/// - What one of them left as it was, the other decides: an amnesty, an unpin or a renewed certificate is not undone.
/// - Where both pinned a key, the pin that was made first stands, with all that was learnt of its phone: what came with
///   another key may be of another phone.
/// - Where both changed the strongest version, the higher stands; of what is only remembered, the later sighting's.
store::DeviceRecord merge(const store::DeviceRecord* base, const store::DeviceRecord& one,
                          const store::DeviceRecord& other);

}  // namespace firstring::policy
