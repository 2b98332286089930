/* What tests of the emulated cores call: arithmetic, memory, output, and every way a call can end. */
#include <stdint.h>

#define COUNT 1000
float a[COUNT], b[COUNT], c[COUNT], sums[COUNT], differences[COUNT], products[COUNT], quotients[COUNT], roots[COUNT];
float fused[COUNT], separate[COUNT], from_int32[COUNT], from_uint32[COUNT], from_uint64[COUNT];
int32_t int32s[COUNT], to_int32[COUNT];
uint32_t to_uint32[COUNT];
uint64_t x[COUNT], y[COUNT], products64[COUNT], quotients64[COUNT], remainders64[COUNT];

void arithmetic(void)
{
    for (int i = 0; i < COUNT; i++) {
        sums[i] = a[i] + b[i];
        differences[i] = a[i] - b[i];
        products[i] = a[i] * b[i];
        quotients[i] = a[i] / b[i];
        roots[i] = __builtin_sqrtf(a[i]);
    }
}

void multiply_add(void)
{
    for (int i = 0; i < COUNT; i++) {
        volatile float product = a[i] * b[i];
        separate[i] = product + c[i];
        fused[i] = __builtin_fmaf(a[i], b[i], c[i]);
    }
}

void wide(void)
{
    for (int i = 0; i < COUNT; i++) {
        products64[i] = x[i] * y[i];
        quotients64[i] = x[i] / y[i];
        remainders64[i] = x[i] % y[i];
    }
}

void convert(void)
{
    for (int i = 0; i < COUNT; i++) {
        from_int32[i] = (float)int32s[i];
        from_uint32[i] = (float)(uint32_t)int32s[i];
        from_uint64[i] = (float)x[i];
        to_int32[i] = (int32_t)a[i];
        to_uint32[i] = (uint32_t)b[i];
    }
}

double doubles[2] = {1.5, 3.0};
void double_precision(void) { doubles[0] = doubles[0] * doubles[1] + 0.125; }

#if defined __ARM_FEATURE_FMA || defined __riscv_flen
const uint32_t has_fma = 1;
#else
const uint32_t has_fma = 0;
#endif

uint32_t lonely[3];
const uint32_t table[3] = {1, 2, 0x80000003u};
uint32_t initialized = 7;
static uint32_t calls;
uint32_t count_calls(void) { return ++calls; }
uint32_t combine(uint32_t p, uint32_t q, uint32_t r, uint32_t s, uint32_t t, uint32_t u, uint32_t v, uint32_t w,
                 uint32_t z)
{
    return p + 10 * q + 100 * r + 1000 * s + 10000 * t + 100000 * u + 1000000 * v + 10000000 * w + 100000000 * z;
}
int32_t negate(int32_t i) { return -i; }

struct record { uint8_t bytes[300]; };
struct record source, destination;
void copy(void) { destination = source; }
void clear(void) { __builtin_memset(&destination, 0, sizeof destination); }

void print(const char *text)
{
    while (*text) *(volatile uint32_t *)0x40000000u = (uint8_t)*text++;
}
void hello(void) { print("hello, "); print("world\n"); }

uint32_t load(uint32_t address) { return *(volatile uint32_t *)(uintptr_t)address; }
void store(uint32_t address, uint32_t value) { *(volatile uint32_t *)(uintptr_t)address = value; }
void jump(uint32_t address)
{
    ((void (*)(void))(uintptr_t)address)();
    __asm__ volatile("");  /* no tail call */
}
void hang(void) { for (;;) __asm__ volatile(""); }
void trap(void) { __builtin_trap(); }
void wait(void) { __asm__ volatile("wfi"); __builtin_unreachable(); }
uint32_t count_down(uint32_t n)
{
    while (n != 0) { __asm__ volatile("" : "+r"(n)); n--; }
    return n;
}
uint32_t recurse(uint32_t n)
{
    uint32_t frame[250];
    frame[0] = n;
    __asm__ volatile("" : : "r"(frame) : "memory");
    return n == 0 ? 0 : recurse(n - 1) + (frame[0] != 0);
}
void shallow(void) {}

#ifdef __arm__
void breakpoint(void) { __asm__ volatile("bkpt 0"); }
void supervisor(void) { __asm__ volatile("svc 0"); }
#else
void supervisor(void) { __asm__ volatile("ecall"); }
#endif
