/* Evaluates a network: accuracy and NPU cycles an image. */
#include "firmware/board/board.h"
#include "firmware/runtime/trainer.h"

int main(void) {
  return (int)trainer_infer(board_run_block());
}
