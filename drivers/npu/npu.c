#include "drivers/npu/npu_access.h"

#define NPU_DRIVER_MAJOR 1u
#define NPU_ID_VALUE 0x55504E42u /* "BNPU" */

static bool window_valid(const npu_window* window) {
  return (!window->read && !window->write) || window->last >= window->base;
}

static bool config_valid(const npu_config* config) {
  if (!npu_ring_memory_valid(config->ring, config->ring_address, config->ring_commands)) return false;
  for (uint32_t i = 0; i < NPU_WINDOWS; i++) {
    if (!window_valid(&config->windows[i])) return false;
  }
  return true;
}

static void capabilities_read(npu* device) {
  npu_capabilities* c = &device->capabilities;
  c->engine = npu_register_read(device, NPU_ENGINE_OFFSET);
  c->ops_lo = npu_register_read(device, NPU_CAP_OPS_LO_OFFSET);
  c->ops_hi = npu_register_read(device, NPU_CAP_OPS_HI_OFFSET);
  c->formats = npu_register_read(device, NPU_CAP_FORMATS_OFFSET);
  c->buffer_bytes = npu_register_read(device, NPU_CAP_BUFFER_OFFSET);
  const uint32_t limits = npu_register_read(device, NPU_CAP_LIMITS_OFFSET);
  c->max_kernel = mmio_field_get(limits, NPU_CAP_LIMITS_KERNEL_MASK, NPU_CAP_LIMITS_KERNEL_LSB);
  c->max_stride = mmio_field_get(limits, NPU_CAP_LIMITS_STRIDE_MASK, NPU_CAP_LIMITS_STRIDE_LSB);
  c->max_group = mmio_field_get(limits, NPU_CAP_LIMITS_GROUP_MASK, NPU_CAP_LIMITS_GROUP_LSB);
  c->fused_sgd = (limits & NPU_CAP_LIMITS_FUSED_SGD_MASK) != 0;
}

static void window_write(const npu* device, uint32_t index) {
  const npu_window* window = &device->config.windows[index];
  const uint32_t step = (NPU_WINDOW1_BASE_OFFSET - NPU_WINDOW0_BASE_OFFSET) * index;
  uint32_t access = 0;
  if (window->read) access |= NPU_WINDOW_READ_MASK;
  if (window->write) access |= NPU_WINDOW_WRITE_MASK;
  npu_register_write(device, NPU_WINDOW0_ACCESS_OFFSET + step, 0); /* closed while its bounds change */
  npu_register_write(device, NPU_WINDOW0_BASE_OFFSET + step, window->base);
  npu_register_write(device, NPU_WINDOW0_LAST_OFFSET + step, window->last);
  npu_register_write(device, NPU_WINDOW0_ACCESS_OFFSET + step, access);
}

npu_result npu_reset(npu* device) {
  npu_register_write(device, NPU_CTRL_OFFSET, NPU_CTRL_RESET_MASK);
  uint32_t polls = 0;
  while ((npu_register_read(device, NPU_STATUS_OFFSET) & (NPU_STATUS_BUSY_MASK | NPU_STATUS_ERROR_MASK)) != 0) {
    if (++polls == NPU_RESET_POLLS) return NPU_RESET_FAILED;
  }
  device->tail = 0;
  device->second = (npu_ring_config){.slots = NULL};
  npu_register_write(device, NPU_RING_BASE_OFFSET, device->config.ring_address);
  npu_register_write(device, NPU_RING_SIZE_OFFSET, device->config.ring_commands);
  npu_register_write(device, NPU_RING_TAIL_OFFSET, 0);
  npu_register_write(device, NPU_FENCE_ADDRESS_OFFSET, 0);
  npu_register_write(device, NPU_WATCHDOG_OFFSET, device->config.watchdog_cycles);
  for (uint32_t i = 0; i < NPU_WINDOWS; i++) window_write(device, i);
  const uint32_t all = NPU_IRQ_FENCE_MASK | NPU_IRQ_ERROR_MASK | NPU_IRQ_RAISED_MASK;
  npu_register_write(device, NPU_IRQ_STATUS_OFFSET, all);
  npu_register_write(device, NPU_IRQ_ENABLE_OFFSET, all);
  npu_register_write(device, NPU_CTRL_OFFSET, NPU_CTRL_ENABLE_MASK);
  return NPU_OK;
}

