// The program `backboard`. libsystemc has a main of its own; ours silences its banner and hands over.
#include <cstdlib>
#include <systemc>

#include "platform/cli/program.h"
#include "platform/run/process.h"

int sc_main(int argc, char* argv[]) {
  return backboard::run_program(argc, argv);
}

int main(int argc, char* argv[]) {
  backboard::install_fatal_handlers();
  setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 1);
  return sc_core::sc_elab_and_sim(argc, argv);
}
