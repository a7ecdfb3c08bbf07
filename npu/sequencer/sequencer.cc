#include "npu/sequencer/sequencer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "npu/command/operands.h"
#include "npu/engine/layer_shape.h"
#include "platform/check/check.h"
#include "platform/host_time/host_time.h"

namespace backboard::npu {
namespace {

// A transfer's tag: kTransferTag, what arrives, and the number of the step among those of its kind.
enum class Arrival : uint64_t { directory = 0, load = 1, store = 2 };
constexpr unsigned kArrivalShift = 32;
constexpr uint64_t kNumberMask = 0xffff'ffff;

uint64_t tag_of(Arrival arrival, uint32_t number) {
  return Sequencer::kTransferTag | static_cast<uint64_t>(arrival) << kArrivalShift | number;
}

/// Bytes charged for a value that the engine reads from the local buffer: it holds binary32 or 16 bits; charged as 16.
constexpr uint64_t kHostValue_bytes = 2;

/// Transfers that loads leave to stores.
constexpr unsigned kReservedForStores = 2;

}  // namespace

Sequencer::Sequencer(const Engine& engine, uint32_t buffer_bytes, uint64_t clock_hz, EventQueue& queue, Dma& dma)
    : engine_(engine), buffer_bytes_(buffer_bytes), clock_{clock_hz}, queue_(queue), dma_(dma) {
  id_ = queue.add_client("npu.sequencer", EventRank::master, *this);
}

Sequencer::~Sequencer() {
  await_host();
}

/// Returns when no thread of the host works for this sequencer any more. What they made stays.
void Sequencer::await_host() {
  for (Decode& d : decodes_) {
    if (d.work.running()) engine_.host_pool()->finish(d.work);
  }
  Facts open;
  engine_.finish(buffer_, open);
  late_saturated_ += open.saturated;
  late_nonfinite_ += open.nonfinite;
}

Sequencer::Refusal Sequencer::start(std::span<const Job> jobs) {
  BB_CHECK(!running_);
  Planned planned = [&] {
    const HostSpan span(HostPart::plan);
    return plan_jobs(engine_, jobs, buffer_bytes_);
  }();
  if (planned.error != ErrorCode::kNONE) return {planned.error, planned.detail, planned.command};
  jobs_.assign(jobs.begin(), jobs.end());
  schedule_ = std::move(planned.schedule);
  index_steps();
  for (Stage& s : stages_) s.issued = s.done = 0, s.finished = 0;
  buffer_.prepare(schedule_);
  blocks_due_.clear();
  running_ = true;
  computing_ = false;
  stalled_ = false;
  totals_.buffer_peak_bytes = std::max<uint64_t>(totals_.buffer_peak_bytes, schedule_.buffer_bytes);
  totals_.map_peak_bytes = std::max<uint64_t>(totals_.map_peak_bytes, schedule_.map_bytes);
  advance();
  return {};
}

void Sequencer::index_steps() {
  for (Stage& s : stages_) s.steps.clear();
  for (size_t i = 0; i < schedule_.steps.size(); ++i) {
    stage(schedule_.steps[i].kind).steps.push_back(static_cast<uint32_t>(i));
  }
}

void Sequencer::abort() {
  if (computing_) {
    queue_.cancel(id_);
    finish_compute();
  }
  await_host();
  for (Decode& d : decodes_) d.begun = false;
  running_ = false;
  computing_ = false;
  stalled_ = false;
  blocks_due_.clear();
}

bool Sequencer::ready(const Step& step) const {
  for (unsigned kind = 0; kind < kStepKinds; ++kind) {
    if (stages_[kind].done < step.needs[kind]) return false;
  }
  return true;
}

void Sequencer::advance() {
  bool moved = true;
  while (moved && running_) {
    moved = false;
    while (running_ && !blocks_due_.empty() && dma_.free_transfers() > 0) {
      const uint32_t number = blocks_due_.front();
      blocks_due_.erase(blocks_due_.begin());
      start_blocks(number);
    }
    while (running_ && issue_load()) moved = true;
    while (running_ && issue_store()) moved = true;
    while (running_ && issue_compute()) moved = true;
  }
  if (!running_) return;
  watch_stall();
  for (const Stage& s : stages_) {
    if (s.done != s.steps.size()) {
      const bool in_flight = computing_ || stages_[0].issued > stages_[0].done || stages_[2].issued > stages_[2].done;
      BB_CHECK(in_flight, "schedule of {} can not go on", name_of(jobs_.front().opcode()));
      return;
    }
  }
  end();
}

Attribution Sequencer::attribution(const Job& job) const {
  Attribution who;
  who.initiator = Initiator::npu;
  who.phase = static_cast<Phase>(job.command.phase);
  who.layer = job.command.layer;
  who.command = job.index;
  who.ring = job.ring;
  return who;
}

Decoding Sequencer::decoding_of(const Step& step) const {
  const Opcode opcode = job_of(step).opcode();
  const unsigned operand = step.operand;
  Decoding decoding;
  decoding.classes = is_layer(opcode) && operand <= 1 && engine_.wants_classes();
  decoding.bytes =
      opcode == Opcode::kCOPY || (opcode == Opcode::kMAXPOOL_BP && operand == 1) || (is_loss(opcode) && operand == 1);
  return decoding;
}

bool Sequencer::issue_load() {
  Stage& loads = stage(StepKind::load);
  if (loads.issued == loads.steps.size() || loads.issued - loads.done >= Dma::kTransfers) return false;
  const Step& step = step_of(StepKind::load, loads.issued);
  if (!ready(step) || dma_.free_transfers() <= kReservedForStores) return false;
  const uint32_t number = loads.issued++;
  DmaTransfer& transfer = *dma_.claim();
  transfer.who = attribution(job_of(step));
  const Tensor& tensor = job_of(step)[step.operand];
  if (tensor.coded()) {
    blocks_of_box(tensor, step.box, blocks_);
    add_directory_runs(tensor, blocks_, transfer);
    dma_.start(transfer, tag_of(Arrival::directory, number));
    return true;
  }
  const Job& job = job_of(step);
  const bool gathers = job.opcode() == Opcode::kENCODE && step.operand == 0;
  add_dense_runs(tensor, step.box, gathers ? std::span<const uint32_t>(job.gather) : std::span<const uint32_t>(),
                 transfer);
  dma_.start(transfer, tag_of(Arrival::load, number));
  begin_decode(number, transfer);
  return true;
}

/// The second half of a coded load: the blocks, whose lengths the directory said.
void Sequencer::start_blocks(uint32_t number) {
  const Step& step = step_of(StepKind::load, number);
  const Tensor& tensor = job_of(step)[step.operand];
  DmaTransfer& transfer = *dma_.claim();
  transfer.who = attribution(job_of(step));
  blocks_of_box(tensor, step.box, blocks_);
  const uint32_t bad = add_block_runs(tensor, blocks_, directories_[number % Dma::kTransfers], transfer);
  if (bad != 0) return fail(ErrorCode::kCODEC, bad, step);
  dma_.start(transfer, tag_of(Arrival::load, number));
  begin_decode(number, transfer);
}

/// Fills the slot of a load from its bytes.
void Sequencer::decode(uint32_t number, const DmaTransfer& transfer) {
  const HostSpan span(HostPart::codec);
  const Step& step = step_of(StepKind::load, number);
  const Tensor& tensor = job_of(step)[step.operand];
  SlotContents& slot = buffer_[step.slot];
  Decode& d = decodes_[number % Dma::kTransfers];
  d.bad = 0;
  if (tensor.coded()) {
    blocks_of_box(tensor, step.box, d.blocks);
    d.bad = decode_blocks(tensor, step.box, d.blocks, directories_[number % Dma::kTransfers], transfer.bytes,
                          decoding_of(step), slot);
  } else {
    decode_dense(tensor, step.box, transfer.bytes, decoding_of(step), slot);
  }
}

/// Decodes a load that was just started, where the DMA moves bytes at once and lets only time pass then: the slot is
/// free, and nobody looks at it before the transfer is complete.
void Sequencer::begin_decode(uint32_t number, const DmaTransfer& transfer) {
  if (!dma_.moves_at_start() || transfer.error != ErrorCode::kNONE) return;
  constexpr size_t kLeastShared_bytes = 2048;
  Decode& d = decodes_[number % Dma::kTransfers];
  d.begun = true;
  HostPool* const pool = engine_.host_pool();
  if (pool == nullptr || pool->threads() == 1 || transfer.bytes.size() < kLeastShared_bytes) {
    return decode(number, transfer);
  }
  pool->begin(d.work, 1, [this, number, &transfer](uint32_t, uint32_t) { decode(number, transfer); });
}

void Sequencer::finish_load(uint32_t number, DmaTransfer& transfer) {
  Decode& d = decodes_[number % Dma::kTransfers];
  if (!d.begun) decode(number, transfer);
  if (d.work.running()) engine_.host_pool()->finish(d.work);
  d.begun = false;
  if (d.bad != 0) return fail(ErrorCode::kCODEC, d.bad, step_of(StepKind::load, number));
  totals_.facts.buffer_write_bytes += transfer.bytes.size();
  finish_step(StepKind::load, number);
}

/// Whether the compute steps from number `first` on that run side by side may start; `last`: the last of them.
bool Sequencer::beat_ready(uint32_t first, uint32_t& last) const {
  for (last = first;; ++last) {
    const Step& step = step_of(StepKind::compute, last);
    if (!ready(step)) return false;
    if (!step.joined) return true;
  }
}

bool Sequencer::issue_compute() {
  Stage& computes = stage(StepKind::compute);
  if (computing_ || computes.issued == computes.steps.size()) return false;
  uint32_t last = 0;
  if (!beat_ready(computes.issued, last)) return false;
  if (stalled_) {
    totals_.load_stall_ps += queue_.now_ps() - stalled_since_ps_;
    stalled_ = false;
  }
  Facts facts;
  const Job& job = job_of(step_of(StepKind::compute, last));
  const bool alone = computes.issued == last;
  while (computes.issued <= last) {
    const Step& step = step_of(StepKind::compute, computes.issued++);
    // Steps that run together need what the one before made.
    const ErrorCode error =
        alone ? engine_.begin(job_of(step), step, buffer_, facts) : engine_.compute(job_of(step), step, buffer_, facts);
    if (error != ErrorCode::kNONE) {
      // The only operands whose values can be wrong are labels and pooling indices: tensor 1.
      fail(error, job_of(step)[1].address, step);
      return false;
    }
    if (step.row) continue;  // charged by the engine, in words of its row buffers
    for (const uint16_t slot : step.slots) {
      if (slot != kNoSlot) facts.buffer_read_bytes += buffer_[slot].values.size() * kHostValue_bytes;
    }
  }
  late_saturated_ = std::exchange(facts.saturated, 0);
  late_nonfinite_ = std::exchange(facts.nonfinite, 0);
  const Price cost = engine_.price(facts);
  totals_.facts.add(facts);
  totals_.cycles += cost.cycles;
  totals_.energy += cost.energy;
  Price& phase = totals_.by_phase[job.command.phase % kPhases];
  phase.cycles += cost.cycles;
  phase.energy += cost.energy;
  const uint64_t cycles = std::max<uint64_t>(cost.cycles.step(), 1);
  const uint64_t duration_ps = clock_.to_ps(cycles);
  totals_.compute_ps += duration_ps;
  computing_ = true;
  compute_end_ps_ = queue_.now_ps() + duration_ps;
  energy_bins_.spread(0, cost.energy.total_pj(), queue_.now_ps(), compute_end_ps_);
  queue_.schedule(compute_end_ps_, id_);
  return true;
}

bool Sequencer::issue_store() {
  Stage& stores = stage(StepKind::store);
  if (stores.issued == stores.steps.size() || stores.issued - stores.done >= Dma::kTransfers) return false;
  const Step& step = step_of(StepKind::store, stores.issued);
  if (!ready(step) || dma_.free_transfers() == 0) return false;
  const uint32_t number = stores.issued++;
  DmaTransfer& transfer = *dma_.claim();
  transfer.write = true;
  transfer.who = attribution(job_of(step));
  if (step.payload != Payload::tensor) {
    fill_record(step, transfer);
  } else {
    const Job& job = job_of(step);
    const Opcode opcode = job.opcode();
    const bool raw = opcode == Opcode::kCOPY || (opcode == Opcode::kMAXPOOL_FF && step.operand == 3);
    ClassCounts counts;
    const HostSpan span(HostPart::codec);
    encode_box(job[step.operand], step.box, buffer_[step.slot], raw, transfer, counts, engine_.host_pool());
    buffer_.produced_by(step.command)[step.operand].add(counts);
    ElementTally& tally = totals_.produced[static_cast<unsigned>(job[step.operand].tensor_class)];
    tally.zeros += counts.zeros;
    tally.low += counts.low;
    tally.high += counts.high;
    totals_.saturated += counts.saturated;
    totals_.nonfinite += counts.nonfinite;
    totals_.facts.buffer_read_bytes += transfer.bytes.size();
  }
  dma_.start(transfer, tag_of(Arrival::store, number));
  return true;
}

void Sequencer::fill_record(const Step& step, DmaTransfer& transfer) {
  const Job& job = job_of(step);
  transfer.bytes.resize(32);
  if (step.payload == Payload::loss) {
    npu_loss_record record{};
    record.valid = job.valid_images;
    record.loss_sum = buffer_.loss.loss_sum;
    record.correct = buffer_.loss.correct;
    static_assert(sizeof record == 32);
    std::memcpy(transfer.bytes.data(), &record, sizeof record);
    transfer.add(job.command.auxiliary, sizeof record, TensorClass::kLABEL);
    return;
  }
  const ClassCounts& counts = buffer_.produced_by(step.command)[step.operand];
  npu_tensor_statistics record{};
  static_assert(sizeof record == 32);
  record.elements = static_cast<uint32_t>(counts.elements);
  record.zeros = static_cast<uint32_t>(counts.zeros);
  record.low = static_cast<uint32_t>(counts.low);
  record.high = static_cast<uint32_t>(counts.high);
  record.saturated = static_cast<uint32_t>(counts.saturated);
  record.nonfinite = static_cast<uint32_t>(counts.nonfinite);
  record.largest = counts.largest;
  std::memcpy(transfer.bytes.data(), &record, sizeof record);
  transfer.add(job[step.operand].statistics, sizeof record, TensorClass::kMETADATA);
}

void Sequencer::finish_step(StepKind kind, uint32_t number) {
  Stage& s = stage(kind);
  s.finished |= uint64_t{1} << (number - s.done);
  while (s.finished & 1) {
    s.finished >>= 1;
    ++s.done;
  }
}

void Sequencer::on_transfer(uint64_t tag, DmaTransfer& transfer) {
  if (!running_) return;
  const auto arrival = static_cast<Arrival>((tag & ~kTransferTag) >> kArrivalShift);
  const auto number = static_cast<uint32_t>(tag & kNumberMask);
  if (transfer.error != ErrorCode::kNONE) {
    const StepKind kind = arrival == Arrival::store ? StepKind::store : StepKind::load;
    return fail(transfer.error, transfer.error_address, step_of(kind, number));
  }
  switch (arrival) {
    case Arrival::directory:
      directories_[number % Dma::kTransfers] = transfer.bytes;
      blocks_due_.push_back(number);
      break;
    case Arrival::load:
      finish_load(number, transfer);
      break;
    case Arrival::store:
      finish_step(StepKind::store, number);
      break;
  }
  if (running_) advance();
}

/// The end of the compute step: its values are there.
void Sequencer::finish_compute() {
  Facts open;
  engine_.finish(buffer_, open);
  open.saturated += std::exchange(late_saturated_, 0);
  open.nonfinite += std::exchange(late_nonfinite_, 0);
  totals_.facts.add(open);
  totals_.saturated += open.saturated;
  totals_.nonfinite += open.nonfinite;
  computing_ = false;
}

void Sequencer::on_event(uint64_t, uint64_t) {
  BB_CHECK(running_ && computing_);
  finish_compute();
  Stage& computes = stage(StepKind::compute);
  while (computes.done < computes.issued) finish_step(StepKind::compute, computes.done);
  advance();
}

/// Notes when the engine is free and its next step lacks nothing but loads.
void Sequencer::watch_stall() {
  const Stage& computes = stage(StepKind::compute);
  if (computing_ || computes.issued == computes.steps.size()) return;
  bool waits = false, blocked = false;
  for (uint32_t number = computes.issued;; ++number) {
    const Step& step = step_of(StepKind::compute, number);
    blocked |= stages_[2].done < step.needs[2];
    waits |= stages_[0].done < step.needs[0];
    if (!step.joined) break;
  }
  waits &= !blocked;
  if (waits && !stalled_) stalled_since_ps_ = queue_.now_ps();
  stalled_ = waits;
}

void Sequencer::fail(ErrorCode code, uint32_t address, const Step& step) {
  const uint8_t command = step.command;
  abort();
  client_->on_job_done(code, address, 0, command);
}

void Sequencer::end() {
  running_ = false;
  client_->on_job_done(ErrorCode::kNONE, 0, 0, 0);
}

}  // namespace backboard::npu
