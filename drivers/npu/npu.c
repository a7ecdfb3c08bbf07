#include "drivers/npu/npu.h"

#include "drivers/mmio/mmio.h"
#include "drivers/npu/npu_registers.h"
#include "drivers/os/driver_os.h"

#define NPU_DRIVER_MAJOR 1u
#define NPU_ID_VALUE 0x55504E42u /* "BNPU" */

static uint32_t reg_read(const npu* device, uint32_t offset) {
  return mmio_read32(device->config.base + offset);
}

static void reg_write(const npu* device, uint32_t offset, uint32_t value) {
  mmio_write32(device->config.base + offset, value);
}

static bool window_valid(const npu_window* window) {
  return (!window->read && !window->write) || window->last >= window->base;
}

static bool config_valid(const npu_config* config) {
  const uint32_t slots = config->ring_commands;
  if (config->ring == NULL || slots < NPU_RING_MIN || slots > NPU_RING_MAX || (slots & (slots - 1)) != 0) return false;
  if (config->ring_address == 0 || config->ring_address % sizeof(npu_command) != 0) return false;
  for (uint32_t i = 0; i < NPU_WINDOWS; i++) {
    if (!window_valid(&config->windows[i])) return false;
  }
  return true;
}

static void capabilities_read(npu* device) {
  npu_capabilities* c = &device->capabilities;
  c->engine = reg_read(device, NPU_ENGINE_OFFSET);
  c->ops_lo = reg_read(device, NPU_CAP_OPS_LO_OFFSET);
  c->ops_hi = reg_read(device, NPU_CAP_OPS_HI_OFFSET);
  c->formats = reg_read(device, NPU_CAP_FORMATS_OFFSET);
  c->buffer_bytes = reg_read(device, NPU_CAP_BUFFER_OFFSET);
  const uint32_t limits = reg_read(device, NPU_CAP_LIMITS_OFFSET);
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
  reg_write(device, NPU_WINDOW0_ACCESS_OFFSET + step, 0); /* closed while its bounds change */
  reg_write(device, NPU_WINDOW0_BASE_OFFSET + step, window->base);
  reg_write(device, NPU_WINDOW0_LAST_OFFSET + step, window->last);
  reg_write(device, NPU_WINDOW0_ACCESS_OFFSET + step, access);
}

npu_result npu_reset(npu* device) {
  reg_write(device, NPU_CTRL_OFFSET, NPU_CTRL_RESET_MASK);
  uint32_t polls = 0;
  while ((reg_read(device, NPU_STATUS_OFFSET) & (NPU_STATUS_BUSY_MASK | NPU_STATUS_ERROR_MASK)) != 0) {
    if (++polls == NPU_RESET_POLLS) return NPU_RESET_FAILED;
  }
  device->tail = 0;
  reg_write(device, NPU_RING_BASE_OFFSET, device->config.ring_address);
  reg_write(device, NPU_RING_SIZE_OFFSET, device->config.ring_commands);
  reg_write(device, NPU_RING_TAIL_OFFSET, 0);
  reg_write(device, NPU_FENCE_ADDRESS_OFFSET, 0);
  reg_write(device, NPU_WATCHDOG_OFFSET, device->config.watchdog_cycles);
  for (uint32_t i = 0; i < NPU_WINDOWS; i++) window_write(device, i);
  const uint32_t all = NPU_IRQ_FENCE_MASK | NPU_IRQ_ERROR_MASK | NPU_IRQ_RAISED_MASK;
  reg_write(device, NPU_IRQ_STATUS_OFFSET, all);
  reg_write(device, NPU_IRQ_ENABLE_OFFSET, all);
  reg_write(device, NPU_CTRL_OFFSET, NPU_CTRL_ENABLE_MASK);
  return NPU_OK;
}

