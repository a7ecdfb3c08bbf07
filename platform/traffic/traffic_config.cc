#include "platform/traffic/traffic_config.h"

#include <algorithm>
#include <bit>

#include "platform/bus/router_config.h"

namespace backboard {
namespace {

/// Without these a FIFO would hold more pieces than the generator keeps an eye on.
constexpr uint64_t kMostPieces = 4096;

const char* part_of(TrafficKind kind) {
  switch (kind) {
    case TrafficKind::camera:
    case TrafficKind::display:
      return "frame";
    case TrafficKind::bursty:
      return "burst";
    case TrafficKind::random:
      return "random";
    case TrafficKind::trace:
      return "trace";
  }
  return "";
}

void check_frame(const FrameConfig& frame, uint64_t request, uint64_t size) {
  if (frame.line_bytes % request != 0) throw ConfigRule("frame.line", "is no multiple of `request`");
  if (frame.fifo_bytes % request != 0) throw ConfigRule("frame.fifo", "is no multiple of `request`");
  if (frame.fifo_bytes / request < 2) throw ConfigRule("frame.fifo", "holds fewer than two requests");
  if (frame.fifo_bytes / request > kMostPieces) throw ConfigRule("frame.fifo", "holds more than 4096 requests");
  if (frame.line_time_ps < frame.line_bytes / request) throw ConfigRule("frame.line_time", "below 1 ps a request");
  if (frame.frame_bytes() > size) throw ConfigRule("size", "holds no frame");
}

}  // namespace

void TrafficConfig::check() const {
  const bool plain = std::all_of(name.begin(), name.end(),
                                 [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
  if (name.empty() || name.size() > 32 || !plain) {
    throw ConfigRule("name", "must be 1 to 32 lower case letters, digits and '_'");
  }
  const std::pair<const char*, bool> parts[] = {{"frame", frame.has_value()},
                                                {"burst", burst.has_value()},
                                                {"random", random.has_value()},
                                                {"trace", trace.has_value()}};
  for (const auto& [part, given] : parts) {
    const bool wanted = std::string(part) == part_of(kind);
    if (wanted && !given) throw ConfigRule("kind", std::string("needs `") + part + "`");
    if (!wanted && given)
      throw ConfigRule(part, std::string("is for another kind; this one has `") + part_of(kind) + "`");
  }
  if (!std::has_single_bit(request_bytes)) throw ConfigRule("request", "must be a power of two");
  if (base % request_bytes != 0) throw ConfigRule("base", "must be a multiple of `request`");
  if (size_bytes < request_bytes) throw ConfigRule("size", "holds no request");
  if (frame) check_frame(*frame, request_bytes, size_bytes);
  if (burst && burst->bytes % request_bytes != 0) throw ConfigRule("burst.bytes", "is no multiple of `request`");
  if (trace && trace->file.empty()) throw ConfigRule("trace.file", "names no file");
}

void check_traffic(const std::vector<TrafficConfig>& generators, const std::string& key) {
  std::vector<std::string> taken;
  for (size_t i = 0; i < kBusMasters; ++i) taken.emplace_back(name_of(static_cast<BusMaster>(i)));
  for (size_t i = 0; i < kOwnInitiators; ++i) taken.emplace_back(name_of(static_cast<Initiator>(i)));
  for (size_t i = 0; i < generators.size(); ++i) {
    const std::string& name = generators[i].name;
    if (std::find(taken.begin(), taken.end(), name) != taken.end()) {
      throw ConfigRule(key + "." + std::to_string(i) + ".name", "'" + name + "' is another master's name");
    }
    taken.push_back(name);
  }
}

}  // namespace backboard
