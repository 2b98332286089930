/* embinit: the functions of <math.h> whose bits are the same on every device, or known for the target's libm.
 *
 * All are correctly rounded or exact. logf takes 0 to 1 and cosf 0 to 2 pi, as normal draws need them, and they have the
 * bits of the target's libm; beyond that they stop the core. What is not here has bits that only newlib itself gives.
 */
#ifndef EMBINIT_FREESTANDING_MATH_H
#define EMBINIT_FREESTANDING_MATH_H

#ifdef __cplusplus
extern "C" {
#endif

#define M_PI 3.14159265358979323846
#define M_SQRT2 1.41421356237309504880
#define M_E 2.71828182845904523536
#define HUGE_VALF __builtin_huge_valf()
#define HUGE_VAL __builtin_huge_val()
#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
#ifndef __cplusplus
#define isnan(x) __builtin_isnan(x)
#define isinf(x) __builtin_isinf(x)
#define isfinite(x) __builtin_isfinite(x)
#define signbit(x) __builtin_signbit(x)
#endif

float sqrtf(float x);
float fabsf(float x);
float floorf(float x);
float ceilf(float x);
float truncf(float x);
float roundf(float x);
float fmodf(float x, float y);
float fmaf(float x, float y, float z);
float fminf(float x, float y);
float fmaxf(float x, float y);
float copysignf(float x, float y);
long lroundf(float x);

double sqrt(double x);
double fabs(double x);
double floor(double x);
double ceil(double x);
double trunc(double x);
double round(double x);
double fmod(double x, double y);
double fma(double x, double y, double z);
double fmin(double x, double y);
double fmax(double x, double y);
double copysign(double x, double y);
long lround(double x);

float logf(float x);
float cosf(float x);

#ifdef __cplusplus
}
#endif

#endif
