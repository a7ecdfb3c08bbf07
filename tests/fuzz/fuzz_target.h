// What a fuzz target provides. One source serves two programs: a libFuzzer binary (preset `fuzz`, clang), and a
// deterministic mutator (tests/fuzz/mutate_main.cc) that CTest runs with every compiler.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

/// Parses one input. Returns 0; an InputError is a good answer, anything else that escapes is a bug.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

/// Well-formed inputs to start from, made by the project's own writers.
std::vector<std::vector<uint8_t>> fuzz_seeds();
