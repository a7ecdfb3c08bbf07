#include "sw/file/file.h"

#include <zlib.h>

#include <algorithm>

#include "platform/check/check.h"
#include "platform/check/input_error.h"

namespace backboard {

namespace {

/// Decompresses into a vector that grows, at most to a limit.
class Inflater {
 public:
  Inflater(std::span<const uint8_t> bytes, const std::string& file, uint64_t limit_bytes)
      : bytes_(bytes), file_(file), limit_bytes_(limit_bytes) {
    // 16: a gzip header is expected, a bare zlib stream refused.
    BB_CHECK(inflateInit2(&stream_, 15 + 16) == Z_OK, "zlib has no memory");
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { inflateEnd(&stream_); }

  std::vector<uint8_t> run() {
    while (true) {
      member();
      if (used_ == bytes_.size()) return std::move(output_);
      inflateReset(&stream_);
    }
  }

 private:
  void member() {
    int status = Z_OK;
    while (status != Z_STREAM_END) {
      uint8_t chunk[1 << 16];
      const size_t offered = std::min<size_t>(bytes_.size() - used_, 1u << 30);
      stream_.next_in = const_cast<uint8_t*>(bytes_.data() + used_);
      stream_.avail_in = static_cast<uInt>(offered);
      stream_.next_out = chunk;
      stream_.avail_out = sizeof chunk;
      status = inflate(&stream_, Z_NO_FLUSH);
      used_ += offered - stream_.avail_in;
      const size_t made = sizeof chunk - stream_.avail_out;
      if (status == Z_BUF_ERROR || (status == Z_OK && made == 0 && used_ == bytes_.size()))
        throw InputError::at_offset(file_, used_, "the gzip stream is truncated");
      if (status != Z_OK && status != Z_STREAM_END)
        throw InputError::at_offset(file_, used_,
                                    fmt::format("not a gzip stream, or damaged ({})", stream_.msg ? stream_.msg : "?"));
      if (made > limit_bytes_ - output_.size())
        throw InputError::at_offset(file_, used_, fmt::format("decompresses to more than {} bytes", limit_bytes_));
      output_.insert(output_.end(), chunk, chunk + made);
    }
  }

  std::span<const uint8_t> bytes_;
  const std::string& file_;
  uint64_t limit_bytes_;
  size_t used_ = 0;
  std::vector<uint8_t> output_;
  z_stream stream_{};
};

}  // namespace

std::vector<uint8_t> gunzip(std::span<const uint8_t> bytes, const std::string& file, uint64_t limit_bytes) {
  return Inflater(bytes, file, limit_bytes).run();
}

std::vector<uint8_t> read_maybe_gzip(const std::string& path, uint64_t limit_bytes) {
  std::vector<uint8_t> bytes = read_file(path, limit_bytes);
  if (bytes.size() < 2 || bytes[0] != 0x1f || bytes[1] != 0x8b) return bytes;
  return gunzip(bytes, path, limit_bytes);
}

uint32_t crc32_of(std::span<const uint8_t> bytes) {
  return static_cast<uint32_t>(crc32_z(crc32_z(0, nullptr, 0), bytes.data(), bytes.size()));
}

uint32_t crc32_around(std::span<const uint8_t> bytes, size_t offset) {
  const auto before = crc32_z(0, bytes.data(), offset);
  const auto behind = bytes.subspan(offset + 4);
  return static_cast<uint32_t>(crc32_z(before, behind.data(), behind.size()));
}

}  // namespace backboard
