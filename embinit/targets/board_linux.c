/* Semihosting's files, as a program of Linux has them.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>
#include <unistd.h>

static void report_fault(int number, siginfo_t *information, void *context)
{
    const mcontext_t *core = &((const ucontext_t *)context)->uc_mcontext;
#ifdef __aarch64__
    const uint32_t report[] = {(uint32_t)number, (uint32_t)core->pc, (uint32_t)core->regs[30]};
#else
    const uint32_t report[] = {(uint32_t)number, (uint32_t)core->arm_pc, (uint32_t)core->arm_lr};
#endif
    FILE *file = fopen("fault", "wb");
    (void)information;
    (void)fwrite(report, 1, sizeof report, file);
    (void)fclose(file);
    _exit(1);
}

int main(void)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE};
    static uint8_t own_stack[1 << 16];
    const stack_t apart = {.ss_sp = own_stack, .ss_size = sizeof own_stack};
    struct sigaction report = {.sa_sigaction = report_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    uint32_t call[5];
    uint32_t piece[2];
    uint32_t result;
    FILE *file = fopen("call", "rb");

    if (file == NULL || fread(call, 1, sizeof call, file) != sizeof call) {
        return 1;
    }
    while (fread(piece, 1, sizeof piece, file) == sizeof piece) {
        if (fread((void *)(uintptr_t)piece[0], 1, piece[1], file) != piece[1]) {
            return 1;
        }
    }
    (void)fclose(file);
    (void)sigaltstack(&apart, NULL);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        (void)sigaction(faults[i], &report, NULL);
    }

    result = ((uint32_t(*)(uint32_t, uint32_t, uint32_t, uint32_t))(uintptr_t)call[0])(call[1], call[2], call[3], call[4]);

    extern char __data_start[], _end[];
    file = fopen("return", "wb");
    return file == NULL || fwrite(&result, 1, sizeof result, file) != sizeof result ||
           fwrite(__data_start, 1, (size_t)(_end - __data_start), file) != (size_t)(_end - __data_start) ||
           fclose(file) != 0;
}
