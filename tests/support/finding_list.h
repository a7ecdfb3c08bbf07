// Findings, kept for a test to look at.
#pragma once

#include <vector>

#include "platform/findings/finding.h"

namespace backboard::test {

class FindingList final : public FindingSink {
 public:
  void report(Finding finding) override { list.push_back(std::move(finding)); }
  std::vector<Finding> list;
};

}  // namespace backboard::test
