// Requests that are submitted now and answered later: the asynchronous side of the bus (`timing: at`).
//
// A master (RequestClient) holds a RequestPort. It submits a request with a tag of its choice and goes on; the answer
// comes as a call with that tag. Nothing waits and nothing is a closure, so that whatever is in flight is plain data:
// a request is named by (master, tag), its bytes stay with the master that made it, and a board can be saved and
// restored between any two events. platform/tlm carries the same calls over four-phase sockets:
//   submit            BEGIN_REQ
//   ready             END_REQ (the time that `submit` returns, or `on_ready`)
//   on_response       BEGIN_RESP; its return is END_RESP
//
// A master with one request at a time:
//
//   bool fetch(uint64_t address) {              // at queue.now_ps()
//     BusRequest request;
//     request.address = address, request.size = 64, request.tag = 0, request.time_ps = queue.now_ps();
//     request.who = {.initiator = Initiator::core_data, .phase = Phase::kCODE};
//     port.submit(request);                     // one at a time: never submits before the answer, so never not ready
//   }
//   uint8_t* request_data(RequestTag) override { return line.data(); }
//   void on_response(RequestTag, BusResponse response, uint64_t time_ps) override { ... line is filled ... }
#pragma once

#include <cstdint>

#include "platform/bus/access.h"
#include "platform/state/archive.h"

namespace backboard {

/// A master's name for one of its requests in flight; free again when the request is answered. Tables are indexed by
/// it: count from 0.
using RequestTag = uint16_t;
inline constexpr uint32_t kLargestRequestBytes = 8192;
inline constexpr uint64_t kNoDeadline = UINT64_MAX;

/// One request of up to a page. Addresses are absolute before the bus and relative to the target behind it.
struct BusRequest {
  uint64_t address = 0;
  /// When it reaches the port: the queue's present or later, not before the time at which the port was ready, and not
  /// before an earlier request of the same port.
  uint64_t time_ps = 0;
  uint64_t deadline_ps = kNoDeadline;  ///< when the master needs the answer; later ones are counted as missed
  uint32_t size = 0;                   ///< bytes, 1 to kLargestRequestBytes
  RequestTag tag = 0;
  uint8_t master = 0;  ///< number of the bus port; the bus fills it in
  BusOp op = BusOp::read;
  Attribution who;
};

/// Saves or restores a request field by field, so that no padding reaches a file.
inline void save_request(StateArchive& archive, BusRequest& request) {
  archive.value("address", request.address);
  archive.value("time_ps", request.time_ps);
  archive.value("deadline_ps", request.deadline_ps);
  archive.value("size", request.size);
  archive.value("tag", request.tag);
  archive.value("master", request.master);
  archive.value("op", request.op);
  archive.value("initiator", request.who.initiator);
  archive.value("phase", request.who.phase);
  archive.value("tensor", request.who.tensor);
  archive.value("layer", request.who.layer);
  archive.value("command", request.who.command);
  archive.value("ring", request.who.ring);
}

/// Whoever submits requests.
class RequestClient {
 public:
  virtual ~RequestClient() = default;
  /// The `size` bytes of request `tag`, to be filled (read) or taken (write) when its data move: any time from its
  /// submission to its answer, in pieces. Until then the place stays the same (a restored board has others), and so do
  /// the contents of a write. A master that gives a request up keeps its bytes until the answer.
  virtual uint8_t* request_data(RequestTag tag) = 0;
  /// Request `tag` is answered at `time_ps`: the tag is free, a read's bytes are there. Ports of the bus call at that
  /// time; a target may call as soon as the time is known, also from within `submit`.
  virtual void on_response(RequestTag tag, BusResponse response, uint64_t time_ps) = 0;
  /// The port takes the next request from `time_ps` on. Called once after each `submit` that returned kLater.
  virtual void on_ready(uint64_t time_ps) { static_cast<void>(time_ps); }
};

/// Where requests go: a master's way into the bus, the bus's way into a target. A port has one client.
class RequestPort {
 public:
  /// What `submit` returns while it is not known when the next request may follow.
  static constexpr uint64_t kLater = UINT64_MAX;

  virtual ~RequestPort() = default;
  /// Takes the request: every request that is taken is answered exactly once. Returns the time from which the port
  /// takes the next one, `request.time_ps` or later; or kLater: then none may be submitted before `on_ready` (that is
  /// the back-pressure). Breaking that, or a tag in flight, a size of 0 or beyond the limit, is a programming error.
  /// Whatever the address: mistakes come back as a response.
  virtual uint64_t submit(const BusRequest& request) = 0;
  /// Parts of the port that take requests independently of each other, as the channels of a memory do: a power of two.
  /// A request waits for the lane of its first byte; the time that `submit` returns is that lane's.
  virtual unsigned lanes() const { return 1; }
  virtual unsigned lane_of(uint64_t address) const { return static_cast<void>(address), 0; }
  /// The client, before the first request.
  virtual void set_client(RequestClient& client) = 0;
};

}  // namespace backboard
