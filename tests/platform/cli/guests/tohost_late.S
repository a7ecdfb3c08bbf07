/* Counts to a million and then passes by tohost. */
    .section .text.start, "ax"
    .globl _start
_start:
    li      a0, 1000000
1:  addi    a0, a0, -1
    bnez    a0, 1b
    la      t0, tohost
    li      t1, 1
    sw      t1, 0(t0)
2:  j       2b
    .section .data
    .balign 64
    .globl tohost
tohost: .dword 0
