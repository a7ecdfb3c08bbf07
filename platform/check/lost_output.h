// Whether what was printed to a stream has reached its place.
#pragma once

#include <cstdio>
#include <string>

namespace backboard {

/// Empties the stream's buffer. Empty when all that was ever written to it is where it belongs; otherwise the end of an
/// error's line: "cannot be written: No space left on device".
std::string lost_output(std::FILE* stream);

}  // namespace backboard
