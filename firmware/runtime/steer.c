#include "firmware/runtime/steer.h"

checkpoint_progress steer_start(const run_block* run) {
  return (checkpoint_progress){
      .loss_scale = run->loss_scale, .fgmp_target = run->fgmp_share, .best_loss = STEER_NO_LOSS};
}

float steer_learning_rate(const run_block* run, uint32_t epoch, uint32_t step) {
  float rate = 0.0f;
  for (uint32_t i = 0; i < run->schedule_points && run->schedule[i].epoch <= epoch; i++) {
    rate = run->schedule[i].learning_rate;
  }
  if (step < run->warmup_steps) rate = rate * ((float)(step + 1) / (float)run->warmup_steps);
  return rate;
}

bool steer_loss_scale(checkpoint_progress* progress, const run_block* run, bool overflow) {
  if (run->loss_scale_dynamic == 0) return false;
  if (overflow) {
    progress->clean_steps = 0;
    if (progress->loss_scale <= STEER_LOSS_SCALE_MIN) return false;
    progress->loss_scale *= 0.5f;
    return true;
  }
  if (++progress->clean_steps < run->loss_scale_interval) return false;
  progress->clean_steps = 0;
  if (progress->loss_scale < STEER_LOSS_SCALE_MAX) progress->loss_scale *= 2.0f;
  return false;
}

static float clamp(float value, float low, float high) {
  if (value < low) return low;
  return value > high ? high : value;
}

float steer_threshold(float threshold, uint8_t rule, const npu_tensor_statistics* statistics, float target) {
  const uint32_t nonzeros = statistics->low + statistics->high;
  if (nonzeros == 0) return threshold;
  const float low = rule == 0 ? 0x1p-24f : 0x1p-12f;
  const float high = rule == 0 ? 0x1p15f : 1.0f;
  if (threshold == 0.0f) return rule == 0 ? clamp(statistics->largest * 0.25f, low, high) : 0x1p-4f;
  /* Products instead of a division: share against k x target is high against k x target x nonzeros. */
  const float measured = (float)statistics->high;
  const float wanted = target * (float)nonzeros;
  float factor = 1.0f;
  if (measured > 2.0f * wanted) {
    factor = 2.0f;
  } else if (measured > 1.1f * wanted) {
    factor = 1.25f;
  } else if (measured < 0.5f * wanted) {
    factor = 0.5f;
  } else if (measured < 0.9f * wanted) {
    factor = 0.8f;
  }
  return clamp(threshold * factor, low, high);
}

void steer_epoch_end(checkpoint_progress* progress, const run_block* run, float mean_loss) {
  const bool stalled = progress->best_loss < STEER_NO_LOSS && !(mean_loss < STEER_STALL_RATIO * progress->best_loss);
  if (mean_loss < progress->best_loss) progress->best_loss = mean_loss;
  if (!stalled || run->fgmp_share < 0.0f) return;
  progress->fgmp_target = clamp(progress->fgmp_target + run->fgmp_stall_step, 0.0f, 1.0f);
}
