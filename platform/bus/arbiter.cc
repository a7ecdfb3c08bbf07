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

/// Each master has a pass, which grows with every byte served by one stride; the least pass goes first. The global pass
/// grows by what each contender would get if bytes could be divided. A master that pauses keeps by how far it is ahead
/// of the global pass or behind it, and comes back with that (the paper's dynamic client participation): requests are
/// indivisible, and what a master that often pauses got too much or too little would add up otherwise.
class Weighted final : public Arbiter {
 public:
  explicit Weighted(const std::vector<MasterShare>& masters)
      : pass_(masters.size()), ahead_(masters.size()), waited_(masters.size()), turns_(masters.size()) {
    for (const MasterShare& m : masters) weight_.push_back(m.weight);
  }
  size_t pick(std::span<const Contender> contenders) override {
    int64_t weights = 0;
    for (const Contender& c : contenders) {
      if (!waited_[c.master]) pass_[c.master] = global_pass_ + ahead_[c.master];
      weights += weight_[c.master];
    }
    const size_t best = least(contenders, turns_, [&](const Contender& c) { return pass_[c.master]; });
    const Contender& served = contenders[best];
    pass_[served.master] += kOne * served.size_bytes / weight_[served.master];
    global_pass_ += kOne * served.size_bytes / weights;
    std::fill(waited_.begin(), waited_.end(), uint8_t{0});
    for (const Contender& c : contenders) {
      waited_[c.master] = 1;
      ahead_[c.master] = pass_[c.master] - global_pass_;
    }
    turns_.served(served.master);
    return best;
  }
  void state(StateArchive& archive) override {
    archive.range("pass", std::span(pass_));
    archive.range("ahead", std::span(ahead_));
    archive.range("waited", std::span(waited_));
    archive.value("global_pass", global_pass_);
    turns_.state(archive);
  }

 private:
  static constexpr int64_t kOne = 1 << 20;  ///< stride of weight 1; passes overflow after 8 TB

  std::vector<int64_t> weight_, pass_;
  std::vector<int64_t> ahead_;   ///< of the global pass, after the last choice in which it contended
  std::vector<uint8_t> waited_;  ///< contended at the last choice
  int64_t global_pass_ = 0;
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
