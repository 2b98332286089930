/* The start, the exceptions and the semihosting of a Cortex-M.
 *
 * SPDX-License-Identifier: MIT
 */
#include "board.h"

/* From board.ld. */
extern char embinit_stack_end[];

uintptr_t embinit_ask_host(uintptr_t operation, const void *argument)
{
    register uintptr_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

__attribute__((used)) static void report_fault(const uint32_t *frame)
{
    embinit_board_fault(*(volatile uint32_t *)0xe000ed28, frame[6], frame[5]); /* CFSR, pc, lr */
}

__attribute__((naked)) static void fault(void)
{
    __asm__ volatile("mrs r0, msp\n bl report_fault");
}

__attribute__((used)) static void reset(void)
{
    *(volatile uint32_t *)0xe000ed88 |= 0xfu << 20; /* CPACR: the FPU, where there is one */
    __asm__ volatile("dsb\n isb" ::: "memory");
    embinit_board_run();
}

#define FAULT (uintptr_t)fault
__attribute__((section(".vectors"), used)) static const uintptr_t vectors[] = {
    (uintptr_t)embinit_stack_end, (uintptr_t)reset, FAULT, FAULT, FAULT, FAULT, FAULT, FAULT,
    FAULT, FAULT, FAULT, FAULT, FAULT, FAULT, FAULT, FAULT,
};
