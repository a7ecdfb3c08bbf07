// Saving and restoring the sequencer. Structs are listed field by field, so that no padding reaches a file.
#include "npu/sequencer/sequencer.h"

namespace backboard::npu {
namespace {

void save_tensor(StateArchive& archive, Tensor& tensor) {
  archive.value("present", tensor.present);
  if (!tensor.present) return;
  archive.value("descriptor_address", tensor.descriptor_address);
  archive.value("address", tensor.address);
  archive.value("size_bytes", tensor.size_bytes);
  archive.value("shape", tensor.shape);
  archive.value("stride", tensor.stride);
  archive.value("format", tensor.format);
  archive.value("tensor_class", tensor.tensor_class);
  archive.value("rule", tensor.rule);
  archive.value("threshold", tensor.threshold);
  archive.value("scale", tensor.scale);
  archive.value("metadata", tensor.metadata);
  archive.value("statistics", tensor.statistics);
  archive.value("block_channels", tensor.block_channels);
  archive.value("block_rows", tensor.block_rows);
  archive.value("extent_bytes", tensor.extent_bytes);
  archive.value("directory_bytes", tensor.directory_bytes);
}

}  // namespace

void save_job(StateArchive& archive, Job& job) {
#define COMMAND_FIELD(name, type, offset, description) archive.value(#name, job.command.name);
#include "drivers/npu/npu_command.def"
  archive.value("index", job.index);
  archive.value("ring", job.ring);
  archive.value("command_address", job.command_address);
  archive.value("groups", job.groups);
  archive.value("hyper", job.hyper);
  archive.value("adam", job.adam);
  archive.value("valid_images", job.valid_images);
  archive.vector("gather", job.gather);
  for (Tensor& tensor : job.tensors) {
    if (archive.reading()) tensor = {};
    save_tensor(archive, tensor);
  }
}

void Sequencer::state(StateArchive& archive) {
  archive.section("npu sequencer");
  await_host();
  archive.value("facts", totals_.facts);
  archive.value("cycles", totals_.cycles);
  archive.value("energy", totals_.energy);
  archive.value("by_phase", totals_.by_phase);
  energy_bins_.state(archive);
  archive.value("compute_ps", totals_.compute_ps);
  archive.value("buffer_peak_bytes", totals_.buffer_peak_bytes);
  archive.value("map_peak_bytes", totals_.map_peak_bytes);
  archive.value("load_stall_ps", totals_.load_stall_ps);
  archive.value("saturated", totals_.saturated);
  archive.value("nonfinite", totals_.nonfinite);
  archive.value("produced", totals_.produced);
  archive.value("running", running_);
  if (!running_) return;
  auto jobs = static_cast<uint32_t>(jobs_.size());
  archive.value("jobs", jobs);
  if (jobs == 0 || jobs > kLargestGroup) archive.fail("jobs", "a number of commands that no group has");
  jobs_.resize(jobs);
  for (Job& job : jobs_) save_job(archive, job);
  if (archive.reading()) {
    if (jobs > 1 && engine_.offer().group_commands == 0)
      archive.fail("jobs", "a group, which this engine does not run");
    Planned planned = plan_jobs(engine_, jobs_, buffer_bytes_);
    if (planned.error != ErrorCode::kNONE) archive.fail("job", "the saved command has no schedule on this board");
    schedule_ = std::move(planned.schedule);
    index_steps();
    buffer_.prepare(schedule_);
  }
  buffer_.state(archive);
  for (Stage& s : stages_) {
    // A beat computes a row of each command of a group and takes one in.
    const uint32_t most = &s == &stage(StepKind::compute) ? kLargestGroup + 1 : Dma::kTransfers;
    archive.value("issued", s.issued);
    archive.value("done", s.done);
    archive.value("finished", s.finished);
    const bool good = s.done <= s.issued && s.issued <= s.steps.size() && s.issued - s.done <= most;
    if (!good) archive.fail("issued", "progress that the schedule does not have");
  }
  archive.value("computing", computing_);
  archive.value("compute_end_ps", compute_end_ps_);
  archive.value("late_saturated", late_saturated_);
  archive.value("late_nonfinite", late_nonfinite_);
  archive.value("stalled", stalled_);
  archive.value("stalled_since_ps", stalled_since_ps_);
  for (std::vector<uint8_t>& directory : directories_) archive.vector("directory", directory);
  archive.vector("blocks_due", blocks_due_);
}

}  // namespace backboard::npu
