/* Writes (5 << 1) | 1 to tohost: failed with code 5. A signature lies beside it. */
    .section .text.start, "ax"
    .globl _start
_start:
    la      t0, tohost
    li      t1, 11
    sw      t1, 0(t0)
1:  j       1b
    .section .data
    .balign 64
    .globl tohost
tohost: .dword 0
    .globl begin_signature
    .globl end_signature
begin_signature:
    .word   0x01234567, 0xdeadbeef
end_signature:
