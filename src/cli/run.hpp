#pragma once

#include <span>
#include <string>

namespace firstring::cli {

class Terminal;

/// The `firstring` program: parses the command line, runs one command, gives the exit status (0 done, 1 the thing asked
/// for failed, 2 the command line is wrong).
int run(int argc, char** argv);

/// The same on another terminal, for tests. `arguments` without the program's own name.
int run(std::span<const std::string> arguments, Terminal& terminal);

}  // namespace firstring::cli
