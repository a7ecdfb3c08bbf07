/* Trains a network as the run block says (drivers/plan/run_block.h). */
#include "firmware/board/board.h"
#include "firmware/runtime/trainer.h"

int main(void) {
  return (int)trainer_train(board_run_block());
}
