/* Commands, tensor descriptors, formats, engines and error codes as C types, from npu_command.def and traffic.def. */
#ifndef DRIVERS_NPU_COMMAND_H
#define DRIVERS_NPU_COMMAND_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

enum npu_engine {
#define ENGINE(name, value, description) NPU_ENGINE_##name = value,
#include "drivers/npu/npu_command.def"
};

enum npu_format {
#define TENSOR_FORMAT(name, value, description) NPU_FORMAT_##name = value,
#include "drivers/npu/npu_command.def"
  NPU_FORMATS_END
};

enum npu_opcode {
#define OPCODE(name, value, description) NPU_OP_##name = value,
#include "drivers/npu/npu_command.def"
};

/** Bits of npu_command.flags. */
enum npu_flag {
#define COMMAND_FLAG(name, bit, description) NPU_FLAG_##name = 1 << (bit),
#include "drivers/npu/npu_command.def"
};

/** Values of the register NPU_ERROR_CODE. */
enum npu_error {
#define NPU_ERROR(name, value, description) NPU_ERROR_##name = value,
#include "drivers/npu/npu_command.def"
};

enum npu_phase {
#define PHASE(name, value, description) NPU_PHASE_##name = value,
#include "drivers/npu/traffic.def"
};

enum npu_tensor_class {
#define TENSOR_CLASS(name, value, description) NPU_CLASS_##name = value,
#include "drivers/npu/traffic.def"
};

#define NPU_NO_LAYER 0xFFFFu

/** A command as it lies in the ring. */
typedef struct npu_command {
#define COMMAND_FIELD(name, type, offset, description) type name;
#include "drivers/npu/npu_command.def"
} npu_command;

/** A tensor descriptor as it lies in memory, 64-byte aligned. */
typedef struct npu_descriptor {
#define DESCRIPTOR_FIELD(name, type, offset, description) type name;
#include "drivers/npu/npu_command.def"
} npu_descriptor;

static_assert(sizeof(npu_command) == 64, "a command has 64 bytes");
static_assert(sizeof(npu_descriptor) == 64, "a descriptor has 64 bytes");
#define COMMAND_FIELD(name, type, offset, description) \
  static_assert(offsetof(npu_command, name) == (offset), "command layout");
#define DESCRIPTOR_FIELD(name, type, offset, description) \
  static_assert(offsetof(npu_descriptor, name) == (offset), "descriptor layout");
#include "drivers/npu/npu_command.def"

#endif
