/* SYS_WRITE0 and SYS_EXIT with ADP_Stopped_ApplicationExit: passed. */
    .option norvc
    .section .text.start, "ax"
    .globl _start
_start:
    li      a0, 0x04
    la      a1, text
    call    semihost
    li      a0, 0x18
    li      a1, 0x20026
    call    semihost
1:  j       1b
    .balign 16
semihost:
    slli    x0, x0, 0x1f
    ebreak
    srai    x0, x0, 7
    ret
    .section .rodata
text: .asciz "said by semihosting\n"
