// The program: from the command line to an exit code.
#pragma once

namespace backboard {

/// Parses the command line, runs the command, prints one line on stderr for bad input. Returns an ExitCode.
int run_program(int argc, char** argv);

}  // namespace backboard
