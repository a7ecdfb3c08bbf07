// NS16550A UART, as in QEMU's virt machine.
#pragma once

#include <cstdint>
#include <vector>

#include "platform/bus/access.h"
#include "platform/config/fields.h"
#include "platform/events/event_queue.h"
#include "platform/findings/finding.h"
#include "platform/regs/reg_bank.h"
#include "platform/uart/character_sink.h"

namespace backboard {

/// When a written byte has left.
enum class UartTransmit : uint8_t {
  instant,  ///< at once: the holding register is empty again when the write returns, as in QEMU
  timed,    ///< after one frame of the programmed divisor and line control, behind the bytes before it
};

struct UartConfig {
  UartTransmit transmit = UartTransmit::instant;
  uint64_t clock_hz = 3'686'400;  ///< input of the divisor; a bit takes 16 x divisor clocks
  template <class V>
  void fields(V& v) {
    v("transmit", transmit, Choices<UartTransmit>{{"instant", UartTransmit::instant}, {"timed", UartTransmit::timed}},
      "Transmission takes no time, or the time of the programmed baud rate");
    v("clock", clock_hz, Hertz{1'000, 1'000'000'000}, "Clock that the divisor divides, 16 times the baud rate");
  }
};

/// A received byte and when it arrived.
struct StampedByte {
  uint64_t time_ps = 0;
  uint64_t byte = 0;
};

/// Told of what whoever sits at the other end of the wire would notice.
class UartInputObserver {
 public:
  virtual ~UartInputObserver() = default;
  /// The guest has begun to look for input: from now on `listening()`.
  virtual void on_listening() = 0;
  /// A byte from outside arrives.
  virtual void on_input(uint8_t byte, uint64_t time_ps) = 0;
};

/// The UART. Source: PC16550D data sheet, sections 8.0 to 8.8.
///
/// THRE semantics in both modes: the interrupt becomes pending when the holding register (FIFO) gets empty and when its
/// enable bit is set while it is empty; it is cleared by writing THR and by a read of IIR that shows it.
/// The character time-out (four frames without a read or a reception, FIFO not empty) always follows the divisor.
class Uart final : public BusTarget, public EventClient, public Saved {
 public:
  Uart(const UartConfig& config, EventQueue& queue, IrqSink& irq, uint32_t line, CharacterSink& sink,
       FindingSink& findings);

  BusResponse access(BusAccess& access, uint64_t& delay_ps) override;
  void on_event(uint64_t tag, uint64_t now_ps) override;
  void state(StateArchive& archive) override;

  /// The board is reset at `now_ps`: registers and FIFOs as after power-on. A byte in the shifter is lost; bytes that
  /// are still to arrive do arrive.
  void reset(uint64_t now_ps);

  /// A byte arrives from outside at `time_ps`, not before the queue's time nor before the byte given last. All input
  /// goes this way, and is logged, so that a run can be replayed.
  /// At one simulated time input comes before everything else, so that it does not matter when this was called.
  void receive_at(uint64_t time_ps, uint8_t byte);
  /// Whether the guest has ever read a register that tells of input (RBR, IIR, LSR). Before that it sets the UART up,
  /// and bytes would be lost.
  bool listening() const { return listening_; }
  void set_input_observer(UartInputObserver* observer) { observer_ = observer; }
  /// Time that a frame takes with the programmed divisor and line control.
  uint64_t frame_ps() const;
  /// Every byte that was given to `receive_at` since construction or restoring.
  const std::vector<StampedByte>& input_log() const { return input_; }

  uint64_t transmitted_bytes() const { return transmitted_; }
  uint64_t received_bytes() const { return received_; }
  uint64_t interrupts() const { return interrupts_; }  ///< rising edges of the wire

 private:
  /// The wire from outside: an event client of its own, because of its rank.
  struct Wire final : EventClient {
    explicit Wire(Uart& owner) : uart(owner) {}
    void on_event(uint64_t, uint64_t now_ps) override { uart.take_input(now_ps); }
    Uart& uart;
  };
  enum Tag : uint64_t { kShifted, kTimeOut };
  static constexpr size_t kFifoBytes = 16;

  void wire_registers();
  void write_fcr(uint32_t value);
  void transmit(uint8_t byte);
  void start_shifting();
  void leave(uint8_t byte);
  void receive(uint8_t byte);
  void take_input(uint64_t now_ps);
  void listen();
  void pop_received();
  void arm_time_out();
  void update_irq();
  size_t capacity() const { return fifo_enabled_ ? kFifoBytes : 1; }
  size_t trigger_level() const;
  uint32_t line_status() const;
  uint32_t identification() const;

  UartConfig config_;
  EventQueue& queue_;
  IrqSink& irq_;
  uint32_t line_;
  CharacterSink& sink_;
  FindingSink& findings_;
  EventQueue::ClientId client_;
  Wire wire_{*this};
  EventQueue::ClientId wire_client_;
  UartInputObserver* observer_ = nullptr;
  RegBank bank_;

  BusAccess* access_ = nullptr;  ///< being served, for findings; not state
  uint64_t now_ps_ = 0;          ///< of the access or event that is being served
  std::vector<uint8_t> received_fifo_, transmit_fifo_;
  std::vector<StampedByte> input_;
  uint64_t next_input_ = 0;  ///< index in input_
  uint8_t shifting_byte_ = 0;
  bool shifting_ = false;
  bool fifo_enabled_ = false;
  uint8_t trigger_ = 0;
  bool thre_pending_ = false;
  bool time_out_ = false;
  bool overrun_ = false;
  bool listening_ = false;
  bool level_ = false;
  uint64_t transmitted_ = 0, received_ = 0, interrupts_ = 0;
};

}  // namespace backboard
