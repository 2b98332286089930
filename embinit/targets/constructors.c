/* embinit: what the startup code of a C++ firmware does before main: call the constructors of static objects.
 *
 * SPDX-License-Identifier: MIT
 */
typedef void (*embinit_constructor)(void);

/* From ram.ld and board.ld. */
extern const embinit_constructor embinit_constructors[], embinit_constructors_end[];

int embinit_construct(void);

int embinit_construct(void)
{
    for (const embinit_constructor *each = embinit_constructors; each != embinit_constructors_end; each++) {
        (*each)();
    }
    return 0;
}
