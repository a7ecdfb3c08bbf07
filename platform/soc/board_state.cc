// Saving and restoring the whole board.
#include <fmt/format.h>
#include <zlib.h>

#include <cstring>

#include "platform/check/fnv.h"
#include "platform/check/read_file.h"
#include "platform/config/atomic_file.h"
#include "platform/config/config.h"
#include "platform/soc/board_impl.h"

namespace backboard {
namespace {

/// Little-endian, packed: the file's first bytes. What follows is one zlib stream.
struct SaveHeader {
  static constexpr char kMagic[8] = {'B', 'B', 'S', 'A', 'V', 'E', '\r', '\n'};
  /// Of this header and of the archive's form. What models save may change without it: each value says its name, type
  /// and size, and a file that does not fit is refused at the first that differs. 1: the first layout; 2: values did
  /// not say their types; 3: the NPU had no power over time; 5: five initiators, no traffic generators, no requests of
  /// the core; 6: the NPU counted what a step met when it
  /// began; 8: one command ring; 10: no DMA engine.
  static constexpr uint32_t kVersion = 13;

  char magic[8];
  uint32_t version;
  uint32_t header_bytes;
  uint64_t digest;        ///< of the configuration
  uint64_t state_bytes;   ///< before compression
  uint64_t stream_bytes;  ///< after it
  uint64_t stream_crc32;  ///< zlib's own sum misses damage that decompresses to the same bytes
};
static_assert(sizeof(SaveHeader) == 48);

constexpr uint64_t kLargestState = uint64_t{64} << 30;

}  // namespace

/// Of what changes the simulation: where files lie and host threads do not.
uint64_t Board::Impl::digest() const {
  BoardConfig plain = config;
  plain.flash.file.clear();
  plain.rom.image.clear();
  plain.dram.commands_file.clear();
  plain.npu.host_threads = 1;
  for (TrafficConfig& generator : plain.traffic) {
    if (generator.trace) generator.trace->file = "trace";
  }
  return fnv1a(std::string_view(dump_config(plain)));
}

void Board::Impl::state(StateArchive& archive) {
  archive.section("board");
  archive.value("started", started);
  archive.value("ended", ending.ended);
  archive.value("end_cause", ending.cause);
  archive.value("end_code", ending.code);
  archive.value("end_time_ps", ending.time_ps);
  archive.value("resets", resets);
  queue.state(archive);
  core->state(archive);
  rom.state(archive);
  clint.state(archive);
  sram.state(archive);
  plic.state(archive);
  uart.state(archive);
  watchdog.state(archive);
  flash.state(archive);
  dram.state(archive);
  npu.state(archive);
  if (dma_port) dma_port->state(archive);
  dma.state(archive);
  for (auto& port : traffic_ports) port->state(archive);
  for (auto& generator : traffic) generator->state(archive);
  wiring.state(archive);
  log.state(archive);
  archive.section("end of board");
}

void Board::save(const std::string& path) {
  if (impl_->semihosting.open_files() != 0) {
    throw InputError(fmt::format("{}: the board cannot be saved while the guest has files open (semihosting)", path));
  }
  impl_->core->drain();
  impl_->npu.drain();
  StateArchive archive;
  impl_->state(archive);
  const std::vector<uint8_t>& bytes = archive.bytes();
  std::vector<uint8_t> file(sizeof(SaveHeader) + compressBound(bytes.size()));
  uLongf stream_bytes = file.size() - sizeof(SaveHeader);
  const int failed = compress2(file.data() + sizeof(SaveHeader), &stream_bytes, bytes.data(), bytes.size(), 1);
  BB_CHECK(failed == Z_OK, "zlib {}", failed);
  SaveHeader header{};
  std::memcpy(header.magic, SaveHeader::kMagic, sizeof header.magic);
  header.version = SaveHeader::kVersion;
  header.header_bytes = sizeof header;
  header.digest = impl_->digest();
  header.state_bytes = bytes.size();
  header.stream_bytes = stream_bytes;
  header.stream_crc32 = crc32_z(0, file.data() + sizeof(SaveHeader), stream_bytes);
  std::memcpy(file.data(), &header, sizeof header);
  file.resize(sizeof header + stream_bytes);
  write_file_atomically(path, std::span<const uint8_t>(file));
}

void Board::restore(const std::string& path) {
  BB_CHECK(!impl_->started, "restore after start");
  const std::vector<uint8_t> file = read_file(path, kLargestState, {SaveHeader::kMagic, sizeof SaveHeader::kMagic});
  const auto fail = [&](uint64_t offset, const std::string& why) -> void {
    throw InputError::at_offset(path, offset, "saved board: " + why);
  };
  SaveHeader header{};
  if (file.size() < sizeof header) fail(file.size(), "the file ends in its header");
  std::memcpy(&header, file.data(), sizeof header);
  if (std::memcmp(header.magic, SaveHeader::kMagic, sizeof header.magic) != 0) fail(0, "not a saved board");
  if (header.version != SaveHeader::kVersion || header.header_bytes != sizeof header) {
    fail(8, fmt::format("version {}, expected {}", header.version, SaveHeader::kVersion));
  }
  if (header.digest != impl_->digest()) {
    fail(16, "saved on a board with another configuration; restore it with the configuration that it was saved with");
  }
  if (header.stream_bytes != file.size() - sizeof header) fail(file.size(), "the file is truncated");
  if (header.stream_crc32 != crc32_z(0, file.data() + sizeof header, header.stream_bytes)) {
    fail(sizeof header, "the compressed state is damaged");
  }
  // zlib cannot expand more than 1032 to 1: a size beyond that is damage, and must not be allocated.
  if (header.state_bytes > kLargestState || header.state_bytes / 1100 > header.stream_bytes) {
    fail(24, fmt::format("{} bytes of state cannot be in {} compressed ones", header.state_bytes, header.stream_bytes));
  }
  std::vector<uint8_t> bytes(header.state_bytes);
  uLongf state_bytes = bytes.size();
  if (uncompress(bytes.data(), &state_bytes, file.data() + sizeof header, header.stream_bytes) != Z_OK ||
      state_bytes != header.state_bytes) {
    fail(sizeof header, "the compressed state is damaged");
  }
  StateArchive archive(std::move(bytes), path);
  impl_->state(archive);
  if (!archive.at_end()) archive.fail("board", "bytes are left over");
  impl_->core->forget_direct();
  impl_->wiring.kernel().advance_to(impl_->queue.now_ps());
}

}  // namespace backboard
