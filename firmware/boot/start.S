/* Entry of a firmware: a0 hart, a1 run block. Other harts than 0 sleep. For RV32 and RV64. */
#if __riscv_xlen == 64
#define STORE sd
#define LOAD ld
#define X_BYTES 8
#else
#define STORE sw
#define LOAD lw
#define X_BYTES 4
#endif
#if __riscv_flen == 64
#define STORE_F fsd
#define LOAD_F fld
#define F_BYTES 8
#else
#define STORE_F fsw
#define LOAD_F flw
#define F_BYTES 4
#endif
#define FCSR_PLACE (16 * X_BYTES + 20 * F_BYTES)
#define FRAME_BYTES (FCSR_PLACE + 16)

    .section .text.start, "ax"
    .globl _start
_start:
    bnez    a0, 9f
    .option push
    .option norelax
    la      gp, __global_pointer$
    .option pop
    la      sp, __stack_top
    la      tp, __tls_base              /* local-exec TLS: errno of the C library */
    la      t0, trap_entry
    csrw    mtvec, t0
    csrw    mie, zero
    li      t0, 0x2000                  /* mstatus.FS = initial */
    csrs    mstatus, t0
    csrw    fcsr, zero
    la      t0, __bss_start
    la      t1, __bss_end
1:  bgeu    t0, t1, 2f
    sw      zero, 0(t0)
    addi    t0, t0, 4
    j       1b
2:  mv      a0, a1
    call    board_start                 /* does not return */
9:  wfi
    j       9b

/* Everything that a C function may change, floating point included, so that handlers are ordinary functions. */
    .section .text.trap, "ax"
    .balign 4
    .globl trap_entry
trap_entry:
    addi    sp, sp, -FRAME_BYTES
    .set    offset, 0
    .irp    register, ra, t0, t1, t2, t3, t4, t5, t6, a0, a1, a2, a3, a4, a5, a6, a7
    STORE   \register, offset(sp)
    .set    offset, offset + X_BYTES
    .endr
    .irp    register, ft0, ft1, ft2, ft3, ft4, ft5, ft6, ft7, ft8, ft9, ft10, ft11, fa0, fa1, fa2, fa3, fa4, fa5, fa6, fa7
    STORE_F \register, offset(sp)
    .set    offset, offset + F_BYTES
    .endr
    frcsr   t0
    sw      t0, FCSR_PLACE(sp)
    csrr    a0, mcause
    csrr    a1, mepc
    csrr    a2, mtval
    call    board_on_trap
    lw      t0, FCSR_PLACE(sp)
    fscsr   t0
    .set    offset, 0
    .irp    register, ra, t0, t1, t2, t3, t4, t5, t6, a0, a1, a2, a3, a4, a5, a6, a7
    LOAD    \register, offset(sp)
    .set    offset, offset + X_BYTES
    .endr
    .irp    register, ft0, ft1, ft2, ft3, ft4, ft5, ft6, ft7, ft8, ft9, ft10, ft11, fa0, fa1, fa2, fa3, fa4, fa5, fa6, fa7
    LOAD_F  \register, offset(sp)
    .set    offset, offset + F_BYTES
    .endr
    addi    sp, sp, FRAME_BYTES
    mret
