#include "platform/check/lost_output.h"

#include <cerrno>
#include <cstring>

namespace backboard {

std::string lost_output(std::FILE* stream) {
  const bool flushed = std::fflush(stream) == 0;
  if (!flushed) return std::string("cannot be written: ") + std::strerror(errno);
  // An earlier write's reason is gone.
  return std::ferror(stream) != 0 ? "cannot be written whole" : "";
}

}  // namespace backboard
