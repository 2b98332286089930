/* SPDX-License-Identifier: MIT */
#include "embinit_double.h"

#ifdef EMBINIT_DOUBLE

static int32_t high_word(double value)
{
    return (int32_t)(embinit_bits64(value) >> 32);
}

/* Operations that round once, whatever the compiler's flags are. */
static double d_add(double a, double b)
{
    return embinit_rounded64(a + b);
}

static double d_sub(double a, double b)
{
    return embinit_rounded64(a - b);
}

static double d_mul(double a, double b)
{
    return embinit_rounded64(a * b);
}

static double d_div(double a, double b)
{
    return embinit_rounded64(a / b);
}

/* c[0] + x * (c[1] + x * (...)), count coefficients. */
static double polynomial(const double *c, int count, double x)
{
    double result = c[count - 1];
    for (int i = count - 2; i >= 0; i--) {
        result = d_add(c[i], d_mul(x, result));
    }
    return result;
}

/* ---- log ---- */

#define INFINITE ((uint64_t)0x7ff << 52)

/* Whether x is 0, negative, infinite or NaN; then log x. */
static int special_log(double x, double *result)
{
    uint64_t bits = embinit_bits64(x);
    if ((bits << 1) == 0) {
        *result = embinit_double(INFINITE | ((uint64_t)1 << 63));
        return 1;
    }
    if (bits >= INFINITE) {
        *result = bits == INFINITE ? x : embinit_double((uint64_t)0x7ff8 << 48);
        return 1;
    }
    return 0;
}

/* fdlibm's (Sun Microsystems, 1993). */
double embinit_c_log_fdlibm(double x)
{
    static const double odd[] = {6.666666666666735130e-01, 2.857142874366239149e-01, 1.818357216161805012e-01,
                                 1.479819860511658591e-01};
    static const double even[] = {3.999999999940941908e-01, 2.222219843214978396e-01, 1.531383769920937332e-01};
    static const double ln2_high = 6.93147180369123816490e-01;
    static const double ln2_low = 1.90821492927058770002e-10;
    double result;
    if (special_log(x, &result)) {
        return result;
    }
    int32_t k = -1023;
    if ((embinit_bits64(x) >> 52) == 0) {
        x = d_mul(x, 0x1p54);
        k -= 54;
    }
    /* x = 2^k (1 + f) with 1 + f from sqrt(1/2) to sqrt 2. mantissa is its first 20 bits, and above is not 0 from
     * 0x6a09c on, which is where 1.mantissa exceeds sqrt 2. */
    int32_t mantissa = high_word(x) & 0xfffff;
    int32_t above = (mantissa + 0x95f64) & 0x100000;
    k += (high_word(x) >> 20) + (above >> 20);
    uint64_t top = (uint64_t)(uint32_t)(mantissa | (above ^ 0x3ff00000)) << 32;
    double f = d_sub(embinit_double(top | (embinit_bits64(x) & 0xffffffffu)), 1.0);
    double high = d_mul((double)k, ln2_high);
    double low = d_mul((double)k, ln2_low);
    /* Three formulas: for f below 2^-20, for mantissas from 1.38 to 1.42, at both ends of the range, and elsewhere. */
    if ((0xfffff & (2 + mantissa)) < 3) {
        if ((embinit_bits64(f) << 1) == 0) {
            return d_add(high, low);
        }
        double near = d_mul(d_mul(f, f), d_sub(0.5, d_mul(0.33333333333333333, f)));
        return k == 0 ? d_sub(f, near) : d_sub(high, d_sub(d_sub(near, low), f));
    }
    double s = d_div(f, d_add(2.0, f));
    double z = d_mul(s, s);
    double w = d_mul(z, z);
    double rest = d_add(d_mul(z, polynomial(odd, 4, w)), d_mul(w, polynomial(even, 3, w)));
    double half = d_mul(d_mul(0.5, f), f);
    if (((mantissa - 0x6147a) | (0x6b851 - mantissa)) > 0) {
        double taken = d_mul(s, d_add(half, rest));
        return k == 0 ? d_sub(f, d_sub(half, taken)) : d_sub(high, d_sub(d_sub(half, d_add(taken, low)), f));
    }
    double taken = d_mul(s, d_sub(f, rest));
    return k == 0 ? d_sub(f, taken) : d_sub(high, d_sub(d_sub(taken, low), f));
}

