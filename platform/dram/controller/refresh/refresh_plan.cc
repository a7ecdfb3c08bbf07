#include "platform/dram/controller/refresh/refresh_plan.h"

#include "platform/check/check.h"

namespace backboard::dram {
namespace {

/// All banks at every multiple of REFI.
class AllBankRefresh final : public RefreshPlan {
 public:
  explicit AllBankRefresh(uint64_t interval) : interval_(interval), due_(interval) {}
  uint64_t due() const override { return due_; }
  bool all_banks() const override { return true; }
  unsigned bank() const override { return 0; }
  void issued() override { due_ += interval_; }
  void state(StateArchive& archive) override { archive.value("due", due_); }

 private:
  uint64_t interval_, due_;
};

/// One bank after the other, at every multiple of REFIpb.
class PerBankRefresh final : public RefreshPlan {
 public:
  PerBankRefresh(uint64_t interval, unsigned banks) : interval_(interval), due_(interval), banks_(banks) {}
  uint64_t due() const override { return due_; }
  bool all_banks() const override { return false; }
  unsigned bank() const override { return bank_; }
  void issued() override {
    due_ += interval_;
    bank_ = (bank_ + 1) % banks_;
  }
  void state(StateArchive& archive) override {
    archive.value("due", due_);
    archive.value("bank", bank_);
    if (bank_ >= banks_) archive.fail("bank", "a bank that does not exist");
  }

 private:
  uint64_t interval_, due_;
  unsigned banks_, bank_ = 0;
};

/// No refresh: for studies of what it costs. Real parts lose their data.
class NoRefresh final : public RefreshPlan {
 public:
  uint64_t due() const override { return UINT64_MAX; }
  bool all_banks() const override { return true; }
  unsigned bank() const override { return 0; }
  void issued() override { BB_CHECK(false, "a refresh without refreshes"); }
};

}  // namespace

std::unique_ptr<RefreshPlan> make_refresh_plan(const MemoryConfig& config) {
  switch (config.controller.refresh) {
    case RefreshKind::all_bank:
      return std::make_unique<AllBankRefresh>(config.timing.refi);
    case RefreshKind::per_bank:
      return std::make_unique<PerBankRefresh>(config.timing.refi_pb, config.all_banks());
    case RefreshKind::off:
      return std::make_unique<NoRefresh>();
  }
  BB_CHECK(false, "refresh {}", static_cast<int>(config.controller.refresh));
}

}  // namespace backboard::dram
