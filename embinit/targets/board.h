/* embinit: what the files board*.c share: one call of a function, and the host's files that say which.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EMBINIT_BOARD_H
#define EMBINIT_BOARD_H

#include <stdint.h>

/* Semihosting, which puts the files into the directory where the emulator runs. */
uintptr_t embinit_ask_host(uintptr_t operation, const void *argument);

/* Call the function that the file "call" names, with its arguments, on the memory that it describes; write the result
 * and the memory into the file "return", and stop. */
void embinit_board_run(void);

/* Write the cause and the place of an exception into the file "fault", and stop. */
void embinit_board_fault(uint32_t status, uint32_t pc, uint32_t caller);

#endif