/* An FPU for float alone fuses nothing in double. */
double embinit_c_log_fdlibm_fused(double x)
{
    return embinit_c_log_fdlibm(x);
}

/* The constants of Arm's optimized routines (MIT licence). */
static const double log_by_power[5] = {
    -0x1.0000000000001p-1, 0x1.555555551305bp-2, -0x1.fffffffeb4590p-3, 0x1.999b324f10111p-3, -0x1.55575e506c89fp-3,
};
static const double log_near_1[11] = {
    -0x1.0000000000000p-1, 0x1.5555555555577p-2, -0x1.ffffffffffdcbp-3, 0x1.999999995dd0cp-3,
    -0x1.55555556745a7p-3, 0x1.24924a344de30p-3, -0x1.fffffa4423d65p-4, 0x1.c7184282ad6cap-4,
    -0x1.999eb43b068ffp-4, 0x1.78182f7afd085p-4, -0x1.5521375d145cdp-4,
};
static const double log_parts[128][2] = {
    {0x1.734f0c3e0de9fp+0, -0x1.7cc7f79e69000p-2},
    {0x1.713786a2ce91fp+0, -0x1.76feec20d0000p-2},
    {0x1.6f26008fab5a0p+0, -0x1.713e31351e000p-2},
    {0x1.6d1a61f138c7dp+0, -0x1.6b85b38287800p-2},
    {0x1.6b1490bc5b4d1p+0, -0x1.65d5590807800p-2},
    {0x1.69147332f0cbap+0, -0x1.602d076180000p-2},
    {0x1.6719f18224223p+0, -0x1.5a8ca86909000p-2},
    {0x1.6524f99a51ed9p+0, -0x1.54f4356035000p-2},
    {0x1.63356aa8f24c4p+0, -0x1.4f637c36b4000p-2},
    {0x1.614b36b9ddc14p+0, -0x1.49da7fda85000p-2},
    {0x1.5f66452c65c4cp+0, -0x1.445923989a800p-2},
    {0x1.5d867b5912c4fp+0, -0x1.3edf439b0b800p-2},
    {0x1.5babccb5b90dep+0, -0x1.396ce448f7000p-2},
    {0x1.59d61f2d91a78p+0, -0x1.3401e17bda000p-2},
    {0x1.5805612465687p+0, -0x1.2e9e2ef468000p-2},
    {0x1.56397cee76bd3p+0, -0x1.2941b3830e000p-2},
    {0x1.54725e2a77f93p+0, -0x1.23ec58cda8800p-2},
    {0x1.52aff42064583p+0, -0x1.1e9e129279000p-2},
    {0x1.50f22dbb2bddfp+0, -0x1.1956d2b48f800p-2},
    {0x1.4f38f4734ded7p+0, -0x1.141679ab9f800p-2},
    {0x1.4d843cfde2840p+0, -0x1.0edd094ef9800p-2},
    {0x1.4bd3ec078a3c8p+0, -0x1.09aa518db1000p-2},
    {0x1.4a27fc3e0258ap+0, -0x1.047e65263b800p-2},
    {0x1.4880524d48434p+0, -0x1.feb224586f000p-3},
    {0x1.46dce1b192d0bp+0, -0x1.f474a7517b000p-3},
    {0x1.453d9d3391854p+0, -0x1.ea4443d103000p-3},
    {0x1.43a2744b4845ap+0, -0x1.e020d44e9b000p-3},
    {0x1.420b54115f8fbp+0, -0x1.d60a22977f000p-3},
    {0x1.40782da3ef4b1p+0, -0x1.cc00104959000p-3},
    {0x1.3ee8f5d57fe8fp+0, -0x1.c202956891000p-3},
    {0x1.3d5d9a00b4ce9p+0, -0x1.b81178d811000p-3},
    {0x1.3bd60c010c12bp+0, -0x1.ae2c9ccd3d000p-3},
    {0x1.3a5242b75dab8p+0, -0x1.a45402e129000p-3},
    {0x1.38d22cd9fd002p+0, -0x1.9a877681df000p-3},
    {0x1.3755bc5847a1cp+0, -0x1.90c6d69483000p-3},
    {0x1.35dce49ad36e2p+0, -0x1.87120a645c000p-3},
    {0x1.34679984dd440p+0, -0x1.7d68fb4143000p-3},
    {0x1.32f5cceffcb24p+0, -0x1.73cb83c627000p-3},
    {0x1.3187775a10d49p+0, -0x1.6a39a9b376000p-3},
    {0x1.301c8373e3990p+0, -0x1.60b3154b7a000p-3},
    {0x1.2eb4ebb95f841p+0, -0x1.5737d76243000p-3},
    {0x1.2d50a0219a9d1p+0, -0x1.4dc7b8fc23000p-3},
    {0x1.2bef9a8b7fd2ap+0, -0x1.4462c51d20000p-3},
    {0x1.2a91c7a0c1babp+0, -0x1.3b08abc830000p-3},
    {0x1.293726014b530p+0, -0x1.31b996b490000p-3},
    {0x1.27dfa5757a1f5p+0, -0x1.2875490a44000p-3},
    {0x1.268b39b1d3bbfp+0, -0x1.1f3b9f879a000p-3},
    {0x1.2539d838ff5bdp+0, -0x1.160c8252ca000p-3},
    {0x1.23eb7aac9083bp+0, -0x1.0ce7f57f72000p-3},
    {0x1.22a012ba940b6p+0, -0x1.03cdc49fea000p-3},
    {0x1.2157996cc4132p+0, -0x1.f57bdbc4b8000p-4},
    {0x1.201201dd2fc9bp+0, -0x1.e370896404000p-4},
    {0x1.1ecf4494d480bp+0, -0x1.d17983ef94000p-4},
    {0x1.1d8f5528f6569p+0, -0x1.bf9674ed8a000p-4},
    {0x1.1c52311577e7cp+0, -0x1.adc79202f6000p-4},
    {0x1.1b17c74cb26e9p+0, -0x1.9c0c3e7288000p-4},
    {0x1.19e010c2c1ab6p+0, -0x1.8a646b372c000p-4},
    {0x1.18ab07bb670bdp+0, -0x1.78d01b3ac0000p-4},
    {0x1.1778a25efbcb6p+0, -0x1.674f145380000p-4},
    {0x1.1648d354c31dap+0, -0x1.55e0e6d878000p-4},
    {0x1.151b990275fddp+0, -0x1.4485cdea1e000p-4},
    {0x1.13f0ea432d24cp+0, -0x1.333d94d6aa000p-4},
    {0x1.12c8b7210f9dap+0, -0x1.22079f8c56000p-4},
    {0x1.11a3028ecb531p+0, -0x1.10e4698622000p-4},
    {0x1.107fbda8434afp+0, -0x1.ffa6c6ad20000p-5},
    {0x1.0f5ee0f4e6bb3p+0, -0x1.dda8d4a774000p-5},
    {0x1.0e4065d2a9fcep+0, -0x1.bbcece4850000p-5},
    {0x1.0d244632ca521p+0, -0x1.9a1894012c000p-5},
    {0x1.0c0a77ce2981ap+0, -0x1.788583302c000p-5},
    {0x1.0af2f83c636d1p+0, -0x1.5715e67d68000p-5},
    {0x1.09ddb98a01339p+0, -0x1.35c8a49658000p-5},
    {0x1.08cabaf52e7dfp+0, -0x1.149e364154000p-5},
    {0x1.07b9f2f4e28fbp+0, -0x1.e72c082eb8000p-6},
    {0x1.06ab58c358f19p+0, -0x1.a55f152528000p-6},
    {0x1.059eea5ecf92cp+0, -0x1.63d62cf818000p-6},
    {0x1.04949cdd12c90p+0, -0x1.228fb8caa0000p-6},
    {0x1.038c6c6f0ada9p+0, -0x1.c317b20f90000p-7},
    {0x1.02865137932a9p+0, -0x1.419355daa0000p-7},
    {0x1.0182427ea7348p+0, -0x1.81203c2ec0000p-8},
    {0x1.008040614b195p+0, -0x1.0040979240000p-9},
    {0x1.fe01ff726fa1ap-1, 0x1.feff384900000p-9},
    {0x1.fa11cc261ea74p-1, 0x1.7dc41353d0000p-7},
    {0x1.f6310b081992ep-1, 0x1.3cea3c4c28000p-6},
    {0x1.f25f63ceeadcdp-1, 0x1.b9fc114890000p-6},
    {0x1.ee9c8039113e7p-1, 0x1.1b0d8ce110000p-5},
    {0x1.eae8078cbb1abp-1, 0x1.58a5bd001c000p-5},
    {0x1.e741aa29d0c9bp-1, 0x1.95c8340d88000p-5},
    {0x1.e3a91830a99b5p-1, 0x1.d276aef578000p-5},
    {0x1.e01e009609a56p-1, 0x1.07598e598c000p-4},
    {0x1.dca01e577bb98p-1, 0x1.253f5e30d2000p-4},
    {0x1.d92f20b7c9103p-1, 0x1.42edd8b380000p-4},
    {0x1.d5cac66fb5ccep-1, 0x1.606598757c000p-4},
    {0x1.d272caa5ede9dp-1, 0x1.7da76356a0000p-4},
    {0x1.cf26e3e6b2ccdp-1, 0x1.9ab434e1c6000p-4},
    {0x1.cbe6da2a77902p-1, 0x1.b78c7bb0d6000p-4},
    {0x1.c8b266d37086dp-1, 0x1.d431332e72000p-4},
    {0x1.c5894bd5d5804p-1, 0x1.f0a3171de6000p-4},
    {0x1.c26b533bb9f8cp-1, 0x1.067152b914000p-3},
    {0x1.bf583eeece73fp-1, 0x1.147858292b000p-3},
    {0x1.bc4fd75db96c1p-1, 0x1.2266ecdca3000p-3},
    {0x1.b951e0c864a28p-1, 0x1.303d7a6c55000p-3},
    {0x1.b65e2c5ef3e2cp-1, 0x1.3dfc33c331000p-3},
    {0x1.b374867c9888bp-1, 0x1.4ba366b7a8000p-3},
    {0x1.b094b211d304ap-1, 0x1.5933928d1f000p-3},
    {0x1.adbe885f2ef7ep-1, 0x1.66acd2418f000p-3},
    {0x1.aaf1d31603da2p-1, 0x1.740f8ec669000p-3},
    {0x1.a82e63fd358a7p-1, 0x1.815c0f51af000p-3},
    {0x1.a5740ef09738bp-1, 0x1.8e92954f68000p-3},
    {0x1.a2c2a90ab4b27p-1, 0x1.9bb3602f84000p-3},
    {0x1.a01a01393f2d1p-1, 0x1.a8bed1c2c0000p-3},
    {0x1.9d79f24db3c1bp-1, 0x1.b5b515c01d000p-3},
    {0x1.9ae2505c7b190p-1, 0x1.c2967ccbcc000p-3},
    {0x1.9852ef297ce2fp-1, 0x1.cf635d5486000p-3},
    {0x1.95cbaeea44b75p-1, 0x1.dc1bd3446c000p-3},
    {0x1.934c69de74838p-1, 0x1.e8c01b8cfe000p-3},
    {0x1.90d4f2f6752e6p-1, 0x1.f5509c0179000p-3},
    {0x1.8e6528effd79dp-1, 0x1.00e6c121fb800p-2},
    {0x1.8bfce9fcc007cp-1, 0x1.071b80e93d000p-2},
    {0x1.899c0dabec30ep-1, 0x1.0d46b9e867000p-2},
    {0x1.87427aa2317fbp-1, 0x1.13687334bd000p-2},
    {0x1.84f00acb39a08p-1, 0x1.1980d67234800p-2},
    {0x1.82a49e8653e55p-1, 0x1.1f8ffe0cc8000p-2},
    {0x1.8060195f40260p-1, 0x1.2595fd7636800p-2},
    {0x1.7e22563e0a329p-1, 0x1.2b9300914a800p-2},
    {0x1.7beb377dcb5adp-1, 0x1.3187210436000p-2},
    {0x1.79baa679725c2p-1, 0x1.377266dec1800p-2},
    {0x1.77907f2170657p-1, 0x1.3d54ffbaf3000p-2},
    {0x1.756cadbd6130cp-1, 0x1.432eee32fe000p-2},
};

