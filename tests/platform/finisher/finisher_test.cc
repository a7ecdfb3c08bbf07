#include "platform/finisher/finisher.h"

#include <catch2/catch.hpp>

#include "tests/support/device_bench.h"

namespace backboard {
namespace {

struct EndLog final : EndSink {
  struct End {
    EndCause cause;
    int code;
    uint64_t time_ps;
    bool operator==(const End&) const = default;
  };
  void end(EndCause cause, int code, uint64_t time_ps) override { ends.push_back({cause, code, time_ps}); }
  std::vector<End> ends;
};

struct FinisherBench : test::DeviceBench {
  FinisherBench() : finisher(ends, findings) { target = &finisher; }
  EndLog ends;
  Finisher finisher;
};

TEST_CASE("the finisher knows pass, fail with a code, and reset") {
  FinisherBench bench;
  bench.queue.run_until(77);
  bench.write(0, 0x5555);
  bench.write(0, 0x3333 | (42u << 16));
  bench.write(0, 0x3333);
  bench.write(0, 0x7777);
  bench.write(0, 0x5555, 2);
  using End = EndLog::End;
  CHECK(bench.ends.ends == std::vector<End>{{EndCause::passed, 0, 77},
                                            {EndCause::failed, 42, 77},
                                            {EndCause::failed, 1, 77},
                                            {EndCause::reset, 0, 77},
                                            {EndCause::passed, 0, 77}});
  CHECK(bench.findings.list.empty());
}

TEST_CASE("other values, reads and other sizes end nothing and are findings") {
  FinisherBench bench;
  bench.write(0, 0x1234);
  CHECK(bench.response == BusResponse::ok);
  bench.read(0);
  CHECK(bench.response == BusResponse::target);
  bench.write(0, 0x55, 1);
  CHECK(bench.response == BusResponse::target);
  bench.write(8, 0x5555);
  CHECK(bench.response == BusResponse::target);
  CHECK(bench.ends.ends.empty());
  CHECK(bench.findings.list.size() == 4);
}

}  // namespace
}  // namespace backboard
