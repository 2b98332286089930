/* One call of a function on an emulated board. The file "call" says which, with what arguments and on what memory; the
 * file "return" gets the result and the memory; "fault" gets the cause and the place of an exception. Arm semihosting
 * puts these files into the directory where the emulator runs.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdint.h>

enum { OPEN = 0x01, CLOSE = 0x02, WRITE = 0x05, READ = 0x06, EXIT = 0x18 };
enum { READ_BINARY = 1, WRITE_BINARY = 5 };

/* From board.ld. */
extern char embinit_memory_start[], embinit_memory_end[], embinit_stack_end[];

/* Newlib's console: there when the firmware prints. */
void initialise_monitor_handles(void) __attribute__((weak));

static uint32_t ask_host(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static uint32_t open_file(const char *name, uint32_t length, uint32_t mode)
{
    const uintptr_t block[] = {(uintptr_t)name, mode, length};
    return ask_host(OPEN, block);
}

/* Return the number of bytes that were not transferred. */
static uint32_t transfer(uint32_t operation, uint32_t file, const void *bytes, uint32_t n)
{
    const uintptr_t block[] = {file, (uintptr_t)bytes, n};
    return ask_host(operation, block);
}

static void close_and_stop(uint32_t file)
{
    (void)ask_host(CLOSE, &file);
    (void)ask_host(EXIT, (const void *)0x20026); /* the application has ended */
}

__attribute__((used)) static void embinit_board_fault(const uint32_t *frame)
{
    const uint32_t report[] = {*(volatile uint32_t *)0xe000ed28, frame[6], frame[5]}; /* CFSR, pc, lr */
    uint32_t file = open_file("fault", 5, WRITE_BINARY);
    (void)transfer(WRITE, file, report, sizeof report);
    close_and_stop(file);
}

__attribute__((naked)) static void fault(void)
{
    __asm__ volatile("mrs r0, msp\n bl embinit_board_fault");
}

__attribute__((used)) static void reset(void)
{
    struct {
        uint32_t (*function)(uint32_t, uint32_t, uint32_t, uint32_t);
        uint32_t a, b, c, d;
    } call;
    struct {
        char *address;
        uint32_t size;
    } piece;
    uint32_t file;
    uint32_t result;

    *(volatile uint32_t *)0xe000ed88 |= 0xfu << 20; /* CPACR: the FPU, where there is one */
    __asm__ volatile("dsb\n isb" ::: "memory");

    file = open_file("call", 4, READ_BINARY);
    (void)transfer(READ, file, &call, sizeof call);
    while (transfer(READ, file, &piece, sizeof piece) == 0) {
        (void)transfer(READ, file, piece.address, piece.size);
    }
    (void)ask_host(CLOSE, &file);
    if (initialise_monitor_handles) {
        initialise_monitor_handles();
    }

    result = call.function(call.a, call.b, call.c, call.d);

    file = open_file("return", 6, WRITE_BINARY);
    (void)transfer(WRITE, file, &result, sizeof result);
    (void)transfer(WRITE, file, embinit_memory_start, (uint32_t)(embinit_memory_end - embinit_memory_start));
    close_and_stop(file);
}

#define FAULT (uintptr_t)fault
__attribute__((section(".vectors"), used)) static const uintptr_t vectors[] = {
    (uintptr_t)embinit_stack_end, (uintptr_t)reset, FAULT, FAULT, FAULT, FAULT, FAULT, FAULT,
    FAULT, FAULT, FAULT, FAULT, FAULT, FAULT, FAULT, FAULT,
};
