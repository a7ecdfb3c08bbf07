/* Writes one byte to the finisher, as a guest mistake, then passes. The store traps: the bus answers with an error, so
 * the handler ends the program. The test names the store's line. */
    .section .text.start, "ax"
    .globl _start
_start:
    la      t0, passed
    csrw    mtvec, t0
    li      t0, 0x00100000
    sb      zero, 0(t0)             /* the finisher answers 32-bit accesses only */
    .balign 4
passed:
    li      t0, 0x00100000
    li      t1, 0x5555
    sw      t1, 0(t0)
1:  j       1b
