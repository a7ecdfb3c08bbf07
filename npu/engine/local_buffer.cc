#include "npu/engine/local_buffer.h"

#include <algorithm>

namespace backboard::npu {
namespace {

/// As the archive has vectors: where they lie plays no part.
template <class T>
void save_vector(StateArchive& archive, std::string_view name, AlignedVector<T>& values) {
  std::vector<T> plain(values.begin(), values.end());
  archive.vector(name, plain);
  values.assign(plain.begin(), plain.end());
}

}  // namespace

void SlotContents::clear_to(const Box& new_box) {
  box = new_box;
  values.assign(box.elements(), 0.0f);
  classes.clear();
  bytes.clear();
}

void SlotContents::resize_to(const Box& new_box) {
  box = new_box;
  values.resize(box.elements());
  classes.clear();
  bytes.clear();
}

void SlotContents::state(StateArchive& archive) {
  archive.value("box", box);
  save_vector(archive, "values", values);
  save_vector(archive, "classes", classes);
  archive.vector("bytes", bytes);
}

void LocalBuffer::prepare(const Schedule& schedule) {
  used_ = schedule.slots.size();
  if (slots_.size() < used_) slots_.resize(used_);
  for (size_t i = 0; i < used_; ++i) slots_[i].resize_to({});
  loss = {};
  produced = {};
  uint8_t last = 0;
  for (const Step& step : schedule.steps) last = std::max(last, step.command);
  produced_behind.assign(last, {});
}

void LocalBuffer::state(StateArchive& archive) {
  archive.section("local buffer");
  for (size_t i = 0; i < used_; ++i) slots_[i].state(archive);
  archive.value("loss_sum", loss.loss_sum);
  archive.value("correct", loss.correct);
  const auto save = [&](ClassCounts& counts) {
    archive.value("elements", counts.elements);
    archive.value("zeros", counts.zeros);
    archive.value("low", counts.low);
    archive.value("high", counts.high);
    archive.value("saturated", counts.saturated);
    archive.value("nonfinite", counts.nonfinite);
    archive.value("largest", counts.largest);
  };
  for (ClassCounts& counts : produced) save(counts);
  for (auto& operands : produced_behind) {
    for (ClassCounts& counts : operands) save(counts);
  }
}

}  // namespace backboard::npu
