#include "platform/elf/elf_file.h"

#include <algorithm>
#include <cstring>

#include "platform/check/input_error.h"
#include "platform/check/read_file.h"

namespace backboard {
namespace {

// Numbers of the gABI and the RISC-V psABI.
constexpr uint8_t kClass32 = 1, kClass64 = 2, kLittleEndian = 1, kCurrentVersion = 1;
constexpr uint16_t kTypeExecutable = 2, kTypeShared = 3, kMachineRiscv = 243;
constexpr uint32_t kSegmentLoad = 1, kSectionSymbols = 2;
constexpr uint8_t kSymbolNone = 0, kSymbolFunction = 2;
constexpr uint16_t kUndefinedSection = 0, kFirstReservedSection = 0xff00;
constexpr uint64_t kLargestSegmentBytes = uint64_t{4} << 30;

struct ProgramHeader {
  uint32_t type, flags;
  uint64_t offset, virtual_address, physical_address, file_bytes, memory_bytes;
};
struct SectionHeader {
  uint32_t type, link;
  uint64_t flags, offset, size_bytes, entry_bytes;
};

}  // namespace

/// One reading of a file; every access is checked against its end.
class ElfParser {
 public:
  ElfParser(const std::vector<uint8_t>& file, const std::string& origin) : file_(file), origin_(origin) {}

  ElfFile parse() {
    parse_identification();
    parse_header();
    parse_segments();
    parse_symbols();
    return std::move(result_);
  }

 private:
  [[noreturn]] void fail(uint64_t offset, const std::string& message) const {
    throw InputError::at_offset(origin_, offset, message);
  }
  void need(uint64_t offset, uint64_t size_bytes, const char* what) const {
    if (offset > file_.size() || file_.size() - offset < size_bytes) {
      fail(offset, fmt::format("{} of {} bytes leaves the file of {} bytes", what, size_bytes, file_.size()));
    }
  }
  /// A little-endian number of `size_bytes` that `need` has covered.
  uint64_t number(uint64_t offset, unsigned size_bytes) const {
    uint64_t value = 0;
    for (unsigned i = 0; i < size_bytes; ++i) value |= uint64_t{file_[offset + i]} << (8 * i);
    return value;
  }
  uint16_t half(uint64_t offset) const { return static_cast<uint16_t>(number(offset, 2)); }
  uint32_t word(uint64_t offset) const { return static_cast<uint32_t>(number(offset, 4)); }
  /// An address-sized number: 4 or 8 bytes.
  uint64_t address(uint64_t offset) const { return number(offset, wide_ ? 8 : 4); }

  void parse_identification() {
    need(0, 16, "identification");
    if (std::memcmp(file_.data(),
                    "\x7f"
                    "ELF",
                    4) != 0)
      fail(0, "not an ELF file");
    if (file_[4] != kClass32 && file_[4] != kClass64) fail(4, "neither a 32- nor a 64-bit ELF file");
    if (file_[5] != kLittleEndian) fail(5, "not little-endian");
    if (file_[6] != kCurrentVersion) fail(6, "unknown ELF version");
    wide_ = file_[4] == kClass64;
    result_.width_bits_ = wide_ ? 64 : 32;
  }

  void parse_header() {
    need(0, wide_ ? 64 : 52, "ELF header");
    if (half(18) != kMachineRiscv) fail(18, fmt::format("machine {} is not RISC-V (243)", half(18)));
    if (half(16) == kTypeShared) fail(16, "position-independent; link with -no-pie -static");
    if (half(16) != kTypeExecutable) fail(16, fmt::format("type {} is not an executable (2)", half(16)));
    result_.entry_ = address(24);
    program_offset_ = address(wide_ ? 32 : 28);
    section_offset_ = address(wide_ ? 40 : 32);
    const uint64_t sizes = wide_ ? 54 : 42;  // e_phentsize and what follows
    program_entry_bytes_ = half(sizes);
    program_count_ = half(sizes + 2);
    section_entry_bytes_ = half(sizes + 4);
    section_count_ = half(sizes + 6);
    if (program_count_ == 0) fail(sizes + 2, "no program headers: nothing to load");
    if (program_entry_bytes_ != (wide_ ? 56 : 32)) fail(sizes, "unexpected size of a program header");
    if (section_count_ && section_entry_bytes_ != (wide_ ? 64 : 40)) {
      fail(sizes + 4, "unexpected size of a section header");
    }
  }

