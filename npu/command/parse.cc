#include <cstring>

#include "npu/command/job.h"

namespace backboard::npu {
namespace {

// Guest memory is little-endian, and so is every host that this builds on.
template <class T>
T load(const uint8_t* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

}  // namespace

Command parse_command(const uint8_t* bytes) {
  Command command;
#define COMMAND_FIELD(name, type, offset, description) command.name = load<type>(bytes + (offset));
#include "drivers/npu/npu_command.def"
  return command;
}

Descriptor parse_descriptor(const uint8_t* bytes) {
  Descriptor descriptor;
#define DESCRIPTOR_FIELD(name, type, offset, description) descriptor.name = load<type>(bytes + (offset));
#include "drivers/npu/npu_command.def"
  return descriptor;
}

void write_command(const Command& command, uint8_t* bytes) {
#define COMMAND_FIELD(name, type, offset, description) std::memcpy(bytes + (offset), &command.name, sizeof(type));
#include "drivers/npu/npu_command.def"
}

void write_descriptor(const Descriptor& descriptor, uint8_t* bytes) {
#define DESCRIPTOR_FIELD(name, type, offset, description) std::memcpy(bytes + (offset), &descriptor.name, sizeof(type));
#include "drivers/npu/npu_command.def"
}

}  // namespace backboard::npu
