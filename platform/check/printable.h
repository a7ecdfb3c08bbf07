// Names of a user's file in messages.
#pragma once

#include <string>
#include <string_view>

namespace backboard {

/// Text that a file holds, fit for one line of a message: its first 80 characters, `?` for what is not printable ASCII.
inline std::string printable(std::string_view text) {
  constexpr size_t kLongest = 80;
  std::string result;
  for (const char c : text.substr(0, kLongest)) result += c >= ' ' && c <= '~' ? c : '?';
  return text.size() > kLongest ? result + "..." : result;
}

}  // namespace backboard
