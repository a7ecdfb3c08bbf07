/* Counts its boots in SRAM, prints how many there were, resets the board three times and then passes. Its own data is
 * loaded again each time: what it writes there is gone at the next boot. */
    .section .text.start, "ax"
    .globl _start
_start:
    li      s0, 0x08000000
    lw      s1, 0(s0)
    addi    t0, s1, 1
    sw      t0, 0(s0)
    la      s2, digit
    lbu     t1, 0(s2)               /* '0' whenever the program was just loaded */
    add     t1, t1, s1
    sb      t1, 0(s2)
    li      t2, 0x10000000
    sb      t1, 0(t2)
    li      t2, 0x00100000
    li      t3, 0x7777
    li      t4, 3
    bltu    s1, t4, 1f
    li      t3, 0x5555
1:  sw      t3, 0(t2)
2:  j       2b
    .section .data
digit: .byte '0'
