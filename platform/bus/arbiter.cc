#include "platform/bus/arbiter.h"

#include <algorithm>

#include "platform/check/check.h"

namespace backboard {
namespace {

/// Takes turns: of several masters the first after the one that was served last.
class Turns {
 public:
  explicit Turns(size_t masters) : masters_(masters) {}
  /// Steps from the last master to `master`, 0 for the next one.
  size_t distance(uint8_t master) const { return (master + 2 * masters_ - last_ - 1) % masters_; }
  void served(uint8_t master) { last_ = master; }
  void state(StateArchive& archive) { archive.value("last", last_); }

 private:
  size_t masters_;
  uint8_t last_ = 0;
};

/// The contender with the least `rank(contender)`, in turn among equals.
template <class Rank>
size_t least(std::span<const Contender> contenders, const Turns& turns, Rank rank) {
  size_t best = 0;
  for (size_t i = 1; i < contenders.size(); ++i) {
    const auto a = rank(contenders[i]), b = rank(contenders[best]);
    if (a < b || (a == b && turns.distance(contenders[i].master) < turns.distance(contenders[best].master))) best = i;
  }
  return best;
}

class RoundRobin final : public Arbiter {
 public:
  explicit RoundRobin(size_t masters) : turns_(masters) {}
  size_t pick(std::span<const Contender> contenders) override {
    const size_t best = least(contenders, turns_, [](const Contender&) { return 0; });
    turns_.served(contenders[best].master);
    return best;
  }
  void state(StateArchive& archive) override { turns_.state(archive); }

 private:
  Turns turns_;
};

class FixedPriority final : public Arbiter {
 public:
  explicit FixedPriority(std::vector<MasterShare> masters) : masters_(std::move(masters)), turns_(masters_.size()) {}
  size_t pick(std::span<const Contender> contenders) override {
    const size_t best = least(contenders, turns_,
                              [&](const Contender& c) { return -static_cast<int64_t>(masters_[c.master].priority); });
    turns_.served(contenders[best].master);
    return best;
  }
  void state(StateArchive& archive) override { turns_.state(archive); }

 private:
  std::vector<MasterShare> masters_;
  Turns turns_;
};

/// Each master has a pass, which grows with every byte served by one stride; the least pass goes first. A master that
/// comes back takes the pass of the others as it is.
class Weighted final : public Arbiter {
 public:
  explicit Weighted(const std::vector<MasterShare>& masters) : pass_(masters.size()), turns_(masters.size()) {
    for (const MasterShare& m : masters) stride_.push_back(kOne / m.weight);
  }
  size_t pick(std::span<const Contender> contenders) override {
    for (const Contender& c : contenders) pass_[c.master] = std::max(pass_[c.master], now_);
    const size_t best = least(contenders, turns_, [&](const Contender& c) { return pass_[c.master]; });
    const Contender& served = contenders[best];
    now_ = pass_[served.master];
    pass_[served.master] += stride_[served.master] * served.size_bytes;
    turns_.served(served.master);
    return best;
  }
  void state(StateArchive& archive) override {
    archive.range("pass", std::span(pass_));
    archive.value("now", now_);
    turns_.state(archive);
  }

 private:
  static constexpr uint64_t kOne = 1 << 20;  ///< stride of weight 1; passes overflow after 16 TB

  std::vector<uint64_t> stride_, pass_;
  uint64_t now_ = 0;  ///< pass of the request served last
  Turns turns_;
};

class EarliestDeadline final : public Arbiter {
 public:
  explicit EarliestDeadline(size_t masters) : turns_(masters) {}
  size_t pick(std::span<const Contender> contenders) override {
    const size_t best = least(contenders, turns_, [](const Contender& c) { return c.deadline_ps; });
    turns_.served(contenders[best].master);
    return best;
  }
  void state(StateArchive& archive) override { turns_.state(archive); }

 private:
  Turns turns_;
};

}  // namespace

std::unique_ptr<Arbiter> make_arbiter(Arbitration arbitration, std::vector<MasterShare> masters) {
  switch (arbitration) {
    case Arbitration::round_robin:
      return std::make_unique<RoundRobin>(masters.size());
    case Arbitration::fixed:
      return std::make_unique<FixedPriority>(std::move(masters));
    case Arbitration::weighted:
      return std::make_unique<Weighted>(masters);
    case Arbitration::deadline:
      return std::make_unique<EarliestDeadline>(masters.size());
  }
  BB_CHECK(false, "arbitration {}", static_cast<int>(arbitration));
}

}  // namespace backboard
