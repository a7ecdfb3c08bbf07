#include "tests/sw/plan/plan_player.h"

#include <algorithm>
#include <cstring>

#include "drivers/plan/data_format.h"
#include "platform/check/check.h"

namespace backboard::sw_test {

npu_hyper sgd(float learning_rate, float loss_scale, float momentum) {
  return {learning_rate, momentum, 0.0f, 1.0f / loss_scale, loss_scale, 0, 0, 0};
}

/// Room behind the arena, for the ring.
constexpr size_t kRingBytes = 1u << 20;

PlanPlayer::PlanPlayer(const npu::NpuConfig& config, Plan plan, std::vector<uint8_t> data)
    : plan_(std::move(plan)),
      data_bytes_(std::move(data)),
      data_(parse_data(data_bytes_, "data")),
      rig_(config, std::max<size_t>(kRigBytes, plan_.header.arena_base - test::FlatMemory::kBase +
                                                   size_t{plan_.header.arena_bytes} + kRingBytes)) {
  BB_CHECK(data_bytes_.size() <= kArenaAddress - kDataAddress, "{}", data_bytes_.size());
  const plan_header& h = plan_.header;
  BB_CHECK(h.arena_base - kDataAddress + h.arena_bytes <= rig_.memory().size(), "{}", h.arena_bytes);
  // What no one wrote is not zero on a board.
  std::memset(at(h.arena_base), 0xa5, h.arena_bytes);
  std::memcpy(at(kDataAddress), data_bytes_.data(), data_bytes_.size());
  for (const plan_segment& segment : plan_.segments) {
    if (segment.fill)
      std::memset(at(segment.address), 0, segment.size_bytes);
    else
      std::memcpy(at(segment.address), plan_.bytes.data() + segment.offset, segment.size_bytes);
  }
  for (size_t i = 0; i < plan_.descriptors.size(); ++i) {
    npu::Descriptor d = plan_.descriptors[i];
    if (i == h.data_descriptor) {
      data_header header;
      std::memcpy(&header, data_bytes_.data(), sizeof header);
      d.address = kDataAddress + header.images_offset;
      d.shape_n = data_.count;
      d.size_bytes = static_cast<uint32_t>(data_.images.size());
    }
    npu::write_descriptor(d, at(h.descriptors_address) + i * npu::kDescriptorBytes);
  }
  rig_.run(plan_.program(PLAN_PREPARE));
}

npu_loss_record PlanPlayer::play(plan_program_kind kind, std::span<const uint32_t> images, const npu_hyper& hyper) {
  const plan_header& h = plan_.header;
  BB_CHECK(!images.empty() && images.size() <= h.batch, "{}", images.size());
  // A batch that is not full repeats its first image; `valid` keeps it out of loss and gradients.
  for (uint32_t i = 0; i < h.batch; ++i) {
    const uint32_t image = images[i < images.size() ? i : 0];
    std::memcpy(at(h.gather_address) + 4 * i, &image, 4);
    const uint32_t label = data_.label(image), label_bytes = h.classes > PLAN_BYTE_CLASSES ? 2 : 1;
    std::memcpy(at(h.labels_address) + i * label_bytes, &label, label_bytes);
  }
  npu_loss_record loss{};
  loss.valid = static_cast<uint32_t>(images.size());
  std::memcpy(at(h.loss_address), &loss, sizeof loss);
  std::memcpy(at(h.hyper_address), &hyper, sizeof hyper);
  rig_.run(plan_.program(kind));
  std::memcpy(&loss, at(h.loss_address), sizeof loss);
  return loss;
}

npu_loss_record PlanPlayer::train(std::span<const uint32_t> images, const npu_hyper& hyper) {
  const npu_loss_record loss = play(PLAN_TRAIN_STEP, images, hyper);
  rig_.run(plan_.program(PLAN_UPDATE));
  return loss;
}

npu_loss_record PlanPlayer::evaluate(std::span<const uint32_t> images, const npu_hyper& hyper) {
  return play(PLAN_EVAL_STEP, images, hyper);
}

double PlanPlayer::train_epoch(const npu_hyper& hyper) {
  double sum = 0;
  for (uint32_t first = 0; first < data_.count; first += plan_.header.batch) {
    std::vector<uint32_t> images;
    for (uint32_t i = first; i < std::min(data_.count, first + plan_.header.batch); ++i) images.push_back(i);
    sum += train(images, hyper).loss_sum;
  }
  return sum / data_.count;
}

double PlanPlayer::accuracy() {
  uint32_t correct = 0;
  for (uint32_t first = 0; first < data_.count; first += plan_.header.batch) {
    std::vector<uint32_t> images;
    for (uint32_t i = first; i < std::min(data_.count, first + plan_.header.batch); ++i) images.push_back(i);
    correct += evaluate(images, sgd(0.0f)).correct;
  }
  return static_cast<double>(correct) / data_.count;
}

Arrays PlanPlayer::weights() {
  return extract_weights(
      plan_, [this](uint32_t address, void* to, size_t size_bytes) { std::memcpy(to, at(address), size_bytes); });
}

size_t PlanPlayer::number_of(const std::string& tensor) const {
  for (size_t i = 0; i < plan_.tensors.size(); ++i)
    if (tensor == plan_.tensors[i].name) return i;
  BB_CHECK(false, "no tensor {}", tensor);
}

std::vector<float> PlanPlayer::values(const std::string& tensor) {
  const npu::Descriptor& d = plan_.descriptors[number_of(tensor)];
  BB_CHECK(d.format == static_cast<uint8_t>(npu::TensorFormat::kFP32), "{} has format {}", tensor, d.format);
  const uint32_t stride_h = d.stride_h ? d.stride_h : d.shape_w,
                 stride_c = d.stride_c ? d.stride_c : stride_h * d.shape_h;
  const uint32_t stride_n = d.stride_n ? d.stride_n : stride_c * d.shape_c;
  std::vector<float> values;
  for (uint32_t n = 0; n < d.shape_n; ++n)
    for (uint32_t c = 0; c < d.shape_c; ++c)
      for (uint32_t h = 0; h < d.shape_h; ++h)
        for (uint32_t w = 0; w < d.shape_w; ++w) {
          float value;
          std::memcpy(&value, at(d.address + 4 * (n * stride_n + c * stride_c + h * stride_h + w)), 4);
          values.push_back(value);
        }
  return values;
}

npu_tensor_statistics PlanPlayer::statistics(const std::string& tensor) {
  npu_tensor_statistics record;
  std::memcpy(&record, at(plan_.descriptors[number_of(tensor)].statistics), sizeof record);
  return record;
}

}  // namespace backboard::sw_test
