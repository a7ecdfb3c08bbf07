// Exit codes of the program. README and docs/cli.md promise them.
#pragma once

namespace backboard {

enum ExitCode : int {
  kExitPassed = 0,
  kExitFailed = 1,         ///< the guest failed, or an expectation did not hold
  kExitBadInput = 2,       ///< one line on stderr says what and where
  kExitInternalError = 3,  ///< a mistake of the program itself
};

}  // namespace backboard
