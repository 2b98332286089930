/* One call of a function on an emulated board. The file "call" says which, with what arguments and on what memory; the
 * file "return" gets the result and the memory; "fault" gets the cause and the place of an exception.
 *
 * SPDX-License-Identifier: MIT
 */
#include "board.h"

enum { OPEN = 0x01, CLOSE = 0x02, WRITE = 0x05, READ = 0x06, EXIT = 0x18 };
enum { READ_BINARY = 1, WRITE_BINARY = 5 };

/* From board.ld. */
extern char embinit_memory_start[], embinit_memory_end[], embinit_tls_start[];

/* Newlib's console: there when the firmware prints. Picolibc's errno, rand and so on: there when Arm code has them. */
void initialise_monitor_handles(void) __attribute__((weak));
void _set_tls(void *tls) __attribute__((weak));

static uintptr_t open_file(const char *name, uintptr_t length, uintptr_t mode)
{
    const uintptr_t block[] = {(uintptr_t)name, mode, length};
    return embinit_ask_host(OPEN, block);
}

/* Return the number of bytes that were not transferred. */
static uintptr_t transfer(uintptr_t operation, uintptr_t file, const void *bytes, uintptr_t n)
{
    const uintptr_t block[] = {file, (uintptr_t)bytes, n};
    return embinit_ask_host(operation, block);
}

static void close_and_stop(uintptr_t file)
{
    enum { APPLICATION_EXIT = 0x20026 };
    const uintptr_t block[] = {APPLICATION_EXIT, 0};
    (void)embinit_ask_host(CLOSE, &file);
    (void)embinit_ask_host(EXIT, sizeof(uintptr_t) == 4 ? (const void *)APPLICATION_EXIT : (const void *)block);
}

void embinit_board_fault(uint32_t status, uint32_t pc, uint32_t caller)
{
    const uint32_t report[] = {status, pc, caller};
    uintptr_t file = open_file("fault", 5, WRITE_BINARY);
    (void)transfer(WRITE, file, report, sizeof report);
    close_and_stop(file);
}

void embinit_board_run(void)
{
    struct {
        uint32_t function, a, b, c, d;
    } call;
    struct {
        uint32_t address, size;
    } piece;
    uintptr_t file;
    uint32_t result;

    file = open_file("call", 4, READ_BINARY);
    (void)transfer(READ, file, &call, sizeof call);
    while (transfer(READ, file, &piece, sizeof piece) == 0) {
        (void)transfer(READ, file, (void *)(uintptr_t)piece.address, piece.size);
    }
    (void)embinit_ask_host(CLOSE, &file);
    if (initialise_monitor_handles) {
        initialise_monitor_handles();
    }
    if (_set_tls) {
        _set_tls(embinit_tls_start);
    }

    result = ((uint32_t(*)(uint32_t, uint32_t, uint32_t, uint32_t))(uintptr_t)call.function)(call.a, call.b, call.c, call.d);

    file = open_file("return", 6, WRITE_BINARY);
    (void)transfer(WRITE, file, &result, sizeof result);
    (void)transfer(WRITE, file, embinit_memory_start, (uintptr_t)(embinit_memory_end - embinit_memory_start));
    close_and_stop(file);
}
