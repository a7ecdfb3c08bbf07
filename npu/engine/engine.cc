#include "npu/engine/engine.h"

#include "platform/check/check.h"

namespace backboard::npu {

Planned Engine::plan_group(std::span<const Job> jobs, uint32_t) const {
  BB_CHECK(false, "engine {} runs no groups, but was given {} commands", offer().name, jobs.size());
}

Planned plan_jobs(const Engine& engine, std::span<const Job> jobs, uint32_t buffer_bytes) {
  BB_CHECK(!jobs.empty());
  return jobs.size() == 1 ? engine.plan(jobs[0], buffer_bytes) : engine.plan_group(jobs, buffer_bytes);
}

}  // namespace backboard::npu
