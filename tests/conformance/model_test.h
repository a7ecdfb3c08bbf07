/* The board as the programs of riscv-arch-test want it described (its "Test Format Specification", target macros). They
 * end through the test finisher, or with TOHOST through the word tohost. Their signature lies between begin_signature
 * and end_signature; with PRINT_SIGNATURE they print it on the UART first, a word a line, so that QEMU's virt machine
 * can be asked for its own. */
#ifndef MODEL_TEST_H
#define MODEL_TEST_H

/* Assembly, which the formatter takes for C. */
/* clang-format off */
#ifdef PRINT_SIGNATURE
#define MODEL_PRINT           \
  la t0, begin_signature;     \
  la t1, end_signature;       \
  li t2, 0x10000000;          \
  model_word:                 \
  bgeu t0, t1, model_printed; \
  lw t3, 0(t0);               \
  addi t0, t0, 4;             \
  li t4, 8;                   \
  model_digit:                \
  srli t5, t3, 28;            \
  slli t3, t3, 4;             \
  addi t5, t5, 0x30;          \
  li t6, 0x3a;                \
  blt t5, t6, model_put;      \
  addi t5, t5, 0x27;          \
  model_put:                  \
  sb t5, 0(t2);               \
  addi t4, t4, -1;            \
  bnez t4, model_digit;       \
  li t5, 10;                  \
  sb t5, 0(t2);               \
  j model_word;               \
  model_printed:
#else
#define MODEL_PRINT
#endif

#define RVMODEL_BOOT
#ifdef TOHOST
#define MODEL_TOHOST         \
  .pushsection .tohost,"aw"; \
  .align 6;                  \
  .global tohost;            \
  tohost:                    \
  .dword 0;                  \
  .global fromhost;          \
  fromhost:                  \
  .dword 0;                  \
  .popsection;
#define RVMODEL_HALT \
  la t0, tohost;     \
  li t1, 1;          \
  sw t1, 0(t0);      \
  sw zero, 4(t0);    \
  model_ended:       \
  j model_ended;
#else
#define MODEL_TOHOST
#define RVMODEL_HALT \
  MODEL_PRINT        \
  li t0, 0x00100000; \
  li t1, 0x5555;     \
  sw t1, 0(t0);      \
  model_ended:       \
  j model_ended;
#endif

/* The programs' expected mtval counts from here: the alignment is part of it. */
#define RVMODEL_DATA_BEGIN \
  MODEL_TOHOST             \
  .align 4;                \
  .global begin_signature; \
  begin_signature:
#define RVMODEL_DATA_END \
  .align 4;              \
  .global end_signature; \
  end_signature:

#define RVMODEL_IO_INIT
#define RVMODEL_IO_WRITE_STR(_R, _STR)
#define RVMODEL_IO_CHECK()
#define RVMODEL_IO_ASSERT_GPR_EQ(_S, _R, _I)
#define RVMODEL_IO_ASSERT_SFPR_EQ(_F, _R, _I)
#define RVMODEL_IO_ASSERT_DFPR_EQ(_D, _R, _I)

#define RVMODEL_SET_MSW_INT \
  li t1, 1;                 \
  li t2, 0x02000000;        \
  sw t1, 0(t2);
#define RVMODEL_CLEAR_MSW_INT \
  li t2, 0x02000000;          \
  sw x0, 0(t2);
#define RVMODEL_CLEAR_MTIMER_INT
#define RVMODEL_CLEAR_MEXT_INT
/* clang-format on */

#endif
