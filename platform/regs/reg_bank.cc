#include "platform/regs/reg_bank.h"

#include <algorithm>

#include "platform/check/check.h"

namespace backboard {

const char* name_of(RegisterAccess access) {
  switch (access) {
    case RegisterAccess::RO:
      return "RO";
    case RegisterAccess::RW:
      return "RW";
    case RegisterAccess::WO:
      return "WO";
    case RegisterAccess::W1C:
      return "W1C";
  }
  return "?";
}

const char* reason_of(RegisterResult result) {
  switch (result) {
    case RegisterResult::ok:
      return "ok";
    case RegisterResult::no_register:
      return "no register at this offset";
    case RegisterResult::read_only:
      return "write to a read-only register";
    case RegisterResult::write_only:
      return "read of a write-only register";
    case RegisterResult::bad_size:
      return "access of a size or alignment that the register does not answer";
  }
  return "?";
}

RegBank::RegBank(const BlockInfo& block) : block_(block) {
  BB_CHECK(well_formed(block), "block {}", block.name);
  for (size_t reg = 0; reg < block.registers.size(); ++reg) {
    const RegisterInfo& info = block.registers[reg];
    first_slot_.push_back(values_.size());
    write_mask_.push_back(field_bits(block, info));
    for (uint32_t index = 0; index < info.count; ++index) {
      entries_.push_back({info.offset + index * info.stride_bytes, static_cast<uint16_t>(reg), index});
      values_.push_back(info.reset);
    }
  }
  first_slot_.push_back(values_.size());
  std::stable_sort(entries_.begin(), entries_.end(),
                   [](const Entry& a, const Entry& b) { return a.offset < b.offset; });
  hooks_.resize(block.registers.size());
}

size_t RegBank::slot(RegisterId reg, uint32_t index) const {
  BB_CHECK(reg.index < block_.registers.size() && index < info(reg.index)->count, "block {} register {} index {}",
           block_.name, reg.index, index);
  return first_slot_[reg.index] + index;
}

void RegBank::set(RegisterId reg, uint32_t value, uint32_t index) {
  values_[slot(reg, index)] = value & info(reg.index)->width_mask();
}

uint32_t RegBank::get(FieldId field, uint32_t index) const {
  BB_CHECK(field.index < block_.fields.size(), "block {} field {}", block_.name, field.index);
  const FieldInfo& bits = block_.fields[field.index];
  for (size_t reg = 0; reg < block_.registers.size(); ++reg) {
    if (block_.registers[reg].name == bits.reg) return bits.get(values_[first_slot_[reg] + index]);
  }
  return 0;  // not reached: well_formed
}

void RegBank::set(FieldId field, uint32_t value, uint32_t index) {
  BB_CHECK(field.index < block_.fields.size(), "block {} field {}", block_.name, field.index);
  const FieldInfo& bits = block_.fields[field.index];
  for (size_t reg = 0; reg < block_.registers.size(); ++reg) {
    if (block_.registers[reg].name != bits.reg) continue;
    uint32_t& stored = values_[first_slot_[reg] + index];
    stored = bits.set(stored, value);
  }
}

RegBank::Place RegBank::search(uint32_t offset, uint32_t size_bytes, bool write) const {
  Place place = find_place(offset, size_bytes, write);
  if (place.result != RegisterResult::ok) return place;
  const RegisterInfo& reg = *info(place.reg);
  place.slot = first_slot_[place.reg] + place.index;
  place.hooks = &hooks_[place.reg];
  place.width_mask = reg.width_mask();
  place.write_mask = write_mask_[place.reg];
  place.clears = reg.access == RegisterAccess::W1C;
  return place;
}

RegBank::Place RegBank::find_place(uint32_t offset, uint32_t size_bytes, bool write) const {
  // The last entry at or below the offset, then back over all that share its offset.
  auto end = std::upper_bound(entries_.begin(), entries_.end(), offset,
                              [](uint32_t value, const Entry& entry) { return value < entry.offset; });
  if (end == entries_.begin()) return {RegisterResult::no_register};
  const uint32_t start = std::prev(end)->offset;
  auto first = end;
  while (first != entries_.begin() && std::prev(first)->offset == start) --first;
  // Those of the selected bank hide those of bank 0.
  const bool banked = std::any_of(first, end, [&](const Entry& e) { return bank_ != 0 && info(e.reg)->bank == bank_; });
  const Entry* other_way = nullptr;
  for (auto entry = first; entry != end; ++entry) {
    const RegisterInfo& reg = *info(entry->reg);
    if (reg.bank != (banked ? bank_ : 0)) continue;
    if (offset - start >= reg.width_bytes) return {RegisterResult::no_register};
    if (reg.access == (write ? RegisterAccess::RO : RegisterAccess::WO)) {
      other_way = &*entry;
      continue;
    }
    const bool fits = offset == start && size_bytes == reg.width_bytes;
    return {fits ? RegisterResult::ok : RegisterResult::bad_size, entry->reg, entry->index};
  }
  if (!other_way) return {RegisterResult::no_register};
  return {write ? RegisterResult::read_only : RegisterResult::write_only, other_way->reg, other_way->index};
}

RegisterResult RegBank::read(uint32_t offset, uint32_t size_bytes, uint32_t& value) {
  const Place& place = locate(offset, size_bytes, false);
  if (place.result != RegisterResult::ok) [[unlikely]]
    return place.result;
  const Hooks& hooks = *place.hooks;
  const uint32_t index = place.index;  // hooks may lead to other accesses
  value = hooks.source ? hooks.source(index) & place.width_mask : values_[place.slot];
  if (hooks.read) hooks.read(index);
  return RegisterResult::ok;
}

RegisterResult RegBank::peek(uint32_t offset, uint32_t size_bytes, uint32_t& value) const {
  const Place* place = &locate(offset, size_bytes, false);
  if (place->result == RegisterResult::write_only) place = &locate(offset, size_bytes, true);
  if (place->result != RegisterResult::ok) return place->result;
  value = place->hooks->source ? place->hooks->source(place->index) & place->width_mask : values_[place->slot];
  return RegisterResult::ok;
}

RegisterResult RegBank::write(uint32_t offset, uint32_t size_bytes, uint32_t value) {
  const Place& place = locate(offset, size_bytes, true);
  if (place.result != RegisterResult::ok) [[unlikely]]
    return place.result;
  uint32_t& stored = values_[place.slot];
  const uint32_t mask = place.write_mask;
  const uint32_t old = stored;
  stored = place.clears ? old & ~(value & mask) : (old & ~mask) | (value & mask);
  if (place.hooks->write) place.hooks->write({place.index, old, value, stored});
  return RegisterResult::ok;
}

const RegisterInfo* RegBank::find(uint32_t offset, bool write) const {
  const Place& place = locate(offset, 4, write);
  return place.result == RegisterResult::no_register ? nullptr : info(place.reg);
}

void RegBank::reset() {
  for (size_t reg = 0; reg < block_.registers.size(); ++reg) {
    std::fill(values_.begin() + static_cast<std::ptrdiff_t>(first_slot_[reg]),
              values_.begin() + static_cast<std::ptrdiff_t>(first_slot_[reg + 1]), block_.registers[reg].reset);
  }
  bank_ = 0;
}

void RegBank::state(StateArchive& archive) {
  archive.section(block_.name);
  archive.range("registers", std::span(values_));
  archive.value("bank", bank_);
}

}  // namespace backboard
