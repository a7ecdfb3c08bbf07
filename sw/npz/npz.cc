// .npz: a zip archive of .npy arrays, read and written through libzip.
#include "sw/npz/npz.h"

#include <zip.h>

#include <cstring>
#include <memory>

#include "platform/check/check.h"
#include "platform/check/input_error.h"
#include "platform/config/atomic_file.h"
#include "sw/file/file.h"

namespace backboard {

namespace {

struct DiscardZip {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct CloseMember {
  void operator()(zip_file_t* member) const { zip_fclose(member); }
};
struct FreeSource {
  void operator()(zip_source_t* source) const { zip_source_free(source); }
};
using Zip = std::unique_ptr<zip_t, DiscardZip>;
using Member = std::unique_ptr<zip_file_t, CloseMember>;
using Source = std::unique_ptr<zip_source_t, FreeSource>;

constexpr char kSuffix[] = ".npy";

/// Error objects of libzip own memory.
class ZipError {
 public:
  ZipError() { zip_error_init(&error_); }
  ZipError(const ZipError&) = delete;
  ZipError& operator=(const ZipError&) = delete;
  ~ZipError() { zip_error_fini(&error_); }
  zip_error_t* get() { return &error_; }
  std::string text() { return zip_error_strerror(&error_); }

 private:
  zip_error_t error_;
};

std::vector<uint8_t> read_member(zip_t* archive, uint64_t index, uint64_t size_bytes, const std::string& place) {
  const Member member(zip_fopen_index(archive, index, 0));
  if (!member) throw InputError(fmt::format("{}: cannot open: {}", place, zip_strerror(archive)));
  // The size comes from the archive: read in chunks, so that a false one allocates nothing.
  std::vector<uint8_t> bytes;
  uint8_t chunk[1 << 16];
  while (true) {
    const zip_int64_t got = zip_fread(member.get(), chunk, sizeof chunk);
    if (got < 0)
      throw InputError::at_offset(place, bytes.size(), fmt::format("cannot read: {}", zip_file_strerror(member.get())));
    if (got == 0) break;
    if (static_cast<uint64_t>(got) > size_bytes - bytes.size())
      throw InputError::at_offset(place, bytes.size(), "decompresses to more than the archive says");
    bytes.insert(bytes.end(), chunk, chunk + got);
  }
  if (bytes.size() != size_bytes)
    throw InputError::at_offset(place, bytes.size(), fmt::format("ends before its {} bytes", size_bytes));
  return bytes;
}

}  // namespace

Arrays read_npz(const std::string& path, const NpzLimits& limits) {
  const std::vector<uint8_t> file = read_file(path, limits.total_bytes);
  ZipError error;
  Source source(zip_source_buffer_create(file.data(), file.size(), 0, error.get()));
  if (!source) throw InputError(fmt::format("{}: {}", path, error.text()));
  const Zip archive(zip_open_from_source(source.get(), ZIP_RDONLY | ZIP_CHECKCONS, error.get()));
  if (!archive) throw InputError::at_offset(path, 0, fmt::format("not an .npz file: {}", error.text()));
  static_cast<void>(source.release());  // now the archive's

  const zip_int64_t members = zip_get_num_entries(archive.get(), 0);
  if (members > static_cast<zip_int64_t>(limits.members))
    throw InputError(fmt::format("{}: {} members, at most {} are read", path, members, limits.members));
  Arrays arrays;
  uint64_t total_bytes = 0;
  for (zip_int64_t i = 0; i < members; ++i) {
    zip_stat_t stat;
    zip_stat_init(&stat);
    const zip_uint64_t index = static_cast<zip_uint64_t>(i);
    if (zip_stat_index(archive.get(), index, 0, &stat) != 0 || !(stat.valid & ZIP_STAT_NAME) ||
        !(stat.valid & ZIP_STAT_SIZE))
      throw InputError(fmt::format("{}: member {}: {}", path, i, zip_strerror(archive.get())));
    std::string name = stat.name;
    const std::string place = path + ":" + name;
    if (!name.ends_with(kSuffix)) throw InputError(place + ": not an .npy member");
    if (stat.size > limits.member_bytes || stat.size > limits.total_bytes - total_bytes)
      throw InputError(fmt::format("{}: {} bytes are more than the limit", place, stat.size));
    total_bytes += stat.size;
    name.resize(name.size() - (sizeof kSuffix - 1));
    if (!arrays.emplace(name, parse_npy(read_member(archive.get(), index, stat.size, place), place)).second)
      throw InputError(place + ": appears twice");
  }
  return arrays;
}

void write_npz(const std::string& path, const Arrays& arrays) {
  BB_CHECK(!arrays.empty(), "{}", path);  // libzip deletes an archive without members
  ZipError error;
  const Source buffer(zip_source_buffer_create(nullptr, 0, 0, error.get()));
  BB_CHECK(buffer, "{}", error.text());
  zip_source_keep(buffer.get());
  Zip archive(zip_open_from_source(buffer.get(), ZIP_TRUNCATE, error.get()));
  BB_CHECK(archive, "{}", error.text());
  std::vector<std::vector<uint8_t>> images;  // libzip reads them when the archive is closed
  images.reserve(arrays.size());
  for (const auto& [name, array] : arrays) {
    images.push_back(write_npy(array));
    Source source(zip_source_buffer(archive.get(), images.back().data(), images.back().size(), 0));
    BB_CHECK(source, "{}", zip_strerror(archive.get()));
    const zip_int64_t index = zip_file_add(archive.get(), (name + kSuffix).c_str(), source.get(), ZIP_FL_ENC_UTF_8);
    BB_CHECK(index >= 0, "{}: {}", name, zip_strerror(archive.get()));
    static_cast<void>(source.release());
    const zip_uint64_t at = static_cast<zip_uint64_t>(index);
    // No time of day: equal arrays are equal files. 1 January 1980 is the first date that zip can say.
    constexpr zip_uint16_t kNoTime = 0, kFirstDate = (1 << 5) | 1;
    BB_CHECK(zip_set_file_compression(archive.get(), at, ZIP_CM_STORE, 0) == 0 &&
                 zip_file_set_dostime(archive.get(), at, kNoTime, kFirstDate, 0) == 0,
             "{}", zip_strerror(archive.get()));
  }
  BB_CHECK(zip_close(archive.get()) == 0, "{}", zip_strerror(archive.get()));
  static_cast<void>(archive.release());

  zip_stat_t stat;
  zip_stat_init(&stat);
  std::vector<uint8_t> bytes;
  BB_CHECK(zip_source_open(buffer.get()) == 0 && zip_source_stat(buffer.get(), &stat) == 0, "no archive was made");
  bytes.resize(stat.size);
  BB_CHECK(zip_source_read(buffer.get(), bytes.data(), bytes.size()) == static_cast<zip_int64_t>(bytes.size()),
           "the archive cannot be read back");
  zip_source_close(buffer.get());
  write_file_atomically(path, bytes);
}

}  // namespace backboard
