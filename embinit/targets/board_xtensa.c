/* The start, the exceptions and the semihosting of an Xtensa core without register windows.
 *
 * SPDX-License-Identifier: MIT
 */
#include "board.h"

enum { READ_BINARY = 1 };
enum { ARM_OPEN = 0x01, ARM_CLOSE = 0x02, ARM_WRITE = 0x05, ARM_READ = 0x06, ARM_EXIT = 0x18 };
enum { EXIT = 1, READ = 3, WRITE = 4, OPEN = 5, CLOSE = 6 };
/* QEMU takes the flags of its host's open(): a new file is 0x40 on Linux and 0x200 on others. */
enum { FOR_READING = 0, NEW_FOR_WRITING = 0x241, BY_ALL = 0666 };

static uintptr_t simulator(uintptr_t operation, uintptr_t a, uintptr_t b, uintptr_t c)
{
    register uintptr_t a2 __asm__("a2") = operation;
    register uintptr_t a3 __asm__("a3") = a;
    register uintptr_t a4 __asm__("a4") = b;
    register uintptr_t a5 __asm__("a5") = c;
    __asm__ volatile("simcall" : "+r"(a2), "+r"(a3) : "r"(a4), "r"(a5) : "memory");
    return a2;
}

/* Arm's semihosting, which board.c speaks, by the calls that the simulator of Xtensa answers. */
uintptr_t embinit_ask_host(uintptr_t operation, const void *argument)
{
    const uintptr_t *block = argument;
    switch (operation) {
    case ARM_OPEN:
        return simulator(OPEN, block[0], block[1] == READ_BINARY ? FOR_READING : NEW_FOR_WRITING, BY_ALL);
    case ARM_CLOSE:
        return simulator(CLOSE, block[0], 0, 0);
    case ARM_READ:
    case ARM_WRITE:
        return block[2] - simulator(operation == ARM_READ ? READ : WRITE, block[0], block[1], block[2]);
    default:
        return simulator(EXIT, 0, 0, 0);
    }
}

/* A reset begins at the first address of the code. The other vectors are at their distances from VECBASE in an LX106:
 * debug 0x10, kernel 0x30, user 0x50, double 0x70. */
__asm__(".section .vectors, \"ax\"\n"
        ".balign 1024\n"
        "vectors:\n"
        "j reset\n"
        ".balign 4\n"
        "start: .word vectors\n"
        "stack: .word embinit_stack_end\n"
        ".org vectors + 0x10\n"
        "rsr a3, 178\n" /* EPC2 */
        "j fault\n"
        ".org vectors + 0x30\n"
        "rsr a3, 177\n" /* EPC1 */
        "j fault\n"
        ".org vectors + 0x50\n"
        "rsr a3, 177\n"
        "j fault\n"
        ".org vectors + 0x70\n"
        "rsr a3, 192\n" /* DEPC */
        "j fault\n"
        "fault:\n"
        "rsr a2, 232\n" /* EXCCAUSE */
        "mov a4, a0\n"
        "l32r a1, stack\n"
        "call0 embinit_board_fault\n"
        "reset:\n"
        "l32r a1, stack\n"
        "l32r a2, start\n"
        "wsr a2, 231\n" /* VECBASE */
        "movi a2, 0\n"
        "wsr a2, 230\n" /* PS: a reset leaves it as in an exception */
        "rsync\n"
        "call0 embinit_board_run\n"
        ".previous\n");
