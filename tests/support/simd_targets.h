// Runs a test once on every instruction set that this host and this build have.
#pragma once

#define HWY_WANT_AVX3_DL  // some kernels have a version of their own for it

#include <hwy/highway.h>
#include <hwy/targets.h>

#include <cstdint>

namespace backboard::test {

/// Calls `body(name of the target)` with Highway's dispatch held to one target after the other, then lifts the hold.
/// The mock alone is not enough: a dispatch that was made before it would stay chosen.
template <class Body>
void for_each_simd_target(const Body& body) {
  hwy::SetSupportedTargetsForTest(0);
  const int64_t all = hwy::SupportedTargets() & HWY_TARGETS;
  for (int64_t rest = all; rest != 0; rest &= rest - 1) {
    const int64_t target = rest & -rest;
    hwy::SetSupportedTargetsForTest(target);
    // Kernels without a version for AVX3_DL run that for AVX3, as they do in real life.
    hwy::GetChosenTarget().Update(target == HWY_AVX3_DL ? target | HWY_AVX3 : target);
    body(hwy::TargetName(target));
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(all);
}

}  // namespace backboard::test