static double log_close_to_1(double x)
{
    const double *b = log_near_1;
    double r = d_sub(x, 1.0);
    double r2 = d_mul(r, r);
    double r3 = d_mul(r, r2);
    double p = embinit_fused64(r3, b[10], embinit_fused64(r2, b[9], embinit_fused64(r, b[8], b[7])));
    p = embinit_fused64(r3, p, embinit_fused64(r2, b[6], embinit_fused64(r, b[5], b[4])));
    p = embinit_fused64(r3, p, embinit_fused64(r2, b[3], embinit_fused64(r, b[2], b[1])));
    double w = d_mul(r, 0x1p27); /* so high is r to 26 bits, and its square is exact */
    double high = d_sub(d_add(r, w), w);
    w = d_mul(d_mul(high, high), b[0]);
    double total = d_add(r, w);
    double low = d_add(d_sub(r, total), w);
    low = embinit_fused64(d_mul(b[0], d_sub(r, high)), d_add(high, r), low);
    return (embinit_bits64(r) << 1) == 0 ? 0.0 : d_add(embinit_fused64(r3, p, low), total);
}

double embinit_c_log_double(double x)
{
    static const double ln2_high = 0x1.62e42fefa3800p-1;
    static const double ln2_low = 0x1.ef35793c76730p-45;
    double result;
    if (special_log(x, &result)) {
        return result;
    }
    if (x >= 0.9375 && x < 0x1.109p0) { /* from 1 - 2^-4 */
        return log_close_to_1(x);
    }
    const double *a = log_by_power;
    uint64_t bits = embinit_bits64(x);
    if ((bits >> 52) == 0) {
        bits = embinit_bits64(d_mul(x, 0x1p52)) - ((uint64_t)52 << 52);
    }
    /* x = 2^k z with z from 0.6875, whose bits are 0x3fe6 << 48, to 1.375; shifted has k, in 12 bits with its sign, and
     * the bits of z, of which the first 7 choose log_parts: 1/c and log c, with c close to z. */
    uint64_t shifted = bits - ((uint64_t)0x3fe6 << 48);
    const double *part = log_parts[(shifted >> 45) & 127u];
    int32_t exponent = (int32_t)(shifted >> 52);
    double k = (double)(exponent < 2048 ? exponent : exponent - 4096);
    double r = embinit_fused64(embinit_double(bits - (shifted & ((uint64_t)0xfff << 52))), part[0], -1.0);
    double w = embinit_fused64(k, ln2_high, part[1]);
    double high = d_add(w, r);
    double low = embinit_fused64(k, ln2_low, d_add(d_sub(w, high), r));
    double r2 = d_mul(r, r);
    double p = embinit_fused64(r2, embinit_fused64(r, a[4], a[3]), embinit_fused64(r, a[2], a[1]));
    return d_add(embinit_fused64(d_mul(r, r2), p, embinit_fused64(r2, a[0], low)), high);
}

