// Whose bytes crossed into DRAM, and how many fewer they are with elements of two precisions.
#include <catch2/catch.hpp>
#include <set>
#include <sstream>

#include "tests/system/board_run.h"

using namespace backboard::test;

namespace {

struct Sums {
  uint64_t read_bytes = 0, write_bytes = 0;
};

Sums sum_of(const RunOutcome& run, const std::string& initiator = "") {
  Sums sums;
  for (const TrafficLine& line : run.traffic_lines()) {
    if (!initiator.empty() && line.initiator != initiator) continue;
    sums.read_bytes += line.read_bytes;
    sums.write_bytes += line.write_bytes;
  }
  return sums;
}

/// Bytes that the NPU moved for tensors of a class.
uint64_t npu_bytes(const RunOutcome& run, const std::string& tensor_class) {
  uint64_t bytes = 0;
  for (const TrafficLine& line : run.traffic_lines()) {
    if (line.initiator == "npu" && line.tensor_class == tensor_class) bytes += line.bytes();
  }
  return bytes;
}

/// The NPU's lines of traffic.csv.
std::string npu_lines(const RunOutcome& run) {
  std::istringstream text(run.traffic);
  std::string lines;
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with("npu,")) lines += line + "\n";
  }
  return lines;
}

const std::string kPretrained = " --set weights=" SOURCE_FOLDER "/data/weights/net_s_mnist.npz ";

}  // namespace

TEST_CASE("traffic.csv adds up to what DRAM, the bus's ports and the NPU's DMA counted themselves") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 1, batch: 16, shuffle: 3}", 32);
  // Without direct memory every load and store of the core is a transaction, which DRAM itself counts; and with caches
  // everything that the core moves.
  const std::string no_caches = " --set platform.core.icache.enabled=false --set platform.core.dcache.enabled=false";
  struct Case {
    std::string options;
    bool data_past, code_past;  ///< the bus
  };
  for (const Case& core :
       {Case{no_caches, true, true}, Case{no_caches + " --set platform.core.direct_memory=false", false, true},
        Case{"", false, false}}) {
    for (const std::string engine : {"lnpu", "reference", "daa"}) {
      INFO(engine << core.options);
      const RunOutcome run = runs.run(file, "out", "--set platform.npu.engine=" + engine + core.options);
      REQUIRE(run.exit_code() == 0);
      const Sums all = sum_of(run), npu = sum_of(run, "npu");
      // Past the bus: loads and stores with direct memory, executed instructions always.
      const uint64_t data_read = run.stat("core.direct.dram.data_read_bytes");
      const uint64_t past_read = data_read + run.stat("core.direct.dram.code_read_bytes");
      const uint64_t past_written = run.stat("core.direct.dram.data_write_bytes");
      CHECK((data_read != 0) == core.data_past);
      CHECK((past_written != 0) == core.data_past);
      CHECK((past_read != data_read) == core.code_past);
      CHECK(all.read_bytes == run.stat("dram.read_bytes") + past_read);
      CHECK(all.write_bytes == run.stat("dram.write_bytes") + past_written);
      CHECK(all.read_bytes == run.summary["dram"]["read_bytes"].get<uint64_t>());
      CHECK(all.write_bytes == run.summary["dram"]["write_bytes"].get<uint64_t>());
      CHECK(npu.read_bytes == run.stat("npu.read_bytes"));
      CHECK(npu.write_bytes == run.stat("npu.write_bytes"));
      const auto energy_pj = [&](const std::string& cause) {
        return run.stats.at("npu.energy." + cause).at("value").get<double>();
      };
      double sum_pj = 0.0;
      for (const char* cause :
           {"multiply_low", "multiply_high", "accumulate", "control", "idle", "elementwise", "update", "buffer"}) {
        sum_pj += energy_pj(cause);
      }
      CHECK(sum_pj > 0.0);
      CHECK(energy_pj("total") == Approx(sum_pj));
      CHECK(run.summary["npu"]["energy_uj"].get<double>() == Approx(sum_pj / 1e6));
      uint64_t by_class = 0;
      for (const char* pair : {"LL", "LH", "HL", "HH", "zero"})
        by_class += run.stat(std::string("npu.macs_by_class.") + pair);
      // The reference engine knows no classes.
      CHECK(by_class == (engine == "reference" ? 0 : run.stat("npu.macs")));
      CHECK(run.stat("npu.cycles.multipliers") <= run.stat("npu.compute_cycles"));
      CHECK(run.stat("npu.cycles.elementwise") > 0);
      CHECK(run.stat("npu.cycles.update") > 0);
      CHECK(energy_pj("update") > 0);
    }
  }
}

