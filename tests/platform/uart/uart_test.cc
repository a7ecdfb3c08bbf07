#include "platform/uart/uart.h"

#include <catch2/catch.hpp>

#include "tests/support/device_bench.h"

namespace backboard {
namespace {

constexpr uint32_t kLine = 10;
constexpr uint64_t kRbr = 0, kThr = 0, kDll = 0, kIer = 1, kDlm = 1, kIir = 2, kFcr = 2, kLcr = 3, kMcr = 4, kLsr = 5,
                   kMsr = 6, kScr = 7;

struct UartBench : test::DeviceBench {
  explicit UartBench(UartConfig config = {}) : uart(config, queue, wires, kLine, sink, findings) { target = &uart; }
  uint32_t in(uint64_t offset) { return read(offset, 1); }
  void out(uint64_t offset, uint32_t value) { write(offset, value, 1); }
  MemorySink sink;
  Uart uart;
};

TEST_CASE("a polling driver sees THRE set and its bytes leave in order") {
  UartBench bench;
  for (const char c : std::string("hello\n")) {
    REQUIRE((bench.in(kLsr)&0x60) == 0x60);
    bench.out(kThr, static_cast<uint8_t>(c));
  }
  CHECK(bench.sink.text() == "hello\n");
  CHECK(bench.uart.transmitted_bytes() == 6);
  CHECK(bench.wires.changes.empty());
  CHECK(bench.findings.list.empty());
}

TEST_CASE("the probe of Linux's 8250 driver finds a 16550A") {
  UartBench bench;
  // autoconfig(): IER keeps only its low four bits, the scratch register keeps a byte, FCR = 1 shows IIR bits 7:6 = 3.
  bench.out(kIer, 0xFF);
  CHECK(bench.in(kIer) == 0x0F);
  bench.out(kIer, 0);
  bench.out(kScr, 0xA5);
  CHECK(bench.in(kScr) == 0xA5);
  CHECK((bench.in(kIir) >> 6) == 0);
  bench.out(kFcr, 1);
  CHECK((bench.in(kIir) >> 6) == 3);
  // Loop back with RTS and OUT2 shows CTS and DCD.
  bench.out(kMcr, 0x1A);
  CHECK((bench.in(kMsr)&0xF0) == 0x90);
  bench.out(kMcr, 0);
  CHECK((bench.in(kMsr)&0xF0) == 0xB0);
}

TEST_CASE("DLAB hides the data and interrupt registers behind the divisor") {
  UartBench bench;
  bench.out(kLcr, 0x83);
  CHECK(bench.in(kDll) == 0x0C);
  bench.out(kDll, 0x34);
  bench.out(kDlm, 0x12);
  CHECK(bench.in(kDll) == 0x34);
  CHECK(bench.in(kDlm) == 0x12);
  bench.out(kLcr, 0x03);
  CHECK(bench.in(kIer) == 0);
  CHECK(bench.sink.text().empty());  // writing the divisor sent nothing
}

TEST_CASE("the THRE interrupt rises when enabled and falls when IIR shows it or THR is written") {
  UartBench bench;
  bench.out(kIer, 2);
  CHECK(bench.wires.level(kLine));
  CHECK(bench.in(kIir) == 0x02);
  CHECK_FALSE(bench.wires.level(kLine));
  CHECK(bench.in(kIir) == 0x01);
  // In the instant mode the byte leaves within the write: empty again, pending again.
  bench.out(kThr, 'x');
  CHECK(bench.wires.level(kLine));
  bench.out(kIer, 0);
  CHECK_FALSE(bench.wires.level(kLine));
}

TEST_CASE("received bytes raise the interrupt at the trigger level and at the time-out below it") {
  UartBench bench;
  bench.out(kLcr, 0x03);
  bench.out(kFcr, 0x41);  // FIFO, trigger level 4
  bench.out(kIer, 1);
  for (uint64_t i = 0; i < 4; ++i) bench.uart.receive_at(1000 * (i + 1), static_cast<uint8_t>('a' + i));
  bench.queue.run_until(3000);
  CHECK_FALSE(bench.wires.level(kLine));
  CHECK((bench.in(kLsr)&1) == 1);
  bench.queue.run_until(4000);
  CHECK(bench.wires.level(kLine));
  CHECK(bench.in(kIir) == 0xC4);
  CHECK(bench.in(kRbr) == 'a');
  CHECK_FALSE(bench.wires.level(kLine));  // three are left
  // Four frames of 10 bits, 16 x 12 clocks a bit, 3,686,400 Hz: 10 x 192 / 3686400 s = 520,833,333.3 ps a frame, which
  // ends in the picosecond after.
  const uint64_t quiet_ps = 4 * 520'833'334ull;
  bench.queue.run_until(4000 + quiet_ps - 1);
  CHECK_FALSE(bench.wires.level(kLine));
  bench.queue.run_until(4000 + quiet_ps);
  CHECK(bench.wires.level(kLine));
  CHECK(bench.in(kIir) == 0xCC);
  CHECK(bench.in(kRbr) == 'b');
  CHECK_FALSE(bench.wires.level(kLine));
  CHECK(bench.uart.input_log().size() == 4);
}

TEST_CASE("an overrun keeps the FIFO, sets OE once, and is told apart from data") {
  UartBench bench;
  bench.out(kFcr, 0xC1);
  bench.out(kIer, 4);
  for (uint8_t i = 0; i < 17; ++i) bench.uart.receive_at(i, i);
  bench.queue.run_until(20);
  CHECK(bench.in(kIir) == 0xC6);
  CHECK((bench.in(kLsr)&3) == 3);
  CHECK((bench.in(kLsr)&3) == 1);
  CHECK_FALSE(bench.wires.level(kLine));
  for (uint8_t i = 0; i < 16; ++i) CHECK(bench.in(kRbr) == i);
  CHECK((bench.in(kLsr)&1) == 0);
}

TEST_CASE("timed transmission takes one frame a byte and a full FIFO loses bytes with a finding") {
  UartBench bench({.transmit = UartTransmit::timed, .clock_hz = 1'600'000});
  bench.out(kLcr, 0x83);
  bench.out(kDll, 1);  // 100,000 baud
  bench.out(kDlm, 0);
  bench.out(kLcr, 0x03);  // 8N1: 10 bits, 100 us a frame
  bench.out(kFcr, 1);
  bench.out(kIer, 2);
  CHECK(bench.in(kIir) == 0xC2);  // empty when enabled
  bench.out(kThr, 'a');           // goes straight to the shifter: empty again
  CHECK(bench.in(kIir) == 0xC2);
  for (int i = 0; i < 16; ++i) bench.out(kThr, static_cast<uint32_t>('b' + i));
  CHECK(bench.findings.list.empty());
  bench.out(kThr, '!');
  REQUIRE(bench.findings.list.size() == 1);
  CHECK(bench.findings.list[0].reg == "UART_THR");
  CHECK((bench.in(kLsr)&0x60) == 0);
  const uint64_t frame_ps = 100'000'000;
  bench.queue.run_until(frame_ps - 1);
  CHECK(bench.sink.text().empty());
  bench.queue.run_until(frame_ps);
  CHECK(bench.sink.text() == "a");
  bench.queue.run_until(16 * frame_ps - 1);
  CHECK_FALSE(bench.wires.level(kLine));
  bench.queue.run_until(16 * frame_ps);  // the last of the FIFO enters the shifter
  CHECK(bench.wires.level(kLine));
  CHECK((bench.in(kLsr)&0x60) == 0x20);
  bench.queue.run_until(17 * frame_ps);
  CHECK((bench.in(kLsr)&0x60) == 0x60);
  CHECK(bench.sink.text() == "abcdefghijklmnopq");
}

TEST_CASE("accesses that the bus refuses are findings and change nothing, and a debugger's read pops nothing") {
  UartBench bench;
  bench.read(kLsr, 4);
  CHECK(bench.response == BusResponse::target);
  bench.out(kLsr, 0);
  CHECK(bench.response == BusResponse::target);
  bench.in(0x40);
  CHECK(bench.response == BusResponse::target);
  CHECK(bench.findings.list.size() == 3);
  CHECK(bench.findings.list[1].reg == "UART_LSR");
  bench.uart.receive_at(0, 'q');
  bench.queue.run_until(0);
  CHECK(bench.peek(kRbr, 1) == 'q');
  CHECK(bench.in(kRbr) == 'q');
  CHECK((bench.in(kLsr)&1) == 0);
}

TEST_CASE("a UART restored in mid-transmission goes on as if it had never been saved") {
  const UartConfig config{.transmit = UartTransmit::timed, .clock_hz = 1'600'000};
  const auto prepare = [](UartBench& bench) {
    bench.out(kFcr, 1);
    for (const char c : std::string("restore")) bench.out(kThr, static_cast<uint8_t>(c));
    bench.uart.receive_at(5'000'000'000, 'z');
  };
  UartBench never(config), saved(config), restored(config);
  prepare(never);
  prepare(saved);
  saved.queue.run_until(3'000'000'000);
  StateArchive out;
  saved.queue.state(out);
  saved.uart.state(out);
  StateArchive in(out.bytes(), "memory");
  restored.queue.state(in);
  restored.uart.state(in);
  REQUIRE(in.at_end());
  for (UartBench* bench : {&never, &saved, &restored}) bench->queue.run_until(100'000'000'000);
  CHECK(never.sink.text() == "restore");
  CHECK(saved.sink.text() == "restore");
  // The saved one had sent so much: 7 bits + start + stop at reset LCR (5N1: 7 bits), 12 x 16 / 1.6 MHz = 120 us a bit,
  // 840 us a frame: 3 frames in 3 ms.
  CHECK(restored.sink.text() == "tore");
  CHECK(restored.in(kRbr) == 'z');
  CHECK(never.in(kRbr) == 'z');
}

}  // namespace
}  // namespace backboard
