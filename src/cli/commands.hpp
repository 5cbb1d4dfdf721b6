#pragma once

#include <vector>

#include "cli/command_line.hpp"

namespace firstring::cli {

// The commands of each cmd_*.cpp.
std::vector<Command> init_commands();
std::vector<Command> check_commands();
std::vector<Command> serve_commands();
std::vector<Command> device_commands();
std::vector<Command> group_commands();
std::vector<Command> enrol_commands();
std::vector<Command> set_commands();
std::vector<Command> line_commands();
std::vector<Command> render_commands();
std::vector<Command> ledger_commands();
std::vector<Command> expiry_commands();
std::vector<Command> explain_commands();
std::vector<Command> capture_commands();
std::vector<Command> evidence_commands();
std::vector<Command> personality_commands();
std::vector<Command> simulate_commands();
std::vector<Command> storm_commands();

/// All of them, as `firstring --help` shows them.
const Program& program();

}  // namespace firstring::cli
