/* Reset vector: stack and data in SRAM, then rom_main, which says where to go on. a0 (hart) and a1 (run block) pass
 * through to the firmware. */
    .section .text.start, "ax"
    .globl _start
_start:
    mv      s0, a0
    mv      s1, a1
    .option push
    .option norelax
    la      gp, __global_pointer$
    .option pop
    la      sp, __stack_top
    la      t0, rom_trap
    csrw    mtvec, t0
    la      t0, __bss_start
    la      t1, __bss_end
1:  bgeu    t0, t1, 2f
    sw      zero, 0(t0)
    addi    t0, t0, 4
    j       1b
2:  call    rom_main
    mv      t0, a0
    mv      a0, s0
    mv      a1, s1
    fence.i
    jr      t0

    .balign 4
rom_trap:
    csrr    a0, mcause
    csrr    a1, mepc
    csrr    a2, mtval
    la      sp, __stack_top
    call    rom_on_trap
3:  wfi
    j       3b
