#include "platform/dram/controller/page/page_policy.h"

#include <vector>

#include "platform/check/check.h"

namespace backboard::dram {
namespace {

/// Keeps rows open until another of the bank is needed or a refresh comes.
class OpenPage final : public PagePolicy {
 public:
  bool closes(unsigned) const override { return false; }
};

/// Closes a row as soon as no queued request needs it.
class ClosedPage final : public PagePolicy {
 public:
  bool closes(unsigned) const override { return true; }
};

/// Learns for each bank with a two-bit counter, as branch predictors do: opening the row that was open last says that
/// closing was wrong, opening another that it was right.
class AdaptivePage final : public PagePolicy {
 public:
  explicit AdaptivePage(unsigned banks) : keep_(banks, 2) {}
  bool closes(unsigned bank) const override { return keep_[bank] < 2; }
  void opened(unsigned bank, uint32_t row, uint32_t previous) override {
    uint8_t& keep = keep_[bank];
    if (row == previous && keep < 3) ++keep;
    if (row != previous && keep > 0) --keep;
  }
  void state(StateArchive& archive) override { archive.range("keep", std::span(keep_)); }

 private:
  std::vector<uint8_t> keep_;
};

}  // namespace

std::unique_ptr<PagePolicy> make_page_policy(PageKind kind, unsigned banks) {
  switch (kind) {
    case PageKind::open:
      return std::make_unique<OpenPage>();
    case PageKind::closed:
      return std::make_unique<ClosedPage>();
    case PageKind::adaptive:
      return std::make_unique<AdaptivePage>(banks);
  }
  BB_CHECK(false, "page policy {}", static_cast<int>(kind));
}

}  // namespace backboard::dram
