/* The start, the exceptions and the semihosting of a RISC-V core.
 *
 * SPDX-License-Identifier: MIT
 */
#include "board.h"

uintptr_t embinit_ask_host(uintptr_t operation, const void *argument)
{
    register uintptr_t a0 __asm__("a0") = operation;
    register const void *a1 __asm__("a1") = argument;
    __asm__ volatile(".option push\n"
                     ".option norvc\n"
                     ".balign 16\n"
                     "slli zero, zero, 0x1f\n"
                     "ebreak\n"
                     "srai zero, zero, 7\n"
                     ".option pop"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
    return a0;
}

__attribute__((naked, used, aligned(4))) static void fault(void)
{
    __asm__ volatile(".option push\n"
                     ".option arch, +zicsr\n"
                     "csrr a0, mcause\n"
                     "csrr a1, mepc\n"
                     ".option pop\n"
                     "mv a2, ra\n"
                     "la sp, embinit_stack_end\n"
                     "call embinit_board_fault");
}

__attribute__((naked, used, section(".vectors"))) static void reset(void)
{
    /* mstatus.FS, dirty: with it off, which it is after a reset, the first float instruction is an exception. */
    __asm__ volatile(".option push\n"
                     ".option arch, +zicsr\n"
                     "la t0, %0\n"
                     "csrw mtvec, t0\n"
                     "li t0, 0x6000\n"
                     "csrs mstatus, t0\n"
                     ".option pop\n"
                     "la sp, embinit_stack_end\n"
                     "la tp, embinit_tls_start\n"
                     "call embinit_board_run"
                     :
                     : "i"(fault));
}