npu_result npu_init(npu* device, const npu_config* config) {
  if (device == NULL || config == NULL || !config_valid(config)) return NPU_BAD_ARGUMENT;
  *device = (npu){.config = *config};
  if (npu_register_read(device, NPU_ID_OFFSET) != NPU_ID_VALUE) return NPU_NOT_FOUND;
  const uint32_t version = npu_register_read(device, NPU_VERSION_OFFSET);
  device->capabilities.version = version;
  if (mmio_field_get(version, NPU_VERSION_MAJOR_MASK, NPU_VERSION_MAJOR_LSB) != NPU_DRIVER_MAJOR) {
    return NPU_BAD_VERSION;
  }
  capabilities_read(device);
  const npu_result result = npu_reset(device);
  if (result != NPU_OK) return result;
  device->fence = npu_register_read(device, NPU_FENCE_OFFSET);
  npu_counters_clear(device);
  return NPU_OK;
}

npu_result npu_check(const npu* device, const npu_needs* needs, npu_missing* missing) {
  const npu_capabilities* c = &device->capabilities;
  npu_missing first = NPU_MISSING_NOTHING;
  if (needs->engine != 0 && needs->engine != c->engine) {
    first = NPU_MISSING_ENGINE;
  } else if ((needs->ops_lo & ~c->ops_lo) != 0 || (needs->ops_hi & ~c->ops_hi) != 0) {
    first = NPU_MISSING_OPCODE;
  } else if ((needs->formats & ~c->formats) != 0) {
    first = NPU_MISSING_FORMAT;
  } else if (needs->buffer_bytes > c->buffer_bytes) {
    first = NPU_MISSING_BUFFER;
  } else if (needs->fused_sgd && !c->fused_sgd) {
    first = NPU_MISSING_FUSED_SGD;
  }
  if (missing != NULL) *missing = first;
  return first == NPU_MISSING_NOTHING ? NPU_OK : NPU_NOT_CAPABLE;
}

uint32_t npu_interrupt(npu* device) {
  const uint32_t status = npu_register_read(device, NPU_IRQ_STATUS_OFFSET);
  npu_register_write(device, NPU_IRQ_STATUS_OFFSET, status);
  if ((status & NPU_IRQ_RAISED_MASK) != 0) device->raised++;
  device->interrupts++;
  return status;
}

void npu_raise_interrupt(npu* device) {
  npu_register_write(device, NPU_IRQ_RAISE_OFFSET, 1);
}

npu_result npu_set_window(npu* device, uint32_t index, const npu_window* window) {
  if (index >= NPU_WINDOWS || window == NULL || !window_valid(window)) return NPU_BAD_ARGUMENT;
  device->config.windows[index] = *window;
  window_write(device, index);
  return NPU_OK;
}

void npu_counters_read(const npu* device, npu_counters* counters) {
  counters->busy_cycles = npu_counter_read(device, NPU_PERF_BUSY_LO_OFFSET);
  counters->compute_cycles = npu_counter_read(device, NPU_PERF_COMPUTE_LO_OFFSET);
  counters->load_stall_cycles = npu_counter_read(device, NPU_PERF_LOAD_STALL_LO_OFFSET);
  counters->macs = npu_counter_read(device, NPU_PERF_MACS_LO_OFFSET);
  counters->macs_skipped = npu_counter_read(device, NPU_PERF_SKIPPED_LO_OFFSET);
  counters->read_bytes = npu_counter_read(device, NPU_PERF_READ_LO_OFFSET);
  counters->write_bytes = npu_counter_read(device, NPU_PERF_WRITE_LO_OFFSET);
  counters->commands = npu_counter_read(device, NPU_PERF_COMMANDS_LO_OFFSET);
  counters->saturated = npu_counter_read(device, NPU_PERF_SATURATED_LO_OFFSET);
  counters->nonfinite = npu_counter_read(device, NPU_PERF_NONFINITE_LO_OFFSET);
}

void npu_counters_clear(npu* device) {
  npu_register_write(device, NPU_PERF_CTRL_OFFSET, NPU_PERF_CTRL_CLEAR_MASK);
}
