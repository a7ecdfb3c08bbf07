#include "platform/soc/board.h"

#include <fmt/format.h>

#include <algorithm>

#include "platform/check/check.h"
#include "platform/check/read_file.h"
#include "platform/soc/board_impl.h"

namespace backboard {
namespace {

uint32_t line_of(Interrupt interrupt) {
  return static_cast<uint32_t>(interrupt);
}

CoreConfig core_config(const BoardConfig& config) {
  CoreConfig core = config.core;
  core.reset_pc = config.map[Place::kROM].base;
  for (const PlaceConfig& place : config.map.places) {
    if (place.cacheable) core.cacheable.push_back({place.base, place.last()});
  }
  return core;
}

/// The bytes of a ROM image from the ROM's base: an ELF whose loaded bytes lie in the ROM, or a raw binary.
std::vector<uint8_t> rom_image(const std::string& path, const PlaceConfig& place, unsigned width_bits) {
  const std::vector<uint8_t> file = read_file(path);
  if (file.size() < 4 || file[0] != 0x7F || file[1] != 'E' || file[2] != 'L' || file[3] != 'F') return file;
  const ElfFile elf = ElfFile::parse(file, path);
  if (elf.width_bits() != width_bits || elf.entry() != place.base) {
    throw InputError(
        fmt::format("{}: boot ROM image: expected RV{} code that starts at {:#x}", path, width_bits, place.base));
  }
  std::vector<uint8_t> bytes;
  for (const ElfSegment& segment : elf.segments()) {
    if (segment.bytes.empty()) continue;
    const uint64_t first = segment.physical_address;
    if (first < place.base || first > place.last() || segment.bytes.size() - 1 > place.last() - first) {
      throw InputError(fmt::format("{}: boot ROM image: the segment at {:#x} does not lie in the ROM", path, first));
    }
    const uint64_t offset = first - place.base;
    bytes.resize(std::max<uint64_t>(bytes.size(), offset + segment.bytes.size()));
    std::copy(segment.bytes.begin(), segment.bytes.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
  }
  return bytes;
}

/// "main.c:12": findings do not depend on the folder in which a program was compiled.
std::string text_of(const SourceLine& line) {
  return fmt::format("{}:{}", line.file.substr(line.file.rfind('/') + 1), line.line);
}

void put_text(CharacterSink& sink, std::string_view text, uint64_t time_ps) {
  for (const char c : text) sink.put(static_cast<uint8_t>(c), time_ps);
}

/// Before anybody asks for the name of a bus master.
void name_generators(const BoardConfig& config) {
  for (size_t i = 0; i < config.traffic.size(); ++i) name_traffic(i, config.traffic[i].name);
}

/// SystemC elaborates once a process.
void claim_elaboration() {
  static bool claimed = false;
  BB_CHECK(!claimed, "a second board in one process");
  claimed = true;
}

}  // namespace

PlacedFindings& Board::Impl::findings_at(Place place) {
  placed_findings.push_back(std::make_unique<PlacedFindings>(log, config.map[place].base));
  return *placed_findings.back();
}

Board::Impl::Impl(const BoardConfig& board_config, BoardOutput board_output)
    : config((claim_elaboration(), board_config)),
      output(board_output),
      wiring("board", queue, (name_generators(config), config.traffic.size())),
      core(make_core(core_config(config), wiring.port(BusMaster::core), queue)),
      semihosting(
          [this](SemihostingStream, std::string_view text) { put_text(output.semihosting, text, core->time_ps()); },
          [this](const std::string& line) {
            Finding finding;
            finding.time_ps = core->time_ps();  // ahead of the queue within a quantum
            finding.block = "semihosting";
            finding.reason = line;
            log.report(std::move(finding));
          }),
      rom(config.rom, config.map[Place::kROM].size_bytes, findings_at(Place::kROM)),
      finisher(*this, findings_at(Place::kFINISHER)),
      clint(config.clint, queue, *core, findings_at(Place::kCLINT)),
      sram(config.sram, config.map[Place::kSRAM].size_bytes),
      plic(config.plic, *core, {static_cast<uint32_t>(CorePin::external), 9}, findings_at(Place::kPLIC)),
      uart(config.uart, queue, plic, line_of(Interrupt::kUART), output.uart, findings_at(Place::kUART)),
      watchdog(config.watchdog, queue, plic, line_of(Interrupt::kWATCHDOG), *this, findings_at(Place::kWATCHDOG)),
      flash(config.flash, config.map[Place::kFLASH].size_bytes, queue, plic, line_of(Interrupt::kFLASH),
            findings_at(Place::kFLASH_CTRL), findings_at(Place::kFLASH)),
      dram(config.dram, config.map[Place::kDRAM].size_bytes),
      npu(config.npu, queue, wiring.port(BusMaster::npu), plic, line_of(Interrupt::kNPU), findings_at(Place::kNPU),
          log),
      dma_port(config.timing == TimingLevel::lt
                   ? std::make_unique<AccessRequests>(wiring.port(BusMaster::dma), queue, config.dma.outstanding)
                   : nullptr),
      dma(config.dma, queue, dma_port ? static_cast<RequestPort&>(*dma_port) : wiring.master(BusMaster::dma), plic,
          line_of(Interrupt::kDMA), findings_at(Place::kDMA), log),
      reset_client(queue.add_client("reset", EventRank::control, *this)) {
  if (config.timing == TimingLevel::at) dram.take_requests(queue);
  wiring.attach(config,
                {{Place::kROM, &rom},
                 {Place::kFINISHER, &finisher},
                 {Place::kCLINT, &clint},
                 {Place::kSRAM, &sram},
                 {Place::kPLIC, &plic},
                 {Place::kUART, &uart},
                 {Place::kNPU, &npu},
                 {Place::kDMA, &dma},
                 {Place::kWATCHDOG, &watchdog},
                 {Place::kFLASH_CTRL, &flash},
                 {Place::kFLASH, &flash.mapped()},
                 {Place::kDRAM, &dram, dram.requests(), &dram}},
                log);
  if (config.timing == TimingLevel::at) {
    npu.use_requests(wiring.master(BusMaster::npu));
  } else {
    npu.use_bursts(wiring.master(BusMaster::npu));
  }
  if (config.timing == TimingLevel::at) {
    const PlaceConfig& place = config.map[Place::kDRAM];
    core->use_requests(wiring.master(BusMaster::core), {{place.base, place.last()}});
  }
  add_traffic();
  core->set_time_source(&clint);
  core->set_observer(this);
  core->set_semihosting(&semihosting);
  if (config.core.data_cache.enabled) {
    wiring.router().on_foreign_access([this](BusOp op, uint64_t address, uint64_t size, Initiator initiator) {
      core->snoop(op, address, size, initiator);
    });
  }
  wiring.master(BusMaster::core).on_invalidate([this](uint64_t, uint64_t) { core->forget_direct(); });
  log.set_pc_source([this]() -> std::optional<uint64_t> { return core->pc(); });
  log.set_locator([this](uint64_t pc) {
    const ElfSymbol* function = program ? program->function_at(pc) : nullptr;
    const std::optional<SourceLine> line = lines ? lines->at(pc) : std::nullopt;
    return CodePlace{function ? function->name : std::string(), line ? text_of(*line) : std::string()};
  });
  // Ends the elaboration: from here on debug accesses go through.
  sc_core::sc_start(sc_core::SC_ZERO_TIME);
}

BusResponse Board::Impl::debug_access(BusOp op, uint64_t address, uint8_t* data, uint64_t size) {
  while (size > 0) {
    BusAccess access;
    access.op = op;
    access.address = address;
    access.data = data;
    access.size = static_cast<uint32_t>(std::min<uint64_t>(size, 1u << 30));
    access.time_ps = queue.now_ps();
    access.debug = true;
    uint64_t delay_ps = 0;
    const BusResponse response = wiring.port(BusMaster::debug).access(access, delay_ps);
    if (response != BusResponse::ok) return response;
    address += access.size;
    data += access.size;
    size -= access.size;
  }
  return BusResponse::ok;
}

void Board::Impl::burn_rom(uint64_t entry, uint64_t argument) {
  rom.burn(config.boot == BootMode::flash ? rom_image(config.rom.image, config.map[Place::kROM], core->width_bits())
                                          : reset_vector(core->width_bits(), entry, argument));
}

Board::Board(const BoardConfig& config, BoardOutput output) : impl_(std::make_unique<Impl>(config, output)) {}
Board::~Board() = default;

bool Board::read_memory(uint64_t address, std::span<uint8_t> bytes) {
  return impl_->debug_access(BusOp::read, address, bytes.data(), bytes.size()) == BusResponse::ok;
}

bool Board::Impl::write_memory(uint64_t address, std::span<const uint8_t> bytes) {
  if (bytes.empty()) return true;
  // A write does not change what it writes from.
  auto* data = const_cast<uint8_t*>(bytes.data());
  if (debug_access(BusOp::write, address, data, bytes.size()) != BusResponse::ok) return false;
  core->invalidate(address, address + (bytes.size() - 1));
  return true;
}

bool Board::write_memory(uint64_t address, std::span<const uint8_t> bytes) {
  return impl_->write_memory(address, bytes);
}

void Board::Impl::require_width(const ElfFile& elf, const std::string& path) const {
  if (elf.width_bits() == core->width_bits()) return;
  throw InputError(
      fmt::format("{}: the program is for RV{}, the board's core is RV{}", path, elf.width_bits(), core->width_bits()));
}

void Board::attach(const ElfFile& elf, const std::string& path) {
  impl_->require_width(elf, path);
  impl_->program = elf;
  impl_->program_path = path;
  impl_->lines.emplace(path);
  if (const auto address = elf.symbol("tohost")) {
    impl_->tohost.emplace(*impl_->core, *address);
    impl_->tohost->arm();
    impl_->wiring.router().watch_writes(
        *address, *address + 7,
        [this](uint64_t at, const uint8_t* data, uint32_t size) { impl_->tohost->on_write(at, data, size); });
  }
}

void Board::load(const ElfFile& elf, const std::string& path) {
  impl_->require_width(elf, path);
  impl_->load_segments(elf, path);
  attach(elf, path);
}

void Board::start(uint64_t entry, uint64_t argument) {
  BB_CHECK(!impl_->started, "started twice");
  impl_->burn_rom(entry, argument);
  impl_->core->start(impl_->config.map[Place::kROM].base);
  impl_->started = true;
}

void Board::allow_semihosting_files(const std::string& folder) {
  impl_->semihosting.allow_files(folder);
}

void Board::set_reset_limit(uint32_t count) {
  impl_->reset_limit = count;
}
uint32_t Board::resets() const {
  return impl_->resets;
}
void Board::reset() {
  BB_CHECK(impl_->started, "reset before start");
  impl_->reset(ResetCause::software);
}

void Board::set_instruction_limit(uint64_t count) {
  impl_->core->set_instruction_limit(count);
}
BoardResult Board::run_until(uint64_t time_ps) {
  return impl_->run_until(time_ps);
}

void Board::request_stop() {
  impl_->interrupted.store(true);
  impl_->core->request_stop();
  impl_->wiring.kernel().stop();
}

bool Board::anything_scheduled() const {
  return impl_->queue.next_time_ps() != EventQueue::kNever;
}
bool Board::step_event() {
  return !impl_->result_of_stop() && impl_->wiring.kernel().step();
}
uint64_t Board::time_ps() const {
  return impl_->queue.now_ps();
}
Core& Board::core() {
  return *impl_->core;
}
EventQueue& Board::queue() {
  return impl_->queue;
}
FindingLog& Board::findings() {
  return impl_->log;
}
const MapConfig& Board::map() const {
  return impl_->config.map;
}
const ElfFile* Board::program() const {
  return impl_->program ? &*impl_->program : nullptr;
}
Uart& Board::uart() {
  return impl_->uart;
}
Flash& Board::flash() {
  return impl_->flash;
}
npu::NpuDevice& Board::npu() {
  return impl_->npu;
}

}  // namespace backboard
