/* Ends through the test finisher: failed with code 7. */
    .section .text.start, "ax"
    .globl _start
_start:
    li      t0, 0x00100000
    li      t1, (7 << 16) | 0x3333
    sw      t1, 0(t0)
1:  j       1b