npu_result npu_init(npu* device, const npu_config* config) {
  if (device == NULL || config == NULL || !config_valid(config)) return NPU_BAD_ARGUMENT;
  *device = (npu){.config = *config};
  if (reg_read(device, NPU_ID_OFFSET) != NPU_ID_VALUE) return NPU_NOT_FOUND;
  const uint32_t version = reg_read(device, NPU_VERSION_OFFSET);
  device->capabilities.version = version;
  if (mmio_field_get(version, NPU_VERSION_MAJOR_MASK, NPU_VERSION_MAJOR_LSB) != NPU_DRIVER_MAJOR) {
    return NPU_BAD_VERSION;
  }
  capabilities_read(device);
  const npu_result result = npu_reset(device);
  if (result != NPU_OK) return result;
  device->fence = reg_read(device, NPU_FENCE_OFFSET);
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

uint32_t npu_ring_free(const npu* device) {
  const uint32_t in_flight = device->tail - reg_read(device, NPU_RING_HEAD_OFFSET);
  return in_flight > device->config.ring_commands ? 0 : device->config.ring_commands - in_flight;
}

/* Slots are written in words: the NPU never reads a slot before the doorbell. */
static void slot_write(npu* device, uint32_t number, const npu_command* command) {
  npu_command* slot = &device->config.ring[number & (device->config.ring_commands - 1)];
  *slot = *command;
  driver_os_clean(slot, sizeof *slot);
}

static void doorbell(npu* device) {
  driver_os_barrier();
  reg_write(device, NPU_RING_TAIL_OFFSET, device->tail);
}

npu_result npu_submit(npu* device, const npu_command* commands, uint32_t count) {
  if (commands == NULL || count == 0 || count > device->config.ring_commands) return NPU_BAD_ARGUMENT;
  if (npu_ring_free(device) < count) return NPU_RING_FULL;
  for (uint32_t i = 0; i < count; i++) slot_write(device, device->tail + i, &commands[i]);
  device->tail += count;
  doorbell(device);
  return NPU_OK;
}

npu_result npu_submit_fenced(npu* device, const npu_command* commands, uint32_t count, uint32_t* fence) {
  if (fence == NULL || (commands == NULL && count != 0) || count >= device->config.ring_commands) {
    return NPU_BAD_ARGUMENT;
  }
  if (npu_ring_free(device) < count + 1) return NPU_RING_FULL;
  for (uint32_t i = 0; i < count; i++) slot_write(device, device->tail + i, &commands[i]);
  const npu_command last = {.opcode = NPU_OP_FENCE,
                            .phase = NPU_PHASE_CONTROL,
                            .flags = NPU_FLAG_INTERRUPT,
                            .layer = NPU_NO_LAYER,
                            .auxiliary = ++device->fence};
  slot_write(device, device->tail + count, &last);
  device->tail += count + 1;
  doorbell(device);
  *fence = device->fence;
  return NPU_OK;
}

bool npu_fence_reached(const npu* device, uint32_t fence) {
  return (int32_t)(reg_read(device, NPU_FENCE_OFFSET) - fence) >= 0;
}

npu_result npu_wait_fence(npu* device, uint32_t fence, const npu_patience* patience) {
  if (patience == NULL || patience->period_ticks == 0 || patience->periods == 0) return NPU_BAD_ARGUMENT;
  uint32_t head = reg_read(device, NPU_RING_HEAD_OFFSET);
  uint64_t deadline = driver_os_now() + patience->period_ticks;
  uint32_t periods = 0;
  for (;;) {
    const uint32_t state = driver_os_lock();
    const bool reached = npu_fence_reached(device, fence);
    const bool failed = !reached && (reg_read(device, NPU_STATUS_OFFSET) & NPU_STATUS_ERROR_MASK) != 0;
    if (!reached && !failed) driver_os_wait(deadline);
    driver_os_unlock(state); /* here the interrupt that ended the wait is served */
    if (reached) {
      driver_os_barrier();
      return NPU_OK;
    }
    if (failed) return NPU_DEVICE_ERROR;
    if (driver_os_now() < deadline || npu_fence_reached(device, fence)) continue;
    const uint32_t now = reg_read(device, NPU_RING_HEAD_OFFSET);
    if (now == head) return NPU_HUNG;
    if (++periods == patience->periods) return NPU_SLOW;
    head = now;
    deadline = driver_os_now() + patience->period_ticks;
  }
}

uint32_t npu_interrupt(npu* device) {
  const uint32_t status = reg_read(device, NPU_IRQ_STATUS_OFFSET);
  reg_write(device, NPU_IRQ_STATUS_OFFSET, status);
  if ((status & NPU_IRQ_RAISED_MASK) != 0) device->raised++;
  device->interrupts++;
  return status;
}

void npu_raise_interrupt(npu* device) {
  reg_write(device, NPU_IRQ_RAISE_OFFSET, 1);
}

npu_result npu_error_read(const npu* device, npu_error_report* report) {
  if (report == NULL) return NPU_BAD_ARGUMENT;
  report->code = reg_read(device, NPU_ERROR_CODE_OFFSET);
  report->index = reg_read(device, NPU_ERROR_INDEX_OFFSET);
  report->address = reg_read(device, NPU_ERROR_ADDRESS_OFFSET);
  report->detail = reg_read(device, NPU_ERROR_DETAIL_OFFSET);
  return NPU_OK;
}

npu_result npu_set_window(npu* device, uint32_t index, const npu_window* window) {
  if (index >= NPU_WINDOWS || window == NULL || !window_valid(window)) return NPU_BAD_ARGUMENT;
  device->config.windows[index] = *window;
  window_write(device, index);
  return NPU_OK;
}

static uint64_t counter_read(const npu* device, uint32_t offset_lo) {
  const uint64_t lo = reg_read(device, offset_lo);
  return lo | (uint64_t)reg_read(device, offset_lo + 4) << 32;
}

void npu_counters_read(const npu* device, npu_counters* counters) {
  counters->busy_cycles = counter_read(device, NPU_PERF_BUSY_LO_OFFSET);
  counters->compute_cycles = counter_read(device, NPU_PERF_COMPUTE_LO_OFFSET);
  counters->load_stall_cycles = counter_read(device, NPU_PERF_LOAD_STALL_LO_OFFSET);
  counters->macs = counter_read(device, NPU_PERF_MACS_LO_OFFSET);
  counters->macs_skipped = counter_read(device, NPU_PERF_SKIPPED_LO_OFFSET);
  counters->read_bytes = counter_read(device, NPU_PERF_READ_LO_OFFSET);
  counters->write_bytes = counter_read(device, NPU_PERF_WRITE_LO_OFFSET);
  counters->commands = counter_read(device, NPU_PERF_COMMANDS_LO_OFFSET);
  counters->saturated = counter_read(device, NPU_PERF_SATURATED_LO_OFFSET);
  counters->nonfinite = counter_read(device, NPU_PERF_NONFINITE_LO_OFFSET);
}

void npu_counters_clear(npu* device) {
  reg_write(device, NPU_PERF_CTRL_OFFSET, NPU_PERF_CTRL_CLEAR_MASK);
}
