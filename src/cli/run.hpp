#pragma once

namespace firstring::cli {

/// The `firstring` program: parses the command line, runs one command, gives the exit status (0 done, 1 the thing asked
/// for failed, 2 the command line is wrong).
int run(int argc, char** argv);

}  // namespace firstring::cli