  ProgramHeader program_header(unsigned index) const {
    const uint64_t at = program_offset_ + uint64_t{index} * program_entry_bytes_;
    need(at, program_entry_bytes_, "program header");
    if (wide_) {
      return {word(at),           word(at + 4),       number(at + 8, 8), number(at + 16, 8),
              number(at + 24, 8), number(at + 32, 8), number(at + 40, 8)};
    }
    return {word(at), word(at + 24), word(at + 4), word(at + 8), word(at + 12), word(at + 16), word(at + 20)};
  }

  void parse_segments() {
    need(program_offset_, uint64_t{program_count_} * program_entry_bytes_, "program header table");
    for (unsigned i = 0; i < program_count_; ++i) {
      const uint64_t at = program_offset_ + uint64_t{i} * program_entry_bytes_;
      const ProgramHeader header = program_header(i);
      if (header.type != kSegmentLoad || header.memory_bytes == 0) continue;
      need(header.offset, header.file_bytes, "segment");
      if (header.file_bytes > header.memory_bytes) fail(at, "a segment has more bytes in the file than in memory");
      const uint64_t last = header.physical_address + header.memory_bytes - 1;
      const uint64_t highest = wide_ ? UINT64_MAX : UINT32_MAX;
      if (last < header.physical_address || last > highest) fail(at, "a segment wraps around the address space");
      if (header.memory_bytes > kLargestSegmentBytes) fail(at, "a segment is larger than 4 GiB");
      ElfSegment segment;
      segment.physical_address = header.physical_address;
      segment.virtual_address = header.virtual_address;
      segment.memory_bytes = header.memory_bytes;
      segment.executable = header.flags & 1;
      segment.writable = header.flags & 2;
      segment.readable = header.flags & 4;
      const auto first = file_.begin() + static_cast<std::ptrdiff_t>(header.offset);
      segment.bytes.assign(first, first + static_cast<std::ptrdiff_t>(header.file_bytes));
      check_overlap(segment, at);
      result_.segments_.push_back(std::move(segment));
    }
    if (result_.segments_.empty()) fail(program_offset_, "no loadable segment");
  }

  void check_overlap(const ElfSegment& segment, uint64_t at) const {
    for (const ElfSegment& other : result_.segments_) {
      if (segment.physical_address <= other.physical_address + other.memory_bytes - 1 &&
          other.physical_address <= segment.physical_address + segment.memory_bytes - 1) {
        fail(at,
             fmt::format("two segments overlap at {:#x}", std::max(segment.physical_address, other.physical_address)));
      }
    }
  }

  SectionHeader section_header(unsigned index) const {
    const uint64_t at = section_offset_ + uint64_t{index} * section_entry_bytes_;
    need(at, section_entry_bytes_, "section header");
    if (wide_) {
      return {word(at + 4),       word(at + 40),      number(at + 8, 8),
              number(at + 24, 8), number(at + 32, 8), number(at + 56, 8)};
    }
    return {word(at + 4), word(at + 24), word(at + 8), word(at + 16), word(at + 20), word(at + 36)};
  }