/* ---- sin and cos, after fdlibm ---- */

#define QUARTER_PI 0.78539816339744828

typedef struct {
    int32_t quarters;
    double y;
    double tail;
} embinit_angle;

/* x = y + tail + quarters * pi/2, x positive and below 2^20, so quarters has at most 20 bits. */
static embinit_angle reduced_angle(double x)
{
    /* pi/2 as parts of 33 bits, whose products with quarters are exact, each with the rest that follows it. */
    static const double pi_2[3][2] = {
        {1.57079632673412561417e+00, 6.07710050650619224932e-11},
        {6.07710050630396597660e-11, 2.02226624879595063154e-21},
        {2.02226624871116645580e-21, 8.47842766036889956997e-32},
    };
    /* How many leading bits the subtraction may cancel before the next part of pi/2 is taken. */
    static const int32_t lost[3] = {0, 16, 49};
    embinit_angle a;
    a.quarters = x <= QUARTER_PI ? 0 : (int32_t)d_add(d_mul(x, 6.36619772367581382433e-01), 0.5);
    double n = (double)a.quarters;
    double before = d_sub(x, d_mul(n, pi_2[0][0]));
    double high = before;
    double low = d_mul(n, pi_2[0][1]);
    int32_t exponent = (high_word(x) >> 20) & 0x7ff;
    for (int i = 1; i < 3; i++) {
        if (exponent - ((high_word(d_sub(high, low)) >> 20) & 0x7ff) > lost[i]) {
            double taken = d_mul(n, pi_2[i][0]);
            high = d_sub(before, taken);
            low = d_sub(d_mul(n, pi_2[i][1]), d_sub(d_sub(before, high), taken));
            before = high;
        }
    }
    a.y = d_sub(high, low);
    a.tail = d_sub(d_sub(high, a.y), low);
    return a;
}

