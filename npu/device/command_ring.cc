#include "npu/device/command_ring.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "npu/command/operands.h"
#include "platform/check/check.h"

namespace backboard::npu {
namespace {

constexpr uint32_t kSmallestRing = 2;
constexpr uint32_t kLargestRing = 65536;
constexpr uint64_t kWatchdogTag = 1;
constexpr uint64_t kStartTag = 2;

}  // namespace

CommandRing::CommandRing(unsigned number, const Engine& engine, uint64_t clock_hz, EventQueue& queue, Dma& dma,
                         Sequencer& sequencer, RingArbiter& arbiter)
    : number_(number),
      engine_(engine),
      clock_{clock_hz},
      queue_(queue),
      dma_(dma),
      sequencer_(sequencer),
      arbiter_(arbiter) {
  id_ = queue.add_client(fmt::format("npu.ring{}", number), EventRank::master, *this);
  arbiter.attach(number, *this);
}

uint64_t CommandRing::busy_ps() const {
  return busy_ps_ + (running() ? now_ps() - busy_since_ps_ : 0);
}

uint64_t CommandRing::wait_ps() const {
  return wait_ps_ + (waiting() ? now_ps() - busy_since_ps_ : 0);
}

void CommandRing::enable(uint32_t base, uint32_t size) {
  base_ = base;
  size_ = size;
  enabled_ = true;
  const bool good = size >= kSmallestRing && size <= kLargestRing && std::has_single_bit(size) &&
                    base % kCommandBytes == 0 && uint64_t{base} + uint64_t{size} * kCommandBytes <= uint64_t{1} << 32;
  if (stopped_) return;
  if (!good) return fail(ErrorCode::kRING, base, 0);
  if (tail_ - head_ > size_) return fail(ErrorCode::kRING, base, 0);
  start();
}

void CommandRing::doorbell(uint32_t tail) {
  tail_ = tail;
  if (!enabled_ || stopped_) return;
  if (tail_ - head_ > size_) return fail(ErrorCode::kRING, base_, 0);
  start();
}

void CommandRing::disable() {
  enabled_ = false;
  if (!waiting()) return;
  account();
  phase_ = Stage::idle;
}

/// Nothing is running or waiting any more; what had begun is lost. The engine goes to the other ring.
void CommandRing::give_up() {
  disarm_watchdog();
  account();
  queue_.cancel(id_, kStartTag);
  phase_ = Stage::idle;
  if (!arbiter_.has_engine(*this)) return;
  sequencer_.abort();
  dma_.abort();
  arbiter_.release_at(now_ps());
}

void CommandRing::reset() {
  give_up();
  enabled_ = stopped_ = group_open_ = false;
  head_ = tail_ = 0;
  group_commands_ = 0;
  group_.clear();
}

void CommandRing::account() {
  if (!busy()) return;
  (waiting() ? wait_ps_ : busy_ps_) += now_ps() - busy_since_ps_;
  busy_since_ps_ = now_ps();
}

Attribution CommandRing::attribution(Phase phase) const {
  Attribution who;
  who.initiator = Initiator::npu;
  who.phase = phase;
  who.command = head_;
  who.ring = static_cast<uint8_t>(number_);
  return who;
}

/// The ring has work and was idle: it asks for the engine as soon as simulated time is that of the access.
void CommandRing::start() {
  if (!may_fetch()) return;
  phase_ = Stage::starting;
  busy_since_ps_ = now_ps();
  queue_.schedule(now_ps(), id_, kStartTag);
}

void CommandRing::fetch_command() {
  busy_since_ps_ = queue_.now_ps();
  phase_ = Stage::command;
  if (!group_open_) arm_watchdog();
  DmaTransfer& transfer = *dma_.claim();
  transfer.who = attribution(Phase::kCONTROL);
  transfer.add(slot_address(head_), kCommandBytes, TensorClass::kNONE);
  dma_.start(transfer, static_cast<uint64_t>(Stage::command));
}

void CommandRing::take_command(const DmaTransfer& transfer) {
  job_.command = parse_command(transfer.bytes.data());
  job_.index = head_;
  job_.ring = static_cast<uint8_t>(number_);
  job_.command_address = slot_address(head_);
  job_.groups = std::max<uint32_t>(job_.command.groups, 1);
  job_.hyper = {};
  job_.valid_images = 0;
  job_.gather.clear();
  if (const Checked error = check_command(job_, engine_.offer(), windows_)) return fail(*error);
  if (!group_rule_holds()) return fail(ErrorCode::kGROUP, job_.command_address, command_field::opcode);
  if (kControlOpcodes & opcode_bit(job_.opcode())) return control();
  fetch_descriptors();
}

/// Groups open and close in turn, hold at most kLargestGroup commands (or what the engine runs together) and no fence.
bool CommandRing::group_rule_holds() {
  const Opcode opcode = job_.opcode();
  if (opcode == Opcode::kGROUP_BEGIN) return !group_open_;
  if (opcode == Opcode::kGROUP_END) return group_open_;
  if (!group_open_) return true;
  if (opcode == Opcode::kFENCE) return false;
  const uint32_t offered = engine_.offer().group_commands;
  return ++group_commands_ <= (offered != 0 ? offered : kLargestGroup);
}

void CommandRing::control() {
  switch (job_.opcode()) {
    case Opcode::kGROUP_BEGIN:
      group_open_ = true;
      group_commands_ = 0;
      group_.clear();
      break;
    case Opcode::kGROUP_END:
      group_open_ = false;
      if (!group_.empty()) return start(group_);
      break;
    case Opcode::kFENCE:
      if (fence_address_ == 0) break;
      phase_ = Stage::fence;
      {
        DmaTransfer& transfer = *dma_.claim();
        transfer.write = true;
        transfer.who = attribution(Phase::kCONTROL);
        transfer.bytes.resize(4);
        std::memcpy(transfer.bytes.data(), &job_.command.auxiliary, 4);
        transfer.add(fence_address_, 4, TensorClass::kNONE);
        dma_.start(transfer, static_cast<uint64_t>(Stage::fence));
      }
      return;
    default:
      break;
  }
  complete();
}

void CommandRing::fetch_descriptors() {
  phase_ = Stage::descriptors;
  const uint32_t addresses[kOperands] = {job_.command.tensor0, job_.command.tensor1, job_.command.tensor2,
                                         job_.command.tensor3, job_.command.tensor4, job_.command.tensor5};
  DmaTransfer& transfer = *dma_.claim();
  transfer.who = attribution(Phase::kCONTROL);
  transfer.who.layer = job_.command.layer;
  for (unsigned slot = 0; slot < kOperands; ++slot) {
    if (operand_of(job_.command, slot) == nullptr) continue;
    transfer.add(addresses[slot], kDescriptorBytes, TensorClass::kNONE);
  }
  dma_.start(transfer, static_cast<uint64_t>(Stage::descriptors));
}

void CommandRing::take_descriptors(const DmaTransfer& transfer) {
  std::array<Descriptor, kOperands> descriptors;
  const uint8_t* bytes = transfer.bytes.data();
  for (unsigned slot = 0; slot < kOperands; ++slot) {
    if (operand_of(job_.command, slot) == nullptr) continue;
    descriptors[slot] = parse_descriptor(bytes);
    bytes += kDescriptorBytes;
  }
  if (const Checked error = check_tensors(job_, descriptors, engine_.offer(), windows_)) return fail(*error);
  if (const Checked error = check_auxiliary_window(job_, windows_)) return fail(*error);
  if (hyper_range(job_).bytes == 0 && auxiliary_range(job_).bytes == 0) return run();
  fetch_records();
}

void CommandRing::fetch_records() {
  phase_ = Stage::records;
  DmaTransfer& transfer = *dma_.claim();
  transfer.who = attribution(Phase::kCONTROL);
  transfer.who.layer = job_.command.layer;
  const RecordRange hyper = hyper_range(job_);
  const RecordRange auxiliary = auxiliary_range(job_);
  transfer.add(hyper.address, hyper.bytes, TensorClass::kNONE);
  const bool loss = job_.opcode() != Opcode::kENCODE;
  transfer.add(auxiliary.address, auxiliary.bytes, loss ? TensorClass::kLABEL : TensorClass::kINDEX);
  dma_.start(transfer, static_cast<uint64_t>(Stage::records));
}

void CommandRing::take_records(const DmaTransfer& transfer) {
  const std::span<const uint8_t> bytes = transfer.bytes;
  const size_t split = hyper_range(job_).bytes;
  if (const Checked error = check_records(job_, bytes.first(split), bytes.subspan(split))) return fail(*error);
  run();
}

void CommandRing::run() {
  if (!group_open_ || engine_.offer().group_commands == 0) return start(std::span(&job_, 1));
  group_.push_back(job_);
  complete();
}

/// Starts a command, or a group whose commands have all been fetched.
void CommandRing::start(std::span<const Job> jobs) {
  phase_ = Stage::running;
  const Sequencer::Refusal refusal = sequencer_.start(jobs);
  if (refusal.error == ErrorCode::kNONE) return;
  const Job& job = jobs[refusal.command];
  fail_at(job.index, refusal.error, job.command_address, refusal.detail);
}

void CommandRing::on_job_done(ErrorCode error, uint32_t address, uint32_t detail, uint8_t command) {
  BB_CHECK(phase_ == Stage::running);
  if (error != ErrorCode::kNONE) return fail_at(group_.empty() ? head_ : group_[command].index, error, address, detail);
  complete();
}

/// Commands of a group that runs together are done when it is.
void CommandRing::report(uint64_t start_ps) {
  const bool closes = job_.opcode() == Opcode::kGROUP_END;
  if (observer_ != nullptr && closes) {
    for (const Job& job : group_) observer_->on_command(job, start_ps, now_ps());
  }
  if (closes) group_.clear();
  const bool waits = !group_.empty() && group_.back().index == job_.index;
  if (observer_ != nullptr && !waits) observer_->on_command(job_, start_ps, now_ps());
}

void CommandRing::complete() {
  const uint64_t start_ps = busy_since_ps_;
  account();
  report(start_ps);
  phase_ = Stage::idle;
  if (!group_open_) disarm_watchdog();
  ++head_;
  ++commands_;
  if (job_.opcode() == Opcode::kFENCE) client_->on_fence(number_, job_.command.auxiliary, job_.has(kFlagINTERRUPT));
  if (group_open_) {
    if (may_fetch()) fetch_command();
    return;
  }
  if (may_fetch()) phase_ = Stage::waiting;
  arbiter_.release();
}

void CommandRing::on_engine() {
  account();
  fetch_command();
}

void CommandRing::fail_at(uint32_t index, ErrorCode code, uint32_t address, uint32_t detail) {
  give_up();
  stopped_ = true;
  client_->on_error(number_, {code, index, address, detail});
}

void CommandRing::arm_watchdog() {
  if (watchdog_cycles_ == 0) return;
  queue_.schedule(queue_.now_ps() + clock_.to_ps(watchdog_cycles_), id_, kWatchdogTag);
  watchdog_armed_ = true;
}

void CommandRing::disarm_watchdog() {
  if (watchdog_armed_) queue_.cancel(id_, kWatchdogTag);
  watchdog_armed_ = false;
}

void CommandRing::on_event(uint64_t tag, uint64_t) {
  if (tag == kStartTag) {
    phase_ = Stage::idle;
    // Firmware may have disabled the ring meanwhile.
    if (!may_fetch()) return;
    if (arbiter_.has_engine(*this)) return fetch_command();  // in a group
    phase_ = Stage::waiting;
    return arbiter_.request();
  }
  watchdog_armed_ = false;
  fail(ErrorCode::kWATCHDOG, slot_address(head_), 0);
}

void CommandRing::on_transfer(uint64_t tag, DmaTransfer& transfer) {
  BB_CHECK(tag == static_cast<uint64_t>(phase_), "transfer {} in stage {}", tag, static_cast<unsigned>(phase_));
  if (transfer.error != ErrorCode::kNONE) return fail(transfer.error, transfer.error_address, 0);
  switch (phase_) {
    case Stage::command:
      return take_command(transfer);
    case Stage::descriptors:
      return take_descriptors(transfer);
    case Stage::records:
      return take_records(transfer);
    case Stage::fence:
      return complete();
    case Stage::idle:
    case Stage::starting:
    case Stage::waiting:
    case Stage::running:
      break;
  }
  BB_CHECK(false, "a transfer that nobody waits for");
}

void CommandRing::state(StateArchive& archive) {
  archive.section("npu ring");
  archive.value("fence_address", fence_address_);
  archive.value("watchdog_cycles", watchdog_cycles_);
  archive.value("enabled", enabled_);
  archive.value("stopped", stopped_);
  archive.value("base", base_);
  archive.value("size", size_);
  archive.value("head", head_);
  archive.value("tail", tail_);
  archive.value("phase", phase_);
  archive.value("group_open", group_open_);
  archive.value("group_commands", group_commands_);
  auto fetched = static_cast<uint32_t>(group_.size());
  archive.value("group", fetched);
  if (fetched > kLargestGroup) archive.fail("group", "more commands than a group has");
  group_.resize(fetched);
  for (Job& job : group_) save_job(archive, job);
  archive.value("watchdog_armed", watchdog_armed_);
  archive.value("commands", commands_);
  archive.value("observed_ps", observed_ps_);
  archive.value("busy_ps", busy_ps_);
  archive.value("wait_ps", wait_ps_);
  archive.value("busy_since_ps", busy_since_ps_);
  save_job(archive, job_);
}

}  // namespace backboard::npu