  void parse_symbols() {
    if (section_count_ == 0 || section_offset_ == 0) return;  // stripped
    need(section_offset_, uint64_t{section_count_} * section_entry_bytes_, "section header table");
    std::vector<bool> executable(section_count_);
    for (unsigned i = 0; i < section_count_; ++i) executable[i] = (section_header(i).flags & 4) != 0;
    for (unsigned i = 0; i < section_count_; ++i) {
      const SectionHeader section = section_header(i);
      if (section.type != kSectionSymbols) continue;
      const uint64_t at = section_offset_ + uint64_t{i} * section_entry_bytes_;
      if (section.entry_bytes != (wide_ ? 24 : 16)) fail(at, "unexpected size of a symbol");
      if (section.link >= section_count_) fail(at, "a symbol table names a string table that does not exist");
      need(section.offset, section.size_bytes, "symbol table");
      const SectionHeader strings = section_header(section.link);
      need(strings.offset, strings.size_bytes, "string table");
      for (uint64_t s = 0; s + section.entry_bytes <= section.size_bytes; s += section.entry_bytes) {
        parse_symbol(section.offset + s, strings, executable);
      }
    }
    const auto by_address = [](const ElfSymbol& a, const ElfSymbol& b) {
      return a.address != b.address ? a.address < b.address : a.name < b.name;
    };
    std::sort(result_.functions_.begin(), result_.functions_.end(), by_address);
    std::stable_sort(result_.symbols_.begin(), result_.symbols_.end(),
                     [](const ElfSymbol& a, const ElfSymbol& b) { return a.name < b.name; });
  }

  void parse_symbol(uint64_t at, const SectionHeader& strings, const std::vector<bool>& executable) {
    const uint32_t name_offset = word(at);
    const uint8_t info = file_[at + (wide_ ? 4 : 12)];
    const uint16_t section = half(at + (wide_ ? 6 : 14));
    if (name_offset == 0 || section == kUndefinedSection) return;
    if (name_offset >= strings.size_bytes) fail(at, "a symbol's name lies outside the string table");
    const auto* first = reinterpret_cast<const char*>(file_.data()) + strings.offset + name_offset;
    const size_t room = strings.size_bytes - name_offset;
    const auto* end = static_cast<const char*>(std::memchr(first, 0, room));
    if (!end) fail(at, "a symbol's name has no end");
    ElfSymbol symbol;
    symbol.name.assign(first, end);
    symbol.address = address(at + (wide_ ? 8 : 4));
    symbol.size_bytes = address(at + (wide_ ? 16 : 8));
    const bool in_code = section < kFirstReservedSection && section < executable.size() && executable[section];
    const uint8_t type = info & 0xf;
    // Assembly code has labels without a type; mapping symbols ($x) and local labels are none of the user's.
    const bool label = type == kSymbolNone && in_code && symbol.name[0] != '$' && symbol.name[0] != '.';
    symbol.function = type == kSymbolFunction || label;
    if (symbol.function) result_.functions_.push_back(symbol);
    result_.symbols_.push_back(std::move(symbol));
  }

  const std::vector<uint8_t>& file_;
  const std::string& origin_;
  ElfFile result_;
  bool wide_ = false;
  uint64_t program_offset_ = 0, section_offset_ = 0;
  unsigned program_entry_bytes_ = 0, program_count_ = 0, section_entry_bytes_ = 0, section_count_ = 0;
};

ElfFile ElfFile::load(const std::string& path) {
  static constexpr uint64_t kLargest = uint64_t{1} << 30;
  return parse(read_file(path, kLargest,
                         "\x7f"
                         "ELF"),
               path);
}

ElfFile ElfFile::parse(const std::vector<uint8_t>& file, const std::string& origin) {
  return ElfParser(file, origin).parse();
}

std::optional<uint64_t> ElfFile::symbol(std::string_view name) const {
  const auto it =
      std::lower_bound(symbols_.begin(), symbols_.end(), name,
                       [](const ElfSymbol& symbol, std::string_view wanted) { return symbol.name < wanted; });
  if (it == symbols_.end() || it->name != name) return std::nullopt;
  return it->address;
}

const ElfSymbol* ElfFile::function_at(uint64_t pc) const {
  auto it = std::upper_bound(functions_.begin(), functions_.end(), pc,
                             [](uint64_t wanted, const ElfSymbol& symbol) { return wanted < symbol.address; });
  while (it != functions_.begin()) {
    --it;
    // A label without a size reaches up to the next symbol; a sized function that ended before pc does not count.
    if (it->size_bytes == 0 || pc - it->address < it->size_bytes) return &*it;
  }
  return nullptr;
}

}  // namespace backboard
