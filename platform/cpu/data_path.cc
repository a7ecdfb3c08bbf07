#include "platform/cpu/data_path.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "platform/check/input_error.h"

namespace backboard {

uint8_t DataPath::kNoHomePages[DataPath::kHomeTableBytes];

namespace {

uint32_t slots_of(const CacheConfig& config) {
  return config.enabled ? static_cast<uint32_t>(config.size_bytes / config.line_bytes) : 0;
}

/// A multiple of the granules' alignment.
size_t before_granules(uint32_t slots) {
  constexpr size_t kAlignment = alignof(DataPath::Page);
  return (static_cast<size_t>(-DataPath::Table::last_uses_offset(slots)) + (kAlignment - 1)) & ~(kAlignment - 1);
}

}  // namespace

DataPath::Table::Table(uint32_t slots)
    : count_(slots + kPages),
      bytes_(static_cast<std::byte*>(
          ::operator new (before_granules(slots) + size_t{count_} * sizeof(Page), std::align_val_t{alignof(Page)}))),
      granules_(reinterpret_cast<Page*>(bytes_.get() + before_granules(slots))),
      last_uses_(reinterpret_cast<uint64_t*>(at(granules_, last_uses_offset(slots)))) {
  std::memset(bytes_.get(), 0, before_granules(slots));
  std::uninitialized_value_construct_n(granules_, count_);
  for (uint32_t slot = 0; slot < slots; ++slot) {
    granules_[slot].owner = slot;
    granules_[slot].size_mask = kOfCache;
  }
}

DataPath::DataPath(BusPort& bus, const Pmp& pmp, const CoreClock& clock, const CoreConfig& config)
    : bus_(bus),
      lanes_(dynamic_cast<BusLanes*>(&bus)),
      pmp_(pmp),
      clock_(clock),
      use_direct_memory_(config.use_direct_memory),
      data_config_(config.data_cache),
      code_config_(config.code_cache),
      cacheable_(config.cacheable),
      has_caches_(config.code_cache.enabled || config.data_cache.enabled),
      granule_shift_(static_cast<unsigned>(
          std::countr_zero(config.data_cache.enabled ? uint64_t{config.data_cache.line_bytes} : kPageBytes))),
      tables_{Table(slots_of(config.data_cache)), Table(slots_of(config.data_cache))} {
  if (code_config_.enabled) code_cache_.emplace(code_config_);
  if (data_config_.enabled) {
    data_cache_.emplace(data_config_);
    largest_latency_cycles_ = data_config_.hit_cycles;
    for (const Table& table : tables_) {
      for (Page& page : table.all().first(data_cache_->slots())) {
        page.read_cycles = page.write_cycles = data_config_.hit_cycles;
      }
    }
    line_access_.size = data_cache_->line_bytes();
    line_access_.who = kOwner;
  }
}

AccessResult DataPath::read_slowly(uint64_t address, unsigned size_bytes, bool machine_mode, uint64_t clock,
                                   void* value) {
  if (!pmp_.allows(address, size_bytes, PmpAccess::read, machine_mode)) return {};
  auto* bytes = static_cast<uint8_t*>(value);
  const uint32_t index = use_direct_memory_ || data_cache_ ? region_of(address, size_bytes) : kNoRegion;
  if (index != kNoRegion && data_cache_ && regions_[index].cacheable) {
    return look(access_lines(BusOp::read, address, size_bytes, machine_mode, clock, bytes, index), WatchKind::read,
                address, size_bytes);
  }
  if (index != kNoRegion && use_direct_memory_ && regions_[index].readable && !excluded(address, size_bytes)) {
    Region& region = regions_[index];
    std::memcpy(value, region.bytes + (address - region.first), size_bytes);
    region.data_read_bytes += size_bytes;
    cache_page(address, machine_mode, index);
    return look({AccessKind::direct, BusResponse::ok, region.read_cycles}, WatchKind::read, address, size_bytes);
  }
  return look(transact(BusOp::read, Initiator::core_data, address, size_bytes, clock_.time_ps(clock), bytes),
              WatchKind::read, address, size_bytes);
}

AccessResult DataPath::write_slowly(uint64_t address, unsigned size_bytes, bool machine_mode, uint64_t clock,
                                    const void* value) {
  if (!pmp_.allows(address, size_bytes, PmpAccess::write, machine_mode)) return {};
  uint8_t bytes[8];
  std::memcpy(bytes, value, sizeof bytes);
  const uint32_t index = use_direct_memory_ || data_cache_ ? region_of(address, size_bytes) : kNoRegion;
  if (index != kNoRegion && data_cache_ && regions_[index].cacheable) {
    return look(access_lines(BusOp::write, address, size_bytes, machine_mode, clock, bytes, index), WatchKind::write,
                address, size_bytes);
  }
  if (index != kNoRegion && use_direct_memory_ && regions_[index].writable && !excluded(address, size_bytes)) {
    Region& region = regions_[index];
    std::memcpy(region.bytes + (address - region.first), value, size_bytes);
    region.data_write_bytes += size_bytes;
    cache_page(address, machine_mode, index);
    return look({AccessKind::direct, BusResponse::ok, region.write_cycles}, WatchKind::write, address, size_bytes);
  }
  return look(transact(BusOp::write, Initiator::core_data, address, size_bytes, clock_.time_ps(clock), bytes),
              WatchKind::write, address, size_bytes);
}

AccessResult DataPath::fetch(uint64_t address, unsigned size_bytes, bool machine_mode, uint64_t clock, void* value) {
  if (!pmp_.allows(address, size_bytes, PmpAccess::execute, machine_mode)) return {};
  return transact(BusOp::read, Initiator::core_code, address, size_bytes, clock_.time_ps(clock),
                  static_cast<uint8_t*>(value));
}

AccessResult DataPath::transact(BusOp op, Initiator initiator, uint64_t address, unsigned size_bytes, uint64_t time_ps,
                                uint8_t* data) {
  uint64_t delay_ps = 0;
  const auto response = transfer(bus_, op, initiator, address, size_bytes, time_ps, data, delay_ps);
  if (!response) return {AccessKind::wait, BusResponse::ok, 0};
  if (lanes_ != nullptr && initiator == Initiator::core_data) {
    known_lanes_[lane_index(address)] = lanes_->device_lane(address);
  }
  return {*response == BusResponse::ok ? AccessKind::bus : AccessKind::fault, *response, cycles_of(delay_ps)};
}

/// Nothing: it is asked for. An answer to a request has taken no time beyond that at which it came.
std::optional<BusResponse> DataPath::transfer(BusPort& way, BusOp op, Initiator initiator, uint64_t address,
                                              unsigned size_bytes, uint64_t time_ps, uint8_t* data,
                                              uint64_t& delay_ps) {
  BusAccess access;
  access.op = op;
  access.address = address;
  access.data = data;
  access.size = size_bytes;
  access.time_ps = time_ps;
  access.who.initiator = initiator;
  access.who.phase = Phase::kCODE;
  if (requests_ && requests_->covers(address, size_bytes)) {
    return requests_->transfer(op, access.who, address, size_bytes, time_ps, data);
  }
  return way.access(access, delay_ps);
}

uint32_t DataPath::find_region(uint64_t address, unsigned size_bytes) {
  uint64_t& line = not_direct_[address / 64 % kNegativeEntries];
  if (line == address / 64) return kNoRegion;
  for (uint32_t i = 0; i < regions_.size(); ++i) {
    if (regions_[i].holds(address, size_bytes)) return last_region_ = i;
  }
  const auto found = bus_.direct(address);
  if (!found || !found->bytes || !found->readable) {
    line = address / 64;
    return kNoRegion;
  }
  const auto same = [&](const Region& r) { return r.first == found->first && r.last == found->last; };
  auto it = std::find_if(regions_.begin(), regions_.end(), same);
  if (it == regions_.end()) it = regions_.insert(regions_.end(), Region{});
  regions_changed_ |= it->bytes != found->bytes;
  it->first = found->first;
  it->last = found->last;
  it->bytes = found->bytes;
  it->readable = found->readable;
  it->writable = found->writable;
  it->read_cycles = static_cast<uint32_t>(clock_.cycles_covering(found->read_latency_ps));
  it->write_cycles = static_cast<uint32_t>(clock_.cycles_covering(found->write_latency_ps));
  it->cacheable = std::any_of(cacheable_.begin(), cacheable_.end(), [&](const CoreConfig::MemoryRange& range) {
    return it->first >= range.first && it->last <= range.last;
  });
  it->lane = lanes_ != nullptr ? lanes_->memory_lane(it->first) : nullptr;
  it->lines = it->lane != nullptr ? it->lane : &bus_;
  if (!it->cacheable || !data_cache_) {
    largest_latency_cycles_ = std::max({largest_latency_cycles_, it->read_cycles, it->write_cycles});
  }
  if (!it->holds(address, size_bytes)) return kNoRegion;
  return last_region_ = static_cast<uint32_t>(it - regions_.begin());
}

void DataPath::cache_page(uint64_t address, bool machine_mode, uint32_t region_index) {
  const Region& region = regions_[region_index];
  const uint64_t bytes = uint64_t{1} << granule_shift_;
  const uint64_t first = address & ~(bytes - 1);
  if (first < region.first || first + (bytes - 1) > region.last || excluded(first, bytes) || watched(first, bytes))
    return;
  const Pmp::Permission permission = pmp_.permission(first, bytes, machine_mode);
  if (!permission.uniform) return;
  const Table& granules = table(machine_mode);
  Page& page = data_cache_ ? granules.uncached(first) : granules.granules()[page_index(address)];
  collect(page);
  const bool may_read = region.readable && (permission.access & static_cast<uint8_t>(PmpAccess::read));
  const bool may_write = region.writable && (permission.access & static_cast<uint8_t>(PmpAccess::write));
  page.read_tag = may_read ? first : kNoTag;
  page.write_tag = may_write ? first : kNoTag;
  page.host_minus_guest = reinterpret_cast<uintptr_t>(region.bytes) - static_cast<uintptr_t>(region.first);
  page.read_cycles = region.read_cycles;
  page.write_cycles = region.write_cycles;
  page.owner = region_index;
  page.size_mask = kOfRegion;
  if (region_index == home_) enter_home(first / kPageBytes, machine_mode, may_read, may_write);
}

uint32_t DataPath::largest_region() {
  regions_changed_ = false;
  uint32_t largest = kNoRegion;
  for (uint32_t i = 0; i < regions_.size(); ++i) {
    const Region& region = regions_[i];
    if (!region.bytes || !region.readable || !region.writable) continue;
    if (largest == kNoRegion || region.last - region.first > regions_[largest].last - regions_[largest].first) {
      largest = i;
    }
  }
  return largest;
}

bool DataPath::set_home(uint32_t region) {
  if (region == home_) return true;
  flush_pages();
  for (auto& table : home_pages_) {
    try {
      if (!table) table.emplace("compiled code's pages", kHomeTableBytes);
    } catch (const InputError&) {
      return false;
    }
  }
  home_ = region;
  return true;
}

void DataPath::enter_home(uint64_t page, bool machine_mode, bool may_read, bool may_write) {
  if (page >= kHomePages) return;
  const unsigned mode = machine_mode ? 0 : 1;
  home_pages_[mode]->bytes()[page] = static_cast<uint8_t>((may_read ? kMayRead : 0) | (may_write ? kMayWrite : 0));
  entered_[mode].push_back(static_cast<uint32_t>(page));
}

void DataPath::count(Page& page) {
  if (page.size_mask == kOfCache) {
    count_line(page);
  } else {
    regions_[page.owner].data_read_bytes += page.reads;
    regions_[page.owner].data_write_bytes += page.writes;
  }
  page.reads = 0;
  page.writes = 0;
}

void DataPath::collect_pages() {
  settle_lines();
  for (const Table& table : tables_) {
    for (Page& page : table.all()) collect(page);
  }
}

void DataPath::flush_pages() {
  settle_lines();
  usual_memory_ = {};
  for (unsigned mode = 0; mode < entered_.size(); ++mode) {
    for (const uint32_t page : entered_[mode]) home_pages_[mode]->bytes()[page] = 0;
    entered_[mode].clear();
  }
  for (const Table& table : tables_) {
    for (Page& page : table.all()) {
      collect(page);
      forget_granule(page);
    }
    // Of another time, if the core is being restored.
    if (data_cache_) std::fill_n(table.last_uses(), data_cache_->slots(), 0);
  }
}

bool DataPath::excluded_closely(uint64_t address, uint64_t size_bytes) const {
  return std::any_of(exclusions_.begin(), exclusions_.end(), [&](const Range& range) {
    return address <= range.last && address + size_bytes - 1 >= range.first;
  });
}

bool DataPath::watched_closely(uint64_t address, uint64_t size_bytes) const {
  return std::any_of(watchpoints_.begin(), watchpoints_.end(), [&](const Watchpoint& watch) {
    return address <= watch.last && address + (size_bytes - 1) >= watch.first;
  });
}

AccessResult DataPath::look_closely(AccessResult result, WatchKind kind, uint64_t address, unsigned size_bytes) {
  if (result.kind == AccessKind::fault || result.kind == AccessKind::wait || hit_) return result;
  for (const Watchpoint& watch : watchpoints_) {
    const bool touched = address <= watch.last && address + (size_bytes - 1) >= watch.first;
    const bool meant = (static_cast<unsigned>(watch.kind) & static_cast<unsigned>(kind)) != 0;
    if (touched && meant) {
      hit_ = WatchHit{std::max(address, watch.first), watch.kind};
      break;
    }
  }
  return result;
}

void DataPath::watch(std::vector<Watchpoint> watchpoints) {
  watchpoints_ = std::move(watchpoints);
  hit_.reset();
  flush_pages();
}

void DataPath::exclude(uint64_t first, uint64_t last) {
  exclude_lines(first, last);
  exclusions_.push_back({first, last});
  flush_pages();
}

void DataPath::forget_regions() {
  flush_pages();
  home_ = kNoRegion;
  for (Region& region : regions_) region.bytes = nullptr;
  regions_changed_ = true;
  not_direct_ = filled_negative();
}

std::vector<DirectTraffic> DataPath::traffic() {
  collect_pages();
  std::vector<DirectTraffic> result;
  for (const Region& r : regions_) {
    result.push_back({r.first, r.last, r.data_read_bytes, r.data_write_bytes, r.code_read_bytes});
  }
  std::sort(result.begin(), result.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return result;
}

void DataPath::state(StateArchive& archive) {
  archive.section("data path");
  std::vector<DirectTraffic> saved = traffic();
  archive.vector("direct traffic", saved);
  archive.value("write buffer free", write_buffer_free_ps_);
  if (archive.reading()) flush_pages();  // before the lines that it may name are others
  if (code_cache_) code_cache_->state(archive);
  if (data_cache_) data_cache_->state(archive);
  if (requests_) requests_->state(archive);
  archive.value("brought", brought_);
  if (!archive.reading()) return;
  // The bus is asked for the regions again; a saved region keeps its counters until then.
  home_ = kNoRegion;
  regions_changed_ = true;
  regions_.clear();
  for (const DirectTraffic& t : saved) {
    Region region;
    region.first = t.first;
    region.last = t.last;
    region.data_read_bytes = t.data_read_bytes;
    region.data_write_bytes = t.data_write_bytes;
    region.code_read_bytes = t.code_read_bytes;
    regions_.push_back(region);
  }
  not_direct_ = filled_negative();
  last_region_ = 0;
  largest_latency_cycles_ = data_config_.enabled ? data_config_.hit_cycles : 0;
}

}  // namespace backboard
