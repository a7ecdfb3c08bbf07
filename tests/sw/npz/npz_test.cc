#include "sw/npz/npz.h"

#include <catch2/catch.hpp>
#include <cstring>

#include "platform/check/input_error.h"
#include "platform/config/atomic_file.h"
#include "sw/file/file.h"
#include "tests/sw/mutate.h"

using namespace backboard;
using namespace backboard::sw_test;
using Catch::Contains;

namespace {

Arrays some_arrays() {
  Arrays arrays;
  arrays["conv1.weight"] = Array::of_floats({2, 1, 1, 3}, std::vector<float>{0, -1.5f, 2, 3, 1e-40f, 5});
  arrays["empty"] = Array::of_floats({0, 7}, {});
  Array scalar;
  scalar.type = ArrayType::f64;
  scalar.bytes.resize(8);
  const double pi = 3.141592653589793;
  std::memcpy(scalar.bytes.data(), &pi, 8);
  arrays["scalar"] = scalar;
  Array integers;
  integers.type = ArrayType::i64;
  integers.shape = {2};
  const int64_t values[] = {-3, INT64_MAX};
  integers.bytes.resize(16);
  std::memcpy(integers.bytes.data(), values, 16);
  arrays["integers"] = integers;
  Array bytes;
  bytes.type = ArrayType::u8;
  bytes.shape = {3};
  bytes.bytes = {1, 2, 255};
  arrays["bytes"] = bytes;
  return arrays;
}

std::vector<uint8_t> npy(const std::string& header, size_t data_bytes, char version = 1) {
  std::string text = "\x93NUMPY";
  text += version;
  text += '\0';
  text += static_cast<char>(header.size() & 0xff);
  text += static_cast<char>(header.size() >> 8);
  if (version > 1) text += std::string(2, '\0');
  text += header;
  std::vector<uint8_t> bytes(text.begin(), text.end());
  bytes.resize(bytes.size() + data_bytes);
  return bytes;
}

std::string error_of(const std::vector<uint8_t>& bytes) {
  try {
    parse_npy(bytes, "x.npy");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("arrays of every type come back from an .npz as they went in, and equal arrays give equal files") {
  const std::string folder = scratch_folder();
  const Arrays arrays = some_arrays();
  write_npz(folder + "/a.npz", arrays);
  write_npz(folder + "/b.npz", arrays);
  CHECK(read_file(folder + "/a.npz") == read_file(folder + "/b.npz"));
  const Arrays back = read_npz(folder + "/a.npz");
  REQUIRE(back.size() == arrays.size());
  for (const auto& [name, array] : arrays) {
    CAPTURE(name);
    CHECK(back.at(name).type == array.type);
    CHECK(back.at(name).shape == array.shape);
    CHECK(back.at(name).bytes == array.bytes);
  }
  CHECK(back.at("integers").at(0) == -3.0);
  CHECK(back.at("bytes").at(2) == 255.0);
  CHECK(back.at("scalar").at(0) == 3.141592653589793);
}

TEST_CASE("elements start at a multiple of 64 bytes and the header ends with a newline (NEP 1)") {
  for (size_t rank = 0; rank < 12; ++rank) {
    const Array array = Array::of_floats(std::vector<uint64_t>(rank, 1), std::vector<float>{1.0f});
    const std::vector<uint8_t> bytes = write_npy(array);
    CHECK((bytes.size() - 4) % 64 == 0);
    CHECK(bytes[bytes.size() - 5] == '\n');
    CHECK(parse_npy(bytes, "x").shape == array.shape);
  }
}

TEST_CASE("headers in any legal spelling are read") {
  CHECK(error_of(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n", 24)).empty());
  CHECK(error_of(npy("{\"shape\":(6,),\"fortran_order\":False,\"descr\":\"<f4\"}", 24)).empty());
  CHECK(error_of(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", 4, 2)).empty());
  CHECK(error_of(npy("{'descr': '=u1', 'fortran_order': False, 'shape': (0, 9), }", 0, 3)).empty());
}

TEST_CASE("what is wrong with an .npy is said with its offset") {
  const std::string good = "'fortran_order': False, 'shape': (2,), }";
  CHECK_THAT(error_of({}), Contains("x.npy: offset 0x0: not an .npy"));
  CHECK_THAT(error_of(npy("{'descr': '>f4', " + good, 8)), Contains("offset 0x14") && Contains("element type '>f4'"));
  CHECK_THAT(error_of(npy("{'descr': '<f4', " + good, 7)), Contains("takes 8 bytes, the file has 7"));
  CHECK_THAT(error_of(npy("{'descr': '<f4', " + good, 9)), Contains("takes 8 bytes, the file has 9"));
  CHECK_THAT(error_of(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2,)}", 8)), Contains("Fortran order"));
  CHECK_THAT(error_of(npy("{'descr': '<f4', 'fortran_order': False}", 8)), Contains("lacks"));
  CHECK_THAT(error_of(npy("{'descr': '<f4', 'x': 1, " + good, 8)), Contains("unexpected key 'x'"));
  const std::string long_key = error_of(npy("{'" + std::string(60'000, 'k') + "': 1, " + good, 8));
  CHECK_THAT(long_key, Contains("unexpected key 'kkkk"));
  CHECK(long_key.size() < 200);
  CHECK_THAT(error_of(npy(std::string("{'descr': '<f4\0\n', ", 20) + good, 8)), Contains("element type '<f4?"
                                                                                         "?' is not"));
  CHECK_THAT(error_of(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", 8)),
             Contains("too large"));
  CHECK_THAT(error_of(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1048576, 1048576, 1048576)}", 8)),
             Contains("too large"));
  CHECK_THAT(error_of(npy("{'descr': '<f4', " + good + "junk", 8)), Contains("after the header"));
  CHECK_THAT(error_of(npy("{'descr': '<f4', " + good, 8, 9)), Contains("version 9"));
  CHECK_THAT(error_of({0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, 0xff, 0xff}), Contains("a header of 65535 bytes"));
}

TEST_CASE("an .npz with a foreign member, a wrong archive or too many bytes is refused") {
  const std::string folder = scratch_folder();
  const std::string path = folder + "/a.npz";
  CHECK_THROWS_WITH(read_npz(folder + "/absent.npz"), Contains("absent.npz: cannot open"));
  CHECK_THROWS_WITH(read_npz(folder), Contains("is a folder"));
  write_file_atomically(path, std::string_view("not a zip archive at all"));
  CHECK_THROWS_WITH(read_npz(path), Contains("not an .npz file"));
  write_npz(path, some_arrays());
  CHECK_THROWS_WITH(read_npz(path, {.member_bytes = 100, .total_bytes = 1 << 20, .members = 9}), Contains("limit"));
  CHECK_THROWS_WITH(read_npz(path, {.member_bytes = 1 << 20, .total_bytes = 1 << 20, .members = 2}),
                    Contains("5 members"));
  CHECK_THROWS_AS(read_npz(path, {.member_bytes = 1 << 20, .total_bytes = 1200, .members = 9}), InputError);
}

TEST_CASE("any bytes in place of an .npy or .npz end in arrays or in an InputError") {
  std::mt19937 random(1);
  const std::vector<uint8_t> good_npy = write_npy(some_arrays().at("conv1.weight"));
  size_t accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    try {
      parse_npy(mutate(random, good_npy), "x");
      ++accepted;
    } catch (const InputError&) {
    }
  }
  CHECK(accepted > 0);
  CHECK(accepted < 20000);

  const std::string path = scratch_folder() + "/a.npz";
  write_npz(path, some_arrays());
  const std::vector<uint8_t> good_npz = read_file(path);
  size_t refused = 0;
  for (int i = 0; i < 2000; ++i) {
    write_file_atomically(path, mutate(random, good_npz));
    try {
      read_npz(path);
    } catch (const InputError&) {
      ++refused;
    }
  }
  CHECK(refused > 1000);
}

TEST_CASE("gzip streams: several members, truncation, rubbish and bombs") {
  // Two members, "ab" and "c", as gzip -n makes them.
  const std::vector<uint8_t> ab = {0x1f, 0x8b, 8, 0,    0,    0,    0,    0, 0, 3, 0x4b,
                                   0x4c, 2,    0, 0x6d, 0x48, 0x83, 0x9e, 2, 0, 0, 0};
  const std::vector<uint8_t> c = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b, 6, 0, 0x6f, 0xdf, 0xb9, 6, 1, 0, 0, 0};
  std::vector<uint8_t> both = ab;
  both.insert(both.end(), c.begin(), c.end());
  const std::vector<uint8_t> text = gunzip(both, "x.gz", 100);
  CHECK(std::string(text.begin(), text.end()) == "abc");
  CHECK_THROWS_WITH(gunzip(both, "x.gz", 2), Contains("more than 2 bytes"));
  both.pop_back();
  CHECK_THROWS_WITH(gunzip(both, "x.gz", 100), Contains("truncated"));
  both = ab;
  both[14] ^= 1;  // the checksum
  CHECK_THROWS_WITH(gunzip(both, "x.gz", 100), Contains("damaged"));
  both = ab;
  both.push_back('?');
  CHECK_THROWS_AS(gunzip(both, "x.gz", 100), InputError);
  std::mt19937 random(2);
  size_t largest = 0;
  for (int i = 0; i < 5000; ++i) {
    try {
      largest = std::max(largest, gunzip(mutate(random, ab), "x.gz", 1000).size());
    } catch (const InputError&) {
    }
  }
  CHECK(largest <= 1000);
}
