#include "sw/plan/memory_plan.h"

#include <algorithm>
#include <set>

#include "drivers/npu/npu_records.h"
#include "platform/check/input_error.h"
#include "sw/plan/recompute.h"

namespace backboard {

namespace {

uint64_t round_up(uint64_t value) {
  return (value + kRegionAlignment_bytes - 1) / kRegionAlignment_bytes * kRegionAlignment_bytes;
}

/// Commands, numbered along one line of time.
struct Span {
  size_t first = 0, last = 0;

  bool meets(const Span& other) const { return first <= other.last && other.first <= last; }
};

/// When the contents of a buffer count: several times when it is written anew after its last use.
struct Life {
  std::vector<Span> spans;  ///< in order

  void use(size_t time, bool renewed) {
    if (spans.empty() || renewed)
      spans.push_back({time, time});
    else
      spans.back().last = time;
  }
  bool meets(const Life& other) const {
    for (const Span& a : spans)
      for (const Span& b : other.spans)
        if (a.meets(b)) return true;
    return false;
  }
};
constexpr size_t kLines = 2;
using Lives = std::array<Life, kLines>;

std::vector<Lives> lives_of(const Draft& draft) {
  std::vector<Lives> lives(draft.buffers.size());
  const std::array<std::vector<unsigned>, kLines> lines{{{PLAN_TRAIN_STEP, PLAN_UPDATE}, {PLAN_EVAL_STEP}}};
  for (size_t line = 0; line < kLines; ++line) {
    size_t time = 0;
    for (const unsigned program : lines[line]) {
      bool group = false;  // what runs together is alive together
      for (const DraftCommand& command : draft.programs[program]) {
        const auto opcode = static_cast<npu::Opcode>(command.fields.opcode);
        if (opcode == npu::Opcode::kGROUP_BEGIN) group = true;
        if (opcode == npu::Opcode::kGROUP_END) group = false;
        std::set<int> used;
        for (const int tensor : command.tensors)
          if (tensor != kNoTensor && draft.tensors[tensor].buffer >= 0) used.insert(draft.tensors[tensor].buffer);
        for (const int buffer : used) lives[buffer][line].use(time, renews(draft, command, buffer));
        if (!group) ++time;
      }
    }
  }
  return lives;
}

uint64_t size_of(const DraftBuffer& buffer) {
  return round_up(buffer.data_bytes) + round_up(buffer.directory_bytes);
}

/// A piece of the arena that is taken.
struct Placed {
  uint64_t first, end;
  const Lives* lives;
};

/// The lowest place of `size` bytes that no buffer alive at the same time takes.
uint64_t lowest_place(const std::vector<Placed>& placed, const Lives& lives, uint64_t size) {
  uint64_t place = 0;
  for (const Placed& other : placed) {  // in the order of `first`
    bool meets = false;
    for (size_t line = 0; line < kLines; ++line) meets |= lives[line].meets((*other.lives)[line]);
    if (!meets) continue;
    if (other.first >= place + size) break;
    place = std::max(place, other.end);
  }
  return place;
}

class Layout {
 public:
  Layout(Draft& draft, uint64_t base, uint64_t limit_bytes)
      : draft_(draft), base_(base), next_(base), limit_bytes_(limit_bytes) {}

  void run() {
    control();
    for (DraftBuffer& buffer : draft_.buffers)
      if (buffer.persistent) place(buffer, take(size_of(buffer)));
    shared();
    draft_.control.labels = draft_.buffers[draft_.tensors[draft_.labels].buffer].address;
    draft_.arena_bytes = next_ - base_;
  }

 private:
  uint64_t take(uint64_t bytes) {
    const uint64_t first = next_;
    next_ += round_up(bytes);
    if (next_ - base_ > limit_bytes_)
      throw InputError(fmt::format("the plan needs more than the {} bytes of its arena", limit_bytes_));
    return first;
  }
  static void place(DraftBuffer& buffer, uint64_t first) {
    buffer.address = static_cast<uint32_t>(first);
    if (buffer.directory_bytes != 0)
      buffer.directory_address = static_cast<uint32_t>(first + round_up(buffer.data_bytes));
  }

  void control() {
    DraftControl& control = draft_.control;
    const auto region = [&](uint64_t bytes) { return static_cast<uint32_t>(take(bytes)); };
    control.descriptors = region(npu::kDescriptorBytes * draft_.tensors.size());
    control.hyper = region(sizeof(npu_hyper));
    control.loss = region(sizeof(npu_loss_record));
    control.gather = region(sizeof(uint32_t) * draft_.batch);
    if (draft_.adam) control.adam = region(sizeof(npu_adam));
    if (draft_.norms != 0) control.norms = region(sizeof(npu_norm_record) * draft_.norms);
    control.statistics = static_cast<uint32_t>(next_);
    uint32_t records = 0;
    for (DraftTensor& tensor : draft_.tensors)
      if (tensor.wants_statistics)
        tensor.statistics = control.statistics + static_cast<uint32_t>(sizeof(npu_tensor_statistics)) * records++;
    take(sizeof(npu_tensor_statistics) * records);
    control.end = static_cast<uint32_t>(next_);
  }

  void shared() {
    const std::vector<Lives> lives = lives_of(draft_);
    std::vector<size_t> order;
    for (size_t i = 0; i < draft_.buffers.size(); ++i)
      if (!draft_.buffers[i].persistent) order.push_back(i);
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return size_of(draft_.buffers[a]) > size_of(draft_.buffers[b]); });
    std::vector<Placed> placed;
    std::vector<uint64_t> place_of(draft_.buffers.size(), 0);
    uint64_t end = 0;
    for (const size_t i : order) {
      const uint64_t size = size_of(draft_.buffers[i]);
      place_of[i] = lowest_place(placed, lives[i], size);
      const Placed piece{place_of[i], place_of[i] + size, &lives[i]};
      placed.insert(std::upper_bound(placed.begin(), placed.end(), piece,
                                     [](const Placed& a, const Placed& b) { return a.first < b.first; }),
                    piece);
      end = std::max(end, piece.end);
    }
    const uint64_t base = take(end);
    for (const size_t i : order) place(draft_.buffers[i], base + place_of[i]);
  }

  Draft& draft_;
  uint64_t base_, next_, limit_bytes_;
};

}  // namespace

void lay_out_memory(Draft& draft, uint64_t base, uint64_t limit_bytes) {
  Layout(draft, base, limit_bytes).run();
}

}  // namespace backboard
