/* The command rings of the NPU driver: submit, wait, errors. What npu.h offers without a ring's number is of ring 0. */
#include "drivers/npu/npu_access.h"
#include "drivers/os/driver_os.h"

/* Where a ring has its registers. */
typedef struct ring_registers {
  uint32_t control, enable_mask, reset_mask;
  uint32_t status, base, size, head, tail, fence, fence_address, watchdog;
  uint32_t error; /* code, index, address, detail follow each other */
  uint32_t busy;  /* counters: busy, wait, commands follow each other */
  uint32_t priority_mask, priority_lsb;
} ring_registers;

static const ring_registers registers_of[NPU_RINGS] = {
    {.control = NPU_CTRL_OFFSET,
     .enable_mask = NPU_CTRL_ENABLE_MASK,
     .reset_mask = NPU_CTRL_RESET_RING_MASK,
     .status = NPU_STATUS_OFFSET,
     .base = NPU_RING_BASE_OFFSET,
     .size = NPU_RING_SIZE_OFFSET,
     .head = NPU_RING_HEAD_OFFSET,
     .tail = NPU_RING_TAIL_OFFSET,
     .fence = NPU_FENCE_OFFSET,
     .fence_address = NPU_FENCE_ADDRESS_OFFSET,
     .watchdog = NPU_WATCHDOG_OFFSET,
     .error = NPU_ERROR_CODE_OFFSET,
     .busy = NPU_PERF_RING0_BUSY_LO_OFFSET,
     .priority_mask = NPU_PRIORITY_RING0_MASK,
     .priority_lsb = NPU_PRIORITY_RING0_LSB},
    {.control = NPU_RING1_CTRL_OFFSET,
     .enable_mask = NPU_RING1_CTRL_ENABLE_MASK,
     .reset_mask = NPU_RING1_CTRL_RESET_MASK,
     .status = NPU_RING1_STATUS_OFFSET,
     .base = NPU_RING1_BASE_OFFSET,
     .size = NPU_RING1_SIZE_OFFSET,
     .head = NPU_RING1_HEAD_OFFSET,
     .tail = NPU_RING1_TAIL_OFFSET,
     .fence = NPU_RING1_FENCE_OFFSET,
     .fence_address = NPU_RING1_FENCE_ADDRESS_OFFSET,
     .watchdog = NPU_RING1_WATCHDOG_OFFSET,
     .error = NPU_RING1_ERROR_CODE_OFFSET,
     .busy = NPU_PERF_RING1_BUSY_LO_OFFSET,
     .priority_mask = NPU_PRIORITY_RING1_MASK,
     .priority_lsb = NPU_PRIORITY_RING1_LSB},
};

/* The number is that of a ring, and the ring has its memory. */
static bool usable(const npu* device, uint32_t ring) {
  return ring == 0 || (ring < NPU_RINGS && device->second.slots != NULL);
}

static npu_command* slots_of(const npu* device, uint32_t ring) {
  return ring == 0 ? device->config.ring : device->second.slots;
}

static uint32_t size_of(const npu* device, uint32_t ring) {
  return ring == 0 ? device->config.ring_commands : device->second.commands;
}

static uint32_t* tail_of(npu* device, uint32_t ring) {
  return ring == 0 ? &device->tail : &device->second_tail;
}

static uint32_t* fence_of(npu* device, uint32_t ring) {
  return ring == 0 ? &device->fence : &device->second_fence;
}

static uint32_t free_slots(const npu* device, uint32_t ring) {
  const uint32_t tail = ring == 0 ? device->tail : device->second_tail;
  const uint32_t in_flight = tail - npu_register_read(device, registers_of[ring].head);
  const uint32_t size = size_of(device, ring);
  return in_flight > size ? 0 : size - in_flight;
}

/* Slots are written in words: the NPU never reads a slot before the doorbell. */
static void slot_write(npu* device, uint32_t ring, uint32_t number, const npu_command* command) {
  npu_command* slot = &slots_of(device, ring)[number & (size_of(device, ring) - 1)];
  *slot = *command;
  driver_os_clean(slot, sizeof *slot);
}

