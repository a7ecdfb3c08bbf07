// Runs a test once on every instruction set that this host and this build have.
#pragma once

#include <hwy/targets.h>

#include <cstdint>
#include <string>

namespace backboard::test {

/// Calls `body(name of the target)` with Highway's dispatch held to one target after the other, then lifts the hold.
template <class Body>
void for_each_simd_target(const Body& body) {
  const int64_t all = hwy::SupportedTargets() & HWY_TARGETS;
  for (int64_t rest = all; rest != 0; rest &= rest - 1) {
    const int64_t target = rest & -rest;
    hwy::SetSupportedTargetsForTest(target);
    body(std::string(hwy::TargetName(target)));
  }
  hwy::SetSupportedTargetsForTest(0);
}

}  // namespace backboard::test