static double sine_of_angle(const embinit_angle *a, int is_reduced)
{
    static const double s[] = {-1.66666666666666324348e-01, 8.33333333332248946124e-03, -1.98412698298579493134e-04,
                               2.75573137070700676789e-06, -2.50507602534068634195e-08, 1.58969099521155010221e-10};
    double z = d_mul(a->y, a->y);
    double p = polynomial(s + 1, 5, z);
    double v = d_mul(z, a->y);
    if (!is_reduced) {
        return d_add(a->y, d_mul(v, d_add(s[0], d_mul(z, p))));
    }
    double inner = d_mul(z, d_sub(d_mul(0.5, a->tail), d_mul(v, p)));
    return d_sub(a->y, d_sub(d_sub(inner, a->tail), d_mul(v, s[0])));
}

static double cosine_of_angle(const embinit_angle *a)
{
    static const double c[] = {4.16666666666666019037e-02, -1.38888888888741095749e-03, 2.48015872894767294178e-05,
                               -2.75573143513906633035e-07, 2.08757232129817482790e-09, -1.13596475577881948265e-11};
    double z = d_mul(a->y, a->y);
    double r = d_mul(z, polynomial(c, 6, z));
    int32_t word = high_word(a->y) & 0x7fffffff;
    double quarter = 0.0;
    /* From 0.3 on, about a quarter of y is taken from 1 first, which is exact: above 0.78125, 0.28125; below, y / 4 in
     * its first 20 bits, with 2 less in the exponent. */
    if (word > 0x3fe90000) {
        quarter = 0.28125;
    } else if (word >= 0x3fd33333) {
        quarter = embinit_double((uint64_t)(uint32_t)(word - 0x00200000) << 32);
    }
    double rest = d_sub(d_mul(z, r), d_mul(a->y, a->tail));
    return d_sub(d_sub(1.0, quarter), d_sub(d_sub(d_mul(0.5, z), quarter), rest));
}

/* sin(x + quarter * pi/2). */
static double sine_of(double x, int32_t quarter)
{
    uint64_t bits = embinit_bits64(x);
    if ((bits << 1) == 0) {
        return quarter == 0 ? x : 1.0;
    }
    double magnitude = embinit_double(bits & ~((uint64_t)1 << 63));
    if (!(magnitude < 0x1p20)) { /* more parts of pi/2 would be needed; the host refuses these */
        return embinit_double((uint64_t)0x7ff8 << 48);
    }
    embinit_angle a = reduced_angle(magnitude);
    if (bits >> 63) {
        a.quarters = -a.quarters;
        a.y = -a.y;
        a.tail = -a.tail;
    }
    uint32_t turn = (uint32_t)(a.quarters + quarter);
    double result = (turn & 1u) ? cosine_of_angle(&a) : sine_of_angle(&a, magnitude > QUARTER_PI);
    return (turn & 2u) ? -result : result;
}

double embinit_c_sin(double x)
{
    return sine_of(x, 0);
}

double embinit_c_cos(double x)
{
    return sine_of(x, 1);
}

#endif
