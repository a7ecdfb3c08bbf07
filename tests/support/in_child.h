// Several boards in one test: each in a process of its own, for SystemC elaborates once a process.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <functional>

#include "platform/check/input_error.h"
#include "tests/support/program.h"

namespace backboard::test {

/// Runs `body` in a child; what it returns is what the child's simulation came to.
inline std::string in_child(const std::function<std::string()>& body) {
  const TemporaryFolder folder;
  const std::string file = folder.path("result");
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::string text;
    try {
      text = body();
    } catch (const InputError& error) {
      text = std::string("InputError: ") + error.what();
    }
    std::ofstream(file) << text;
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  return read_text(file);
}

}  // namespace backboard::test