static void doorbell(npu* device, uint32_t ring) {
  driver_os_barrier();
  npu_register_write(device, registers_of[ring].tail, *tail_of(device, ring));
}

npu_result npu_ring_reset(npu* device, uint32_t ring) {
  if (!usable(device, ring)) return NPU_BAD_ARGUMENT;
  const ring_registers* r = &registers_of[ring];
  const npu_ring_config memory = ring != 0 ? device->second
                                           : (npu_ring_config){.slots = device->config.ring,
                                                               .address = device->config.ring_address,
                                                               .commands = device->config.ring_commands,
                                                               .watchdog_cycles = device->config.watchdog_cycles};
  npu_register_write(device, r->control, r->reset_mask);
  uint32_t polls = 0;
  while ((npu_register_read(device, r->status) & (NPU_STATUS_BUSY_MASK | NPU_STATUS_ERROR_MASK)) != 0) {
    if (++polls == NPU_RESET_POLLS) return NPU_RESET_FAILED;
  }
  *tail_of(device, ring) = 0;
  npu_register_write(device, r->base, memory.address);
  npu_register_write(device, r->size, memory.commands);
  npu_register_write(device, r->fence_address, 0);
  npu_register_write(device, r->watchdog, memory.watchdog_cycles);
  npu_register_write(device, r->control, r->enable_mask);
  return NPU_OK;
}

npu_result npu_ring_open(npu* device, uint32_t ring, const npu_ring_config* config) {
  if (ring != 1 || config == NULL || !npu_ring_memory_valid(config->slots, config->address, config->commands)) {
    return NPU_BAD_ARGUMENT;
  }
  const uint32_t minor = mmio_field_get(device->capabilities.version, NPU_VERSION_MINOR_MASK, NPU_VERSION_MINOR_LSB);
  if (minor < 1 || npu_register_read(device, NPU_CAP_RINGS_OFFSET) < NPU_RINGS) return NPU_NOT_CAPABLE;
  device->second = *config;
  const npu_result result = npu_ring_reset(device, ring);
  if (result != NPU_OK) {
    device->second = (npu_ring_config){.slots = NULL};
    return result;
  }
  device->second_fence = npu_register_read(device, NPU_RING1_FENCE_OFFSET);
  const uint32_t enabled = npu_register_read(device, NPU_IRQ_ENABLE_OFFSET);
  npu_register_write(device, NPU_IRQ_ENABLE_OFFSET, enabled | NPU_IRQ_RING1_FENCE_MASK | NPU_IRQ_RING1_ERROR_MASK);
  return NPU_OK;
}

npu_result npu_ring_set_priority(npu* device, uint32_t ring, uint32_t priority) {
  if (ring >= NPU_RINGS || priority > NPU_PRIORITY_MAX) return NPU_BAD_ARGUMENT;
  const ring_registers* r = &registers_of[ring];
  const uint32_t others = npu_register_read(device, NPU_PRIORITY_OFFSET) & ~r->priority_mask;
  npu_register_write(device, NPU_PRIORITY_OFFSET, others | priority << r->priority_lsb);
  return NPU_OK;
}

npu_result npu_ring_submit(npu* device, uint32_t ring, const npu_command* commands, uint32_t count) {
  if (!usable(device, ring) || commands == NULL || count == 0 || count > size_of(device, ring)) {
    return NPU_BAD_ARGUMENT;
  }
  if (free_slots(device, ring) < count) return NPU_RING_FULL;
  uint32_t* tail = tail_of(device, ring);
  for (uint32_t i = 0; i < count; i++) slot_write(device, ring, *tail + i, &commands[i]);
  *tail += count;
  doorbell(device, ring);
  return NPU_OK;
}

