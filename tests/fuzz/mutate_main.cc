// A deterministic mutator: the same arguments try the same inputs on every host.
//   NAME [--runs N] [--seed S]     mutate the target's seeds N times
//   NAME --write-corpus DIR        write the seeds as files, a first corpus for libFuzzer
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "tests/fuzz/fuzz_target.h"

namespace {

using Input = std::vector<uint8_t>;

constexpr size_t kLargestInput = 1 << 20;

// Values at which lengths, counts and offsets break.
constexpr uint32_t kInteresting[] = {0,      1,       0x7f,       0x80,       0xff,       0x7fff,    0x8000,
                                     0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff};

size_t below(std::mt19937& random, size_t limit) {
  return limit ? random() % limit : 0;
}

void mutate_once(Input& input, const std::vector<Input>& seeds, std::mt19937& random) {
  const size_t at = below(random, input.size());
  switch (random() % 8) {
    case 0:
      if (!input.empty()) input[at] ^= static_cast<uint8_t>(1u << (random() % 8));
      break;
    case 1:
      if (!input.empty()) input[at] = static_cast<uint8_t>(random());
      break;
    case 2:
      input.resize(at);
      break;
    case 3: {  // a 32-bit field with a value at an edge
      const uint32_t value = kInteresting[below(random, std::size(kInteresting))];
      const size_t field = at & ~size_t{3};
      for (size_t i = 0; i < 4 && field + i < input.size(); ++i)
        input[field + i] = static_cast<uint8_t>(value >> (8 * i));
      break;
    }
    case 4:
      input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), 1 + random() % 16, static_cast<uint8_t>(random()));
      break;
    case 5: {
      const size_t length = std::min<size_t>(input.size() - at, 1 + random() % 64);
      input.erase(input.begin() + static_cast<std::ptrdiff_t>(at),
                  input.begin() + static_cast<std::ptrdiff_t>(at + length));
      break;
    }
    case 6: {  // a piece of another seed
      const Input& other = seeds[below(random, seeds.size())];
      if (other.empty()) break;
      const size_t from = below(random, other.size());
      const size_t length = std::min<size_t>(other.size() - from, 1 + random() % 256);
      for (size_t i = 0; i < length && at + i < input.size(); ++i) input[at + i] = other[from + i];
      break;
    }
    default: {  // a piece twice
      const size_t length = std::min<size_t>(input.size() - at, 1 + random() % 128);
      const Input piece(input.begin() + static_cast<std::ptrdiff_t>(at),
                        input.begin() + static_cast<std::ptrdiff_t>(at + length));
      input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), piece.begin(), piece.end());
      break;
    }
  }
  if (input.size() > kLargestInput) input.resize(kLargestInput);
}

int write_corpus(const std::string& directory) {
  std::filesystem::create_directories(directory);
  unsigned number = 0;
  for (const Input& seed : fuzz_seeds()) {
    std::ofstream file(directory + "/seed" + std::to_string(number++), std::ios::binary);
    file.write(reinterpret_cast<const char*>(seed.data()), static_cast<std::streamsize>(seed.size()));
    if (!file) return 2;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t runs = 2000;
  uint32_t seed = 1;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--runs") {
      runs = std::strtoull(argv[i + 1], nullptr, 10);
    } else if (option == "--seed") {
      seed = static_cast<uint32_t>(std::strtoul(argv[i + 1], nullptr, 10));
    } else if (option == "--write-corpus") {
      return write_corpus(argv[i + 1]);
    } else {
      std::fprintf(stderr, "unknown option %s\n", option.c_str());
      return 2;
    }
  }
  const std::vector<Input> seeds = fuzz_seeds();
  if (seeds.empty()) return 2;
  for (const Input& input : seeds) LLVMFuzzerTestOneInput(input.data(), input.size());
  std::mt19937 random(seed);
  for (uint64_t run = 0; run < runs; ++run) {
    Input input = seeds[below(random, seeds.size())];
    for (unsigned n = 1 + random() % 6; n > 0; --n) mutate_once(input, seeds, random);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%llu inputs from %zu seeds\n", static_cast<unsigned long long>(runs), seeds.size());
  return 0;
}