TEST_CASE("without caches, with tags and with data: the same weights, losses and bytes of the NPU") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 2, batch: 16, shuffle: 3}", 48);
  const auto options = [](const char* enabled, const char* data) {
    std::string text;
    for (const std::string cache : {"icache", "dcache"}) {
      text += " --set platform.core." + cache + ".enabled=" + enabled;
      text += " --set platform.core." + cache + ".data=" + data;
    }
    return text;
  };
  for (const std::string engine : {"lnpu", "reference"}) {
    INFO(engine);
    const std::string more = " --set platform.npu.engine=" + engine;
    const RunOutcome none = runs.run(file, "none", options("false", "true") + more);
    const RunOutcome tags = runs.run(file, "tags", options("true", "false") + more);
    const RunOutcome data = runs.run(file, "data", options("true", "true") + more);
    for (const RunOutcome* run : {&none, &tags, &data}) {
      REQUIRE(run->exit_code() == 0);
      CHECK(run->summary["findings"] == 0);
      check_same_training(*run, none);
      CHECK(npu_lines(*run) == npu_lines(none));
    }
    CHECK_FALSE(npu_lines(none).empty());
    // The driver maintains enough, so that data and tags are the same run, to the picosecond and the last byte.
    check_same_run(data, tags);
    CHECK(data.stat("core.dcache.cleans") > 0);
    CHECK(data.stat("core.dcache.invalidates") > 0);
    CHECK(data.stat("core.dcache.write_backs") > 0);
    CHECK(data.stat("core.icache.hits") > 100 * data.stat("core.icache.fills"));
    CHECK(data.simulated_ps() < none.simulated_ps());
  }
}

TEST_CASE("every layer and phase of net S has its rows, and a frozen layer has none of training") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 1, batch: 16}", 16);
  const auto rows = [&](const std::string& policy) {
    std::set<std::string> found;
    const RunOutcome run = runs.run(file, "out", "--set policy=" + policy);
    REQUIRE(run.exit_code() == 0);
    for (const TrafficLine& line : run.traffic_lines()) {
      if (line.initiator == "npu") found.insert(line.layer + line.phase);
      if (line.layer == "0") CHECK(line.name == "conv1");
      if (line.layer == "-") CHECK(line.name.empty());
    }
    return found;
  };
  // Layers as the plan counts them: conv1, pool, conv2, pool, conv3, pool, fc1, fc2, loss; a ReLU lives in its layer.
  const std::set<std::string> full = rows("full");
  for (const char* row :
       {"0FF", "2FF", "4FF", "6FF", "7FF", "0WG", "2WG", "4WG", "6WG", "7WG", "1BP", "2BP", "4BP", "6BP", "7BP"}) {
    INFO(row);
    CHECK(full.count(row) == 1);
  }
  CHECK(full.count("0BP") == 0);  // nobody wants the error of the input
  const std::set<std::string> last = rows("last:1");
  CHECK(last.count("7WG") == 1);
  for (const char* row : {"0WG", "2WG", "4WG", "6WG", "1BP", "6BP", "7BP"}) {
    INFO(row);
    CHECK(last.count(row) == 0);
  }
}