npu_result npu_ring_submit_fenced(npu* device, uint32_t ring, const npu_command* commands, uint32_t count,
                                  uint32_t* fence) {
  if (!usable(device, ring) || fence == NULL || (commands == NULL && count != 0) || count >= size_of(device, ring)) {
    return NPU_BAD_ARGUMENT;
  }
  if (free_slots(device, ring) < count + 1) return NPU_RING_FULL;
  uint32_t* tail = tail_of(device, ring);
  uint32_t* last_fence = fence_of(device, ring);
  for (uint32_t i = 0; i < count; i++) slot_write(device, ring, *tail + i, &commands[i]);
  const npu_command last = {.opcode = NPU_OP_FENCE,
                            .phase = NPU_PHASE_CONTROL,
                            .flags = NPU_FLAG_INTERRUPT,
                            .layer = NPU_NO_LAYER,
                            .auxiliary = ++*last_fence};
  slot_write(device, ring, *tail + count, &last);
  *tail += count + 1;
  doorbell(device, ring);
  *fence = *last_fence;
  return NPU_OK;
}

bool npu_ring_fence_reached(const npu* device, uint32_t ring, uint32_t fence) {
  if (!usable(device, ring)) return false;
  return (int32_t)(npu_register_read(device, registers_of[ring].fence) - fence) >= 0;
}

bool npu_ring_failed(const npu* device, uint32_t ring) {
  return usable(device, ring) && (npu_register_read(device, registers_of[ring].status) & NPU_STATUS_ERROR_MASK) != 0;
}

npu_result npu_ring_wait_fence(npu* device, uint32_t ring, uint32_t fence, const npu_patience* patience) {
  if (!usable(device, ring) || patience == NULL || patience->period_ticks == 0 || patience->periods == 0) {
    return NPU_BAD_ARGUMENT;
  }
  uint32_t head = npu_register_read(device, registers_of[ring].head);
  uint64_t deadline = driver_os_now() + patience->period_ticks;
  uint32_t periods = 0;
  for (;;) {
    const uint32_t state = driver_os_lock();
    const bool reached = npu_ring_fence_reached(device, ring, fence);
    const bool failed = !reached && npu_ring_failed(device, ring);
    if (!reached && !failed) driver_os_wait(deadline);
    driver_os_unlock(state); /* here the interrupt that ended the wait is served */
    if (reached) {
      driver_os_barrier();
      return NPU_OK;
    }
    if (failed) return NPU_DEVICE_ERROR;
    if (driver_os_now() < deadline || npu_ring_fence_reached(device, ring, fence)) continue;
    const uint32_t now = npu_register_read(device, registers_of[ring].head);
    if (now == head) return NPU_HUNG;
    if (++periods == patience->periods) return NPU_SLOW;
    head = now;
    deadline = driver_os_now() + patience->period_ticks;
  }
}

npu_result npu_ring_error_read(const npu* device, uint32_t ring, npu_error_report* report) {
  if (!usable(device, ring) || report == NULL) return NPU_BAD_ARGUMENT;
  const uint32_t first = registers_of[ring].error;
  report->code = npu_register_read(device, first);
  report->index = npu_register_read(device, first + 4);
  report->address = npu_register_read(device, first + 8);
  report->detail = npu_register_read(device, first + 12);
  return NPU_OK;
}

npu_result npu_ring_counters_read(const npu* device, uint32_t ring, npu_ring_counters* counters) {
  if (!usable(device, ring) || counters == NULL) return NPU_BAD_ARGUMENT;
  const uint32_t first = registers_of[ring].busy;
  counters->busy_cycles = npu_counter_read(device, first);
  counters->wait_cycles = npu_counter_read(device, first + 8);
  counters->commands = npu_counter_read(device, first + 16);
  return NPU_OK;
}

uint32_t npu_ring_free(const npu* device) {
  return free_slots(device, 0);
}

npu_result npu_submit(npu* device, const npu_command* commands, uint32_t count) {
  return npu_ring_submit(device, 0, commands, count);
}

npu_result npu_submit_fenced(npu* device, const npu_command* commands, uint32_t count, uint32_t* fence) {
  return npu_ring_submit_fenced(device, 0, commands, count, fence);
}

bool npu_fence_reached(const npu* device, uint32_t fence) {
  return npu_ring_fence_reached(device, 0, fence);
}

npu_result npu_wait_fence(npu* device, uint32_t fence, const npu_patience* patience) {
  return npu_ring_wait_fence(device, 0, fence, patience);
}

npu_result npu_error_read(const npu* device, npu_error_report* report) {
  return npu_ring_error_read(device, 0, report);
}
