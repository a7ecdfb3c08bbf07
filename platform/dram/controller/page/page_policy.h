// When a row that no queued request needs is closed.
#pragma once

#include <memory>

#include "platform/dram/standard/memory_config.h"
#include "platform/state/archive.h"

namespace backboard::dram {

/// Asked only about open rows of banks without queued requests; a row in another's way is closed anyhow.
class PagePolicy {
 public:
  virtual ~PagePolicy() = default;
  virtual bool closes(unsigned bank) const = 0;
  /// A request opened `row` in `bank`; `previous` was open there before, or kNoRow.
  virtual void opened(unsigned /*bank*/, uint32_t /*row*/, uint32_t /*previous*/) {}
  /// What it has learnt.
  virtual void state(StateArchive& /*archive*/) {}
};

std::unique_ptr<PagePolicy> make_page_policy(PageKind kind, unsigned banks);

}  // namespace backboard::dram