TEST_CASE("FGMP moves fewer bytes than dense FP16 and than FP16 with the same zero bitmap, and trains as well") {
  const BoardRuns runs;
  const std::string file =
      runs.small_run("{epochs: 3, batch: 16, shuffle: 1, learning_rate: 0.02, fgmp_share: 0.1}", 100);
  const RunOutcome fgmp = runs.run(file, "fgmp", kPretrained);
  const RunOutcome bitmap = runs.run(file, "bitmap", kPretrained + "--set compile.formats.all=fp16z");
  const RunOutcome dense = runs.run(file, "dense", kPretrained + "--set compile.formats.all=fp16");
  for (const RunOutcome* run : {&fgmp, &bitmap, &dense}) {
    INFO(run->program.err);
    REQUIRE(run->exit_code() == 0);
    CHECK(run->summary["training"]["accuracy_after"] > run->summary["training"]["accuracy_before"]);
  }
  INFO("DRAM bytes: FGMP " << fgmp.dram_bytes() << ", FP16Z " << bitmap.dram_bytes() << ", FP16 "
                           << dense.dram_bytes());
  CHECK(fgmp.dram_bytes() < bitmap.dram_bytes());
  CHECK(bitmap.dram_bytes() < dense.dram_bytes());
  for (const char* tensor_class : {"ACTIVATION", "ERROR", "WEIGHT"}) {
    INFO(tensor_class);
    CHECK(npu_bytes(fgmp, tensor_class) < npu_bytes(bitmap, tensor_class));
  }
  CHECK(npu_bytes(fgmp, "ACTIVATION") < npu_bytes(dense, "ACTIVATION") * 6 / 10);
  // FP16 has every element in 16 bits; FGMP has fewer than 0.611 of them, the published saving, in the error tensors.
  CHECK(npu_bytes(fgmp, "ERROR") < npu_bytes(dense, "ERROR") * 6 / 10);

  // Shares by class, counted when elements are produced. The same elements, whatever the storage.
  for (const std::string part : {"activation", "error"}) {
    INFO(part);
    const auto count = [&](const RunOutcome& run, const char* what) {
      return run.stat("npu.produced." + part + "." + what);
    };
    const auto elements = [&](const RunOutcome& run) {
      return count(run, "zeros") + count(run, "low") + count(run, "high");
    };
    CHECK(elements(fgmp) == elements(dense));
    CHECK(elements(bitmap) == elements(dense));
    CHECK(count(fgmp, "low") > 0);
    CHECK(count(dense, "low") == 0);
    CHECK(count(bitmap, "low") == 0);
    CHECK(count(bitmap, "zeros") > elements(bitmap) / 4);
    const double share = fgmp.stats["npu.produced." + part + ".high_share"]["value"];
    CHECK(share == Approx(static_cast<double>(count(fgmp, "high")) /
                          static_cast<double>(count(fgmp, "high") + count(fgmp, "low"))));
    CHECK(share < 0.5);
  }
}

TEST_CASE("the bytes of coded tensors follow from the counted classes") {
  // Codec: N + nnz + 8 low + 16 high bits, rounded up by block; FP16Z has no precision bitmap: N + 16 high bits.
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 1, batch: 16, shuffle: 1}", 32);
  for (const std::string format : {"fgmp", "fp16z"}) {
    INFO(format);
    const RunOutcome run = runs.run(file, "out", "--set compile.formats.all=" + format);
    REQUIRE(run.exit_code() == 0);
    uint64_t written = 0, blocks = 0;
    for (const TrafficLine& line : run.traffic_lines()) {
      if (line.initiator != "npu" || line.tensor_class != "ACTIVATION") continue;
      written += line.write_bytes;
      blocks += line.writes;
    }
    const uint64_t zeros = run.stat("npu.produced.activation.zeros");
    const uint64_t low = run.stat("npu.produced.activation.low");
    const uint64_t high = run.stat("npu.produced.activation.high");
    // Dense FP16 logits are activations too: 10 a class and image, of 32 + 32 images in training and two evaluations.
    const uint64_t logits = 10 * (32 + 32 + 32);
    const uint64_t tags = format == "fgmp" ? low + high : 0;
    const uint64_t bits = zeros + low + high + tags + 8 * low + 16 * high;
    INFO("written " << written << " in " << blocks << " transactions, " << bits / 8 << " by the formula");
    CHECK(written >= bits / 8 - 3 * logits);
    // Rounded up to bytes in each of the streams of a block, of 64 elements at least.
    CHECK(written <= bits / 8 + (zeros + low + high) / 16);
  }
}
