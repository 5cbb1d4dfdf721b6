#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "ledger/timeline.hpp"
#include "manage/devices.hpp"
#include "manage/expiry.hpp"
#include "manage/groups.hpp"
#include "manage/json_object.hpp"
#include "manage/ledger_reports.hpp"
#include "manage/personalities.hpp"
#include "render/profile.hpp"
#include "store/fleet.hpp"

namespace firstring::manage {

// What the commands print with --json, one object each, and what REST gives. Names once released stay. A connection of
// the ledger is ledger::to_json.

JsonObject to_json(const store::Device& device);
JsonObject to_json(const DeviceView& view);
JsonObject to_json(const store::PendingDevice& device);
JsonObject to_json(const GroupView& view);
JsonObject to_json(const store::EnrolmentWindow& window);
/// The account of a line; says whether it has a password, never which.
JsonObject to_json(const MacAddress& mac, const store::Line& line);
/// The value of a secret is null.
JsonObject to_json(const render::Origin& origin);

/// `at`: whether it is on then.
JsonObject to_json(const store::CaptureOrder& order, Timestamp at);

JsonObject to_json(const config::Diagnostic& diagnostic);
JsonObject to_json(const Expiry& expiry, const Expiries& all);

JsonObject to_json(const KnownPersonalities& known, const tls::Personality& personality);
/// All of it: what it offers, whom it is for, which rules lead to it.
JsonObject to_json_in_full(const KnownPersonalities& known, const tls::Personality& personality);
JsonObject to_json(const HelloTrial& trial, const HelloTrial::OnListener& choice);
JsonObject to_json(const LearntRule& rule, bool written);

/// One object for each connection, oldest first; the newest has the alarms and the next contact too. `at`: how far a
/// phone is overdue then.
std::vector<JsonObject> to_json(const ledger::Story& story, Timestamp at);
JsonObject to_json(const ClientCauses& client);
JsonObject to_json(const store::HandshakeCost& cost);
JsonObject to_json(const store::GapRow& gap);
JsonObject to_json(const store::AlarmRow& alarm);

}  // namespace firstring::manage
