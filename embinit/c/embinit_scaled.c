/* SPDX-License-Identifier: MIT */
#include "embinit_scaled.h"

/* Cubics for the quantile of the normal distribution, in units of 2^-28, lowest power first: four for each octave of
 * the tail probability. bench/normal_table.py derives them. */
static const uint32_t SCALED_CUBICS[128][4] = {
    {0x07d20546u, 0x02d35b12u, 0x001e0636u, 0x00074ce4u},
    {0x051924beu, 0x02a3382cu, 0x001136dbu, 0x00047273u},
    {0x028457d7u, 0x0289bb58u, 0x0007e23au, 0x00032fbdu},
    {0x00000000u, 0x0281b24du, 0x00000000u, 0x0002a459u},
    {0x1028e99fu, 0x02168e1bu, 0x00221791u, 0x00064348u},
    {0x0e31bfbeu, 0x01dba93fu, 0x0017f959u, 0x00038824u},
    {0x0c6c38c7u, 0x01b1c4ebu, 0x00118e1fu, 0x00023445u},
    {0x0acab582u, 0x0192d4afu, 0x000d3373u, 0x00017b4du},
    {0x16af4a5cu, 0x01b681c8u, 0x00203961u, 0x0005ba74u},
    {0x151691d0u, 0x017e789cu, 0x00170be5u, 0x000334d5u},
    {0x13ad7ff7u, 0x0155cec9u, 0x00114841u, 0x0001fb1fu},
    {0x1267d483u, 0x0136ee2eu, 0x000d6d53u, 0x00015018u},
    {0x1c2fcbbdu, 0x017ac572u, 0x001dde46u, 0x00054e9au},
    {0x1ad0a571u, 0x0146cbffu, 0x001564bbu, 0x0002f64eu},
    {0x199dbae1u, 0x01210203u, 0x001015a3u, 0x0001d337u},
    {0x188bc1c3u, 0x0104395du, 0x000c8b1au, 0x000134cau},
    {0x2104345bu, 0x01515ba6u, 0x001bbeadu, 0x0004f4e1u},
    {0x1fcc8081u, 0x01211850u, 0x0013d98bu, 0x0002c2b0u},
    {0x1ebdd9f4u, 0x00fe0a95u, 0x000ee9a9u, 0x0001b296u},
    {0x1dcdbfbau, 0x00e35b9au, 0x000ba005u, 0x00011ebcu},
    {0x255d1beeu, 0x01329e11u, 0x0019eda7u, 0x0004a90fu},
    {0x24427667u, 0x01058991u, 0x00128561u, 0x0002973cu},
    {0x234e217au, 0x00e4d8a0u, 0x000de559u, 0x00019736u},
    {0x2276451eu, 0x00cbfe3du, 0x000ad1f4u, 0x00010c4bu},
    {0x29582399u, 0x011ab395u, 0x001861eeu, 0x0004683au},
    {0x2853f987u, 0x00f0547au, 0x00116403u, 0x00027234u},
    {0x2773cbddu, 0x00d1a626u, 0x000d07d0u, 0x00017ff3u},
    {0x26ae522eu, 0x00ba5ac0u, 0x000a2264u, 0x0000fca9u},
    {0x2d08dcc5u, 0x0107721fu, 0x00170ef4u, 0x0004302du},
    {0x2c16b9d7u, 0x00df6496u, 0x00106ca6u, 0x00025249u},
    {0x2b46957au, 0x00c26de7u, 0x000c4abeu, 0x00016bf4u},
    {0x2a8fa2bcu, 0x00ac76deu, 0x00098cbdu, 0x0000ef40u},
    {0x307cf779u, 0x00f78821u, 0x0015e9c8u, 0x0003ff35u},
    {0x2f99aec9u, 0x00d17b86u, 0x000f973eu, 0x0002367cu},
    {0x2ed6aca0u, 0x00b5ffd8u, 0x000ba7f8u, 0x00015a94u},
    {0x2e2b8f59u, 0x00a12d9fu, 0x00090c21u, 0x0000e3a1u},
    {0x33be7388u, 0x00ea1b2du, 0x0014e9b4u, 0x0003d407u},
    {0x32e7aa85u, 0x00c5ce3au, 0x000edd4au, 0x00021e09u},
    {0x322fa872u, 0x00ab9c87u, 0x000b1a6fu, 0x00014b55u},
    {0x318e69ddu, 0x0097c8bau, 0x00089c83u, 0x0000d972u},
    {0x36d4dfb0u, 0x00de9718u, 0x001407f1u, 0x0003ada1u},
    {0x3608c9a3u, 0x00bbd484u, 0x000e39b7u, 0x00020858u},
    {0x355a28f9u, 0x00a2c4deu, 0x000a9e2du, 0x00013dd5u},
    {0x34c14da8u, 0x008fd045u, 0x00083ab1u, 0x0000d073u},
    {0x39c61ad5u, 0x00d49382u, 0x00133f37u, 0x00038b39u},
    {0x39034e7du, 0x00b32f54u, 0x000da893u, 0x0001f4f2u},
    {0x385ccbe8u, 0x009b20e1u, 0x000a301eu, 0x000131c9u},
    {0x37cb2d87u, 0x0088f1dau, 0x0007e430u, 0x0000c86eu},
    {0x3c96cef5u, 0x00cbc490u, 0x00128b61u, 0x00036c2eu},
    {0x3bdc2b12u, 0x00ab9a1eu, 0x000d26c6u, 0x0001e37bu},
    {0x3b3cc4edu, 0x00947189u, 0x0009cddau, 0x000126f4u},
    {0x3ab179e8u, 0x0082f2cfu, 0x00079711u, 0x0000c13cu},
    {0x3f4ac2b2u, 0x00c3f1abu, 0x0011e92au, 0x00035002u},
    {0x3e975b91u, 0x00a4e210u, 0x000cb1e2u, 0x0001d3a8u},
    {0x3dfe40bcu, 0x008e8862u, 0x0009757cu, 0x00011d27u},
    {0x3d788c2du, 0x007da81eu, 0x000751cdu, 0x0000babbu},
    {0x41e5113fu, 0x00bcefacu, 0x001155f2u, 0x0003364du},
    {0x413823e1u, 0x009ee0a2u, 0x000c47f4u, 0x0001c53du},
    {0x40a4a7f6u, 0x0089425cu, 0x00092581u, 0x0001143du},
    {0x4023ee99u, 0x0078f172u, 0x0007132eu, 0x0000b4d2u},
    {0x446851d3u, 0x00b69d07u, 0x0010cf9bu, 0x00031eb9u},
    {0x43c13acfu, 0x00997803u, 0x000be76au, 0x0001b809u},
    {0x4332cdbfu, 0x00848475u, 0x0008dcb4u, 0x00010c15u},
    {0x42b68e32u, 0x0074b5fau, 0x0006da3du, 0x0000af6bu},
    {0x46d6b43cu, 0x00b0df3bu, 0x0010546au, 0x00030901u},
    {0x4634e90fu, 0x009490bcu, 0x000b8efdu, 0x0001abe3u},
    {0x45ab1111u, 0x0080397eu, 0x00089a16u, 0x00010496u},
    {0x4532de2fu, 0x0070e252u, 0x0006a630u, 0x0000aa75u},
    {0x493215f9u, 0x00aba106u, 0x000fe2efu, 0x0002f4ecu},
    {0x4895200cu, 0x00901810u, 0x000b3d9fu, 0x0001a0aau},
    {0x480f751bu, 0x007c5099u, 0x00085cd9u, 0x0000fdabu},
    {0x479af1dbu, 0x006d6711u, 0x00067660u, 0x0000a5e2u},
    {0x4b7c1221u, 0x00a6d125u, 0x000f79fbu, 0x0002e247u},
    {0x4ae38b06u, 0x008bfed1u, 0x000af272u, 0x00019642u},
    {0x4a61b375u, 0x0078bc29u, 0x00082450u, 0x0000f742u},
    {0x49f08fcdu, 0x006a37d0u, 0x00064a45u, 0x0000a1a7u},
    {0x4db60d8bu, 0x00a2616au, 0x000f188eu, 0x0002d0eau},
    {0x4d219c15u, 0x00883892u, 0x000aacb8u, 0x00018c93u},
    {0x4ca349fau, 0x0075710cu, 0x0007efecu, 0x0000f14cu},
    {0x4c354075u, 0x00674a74u, 0x0006216du, 0x00009db8u},
    {0x4fe14049u, 0x009e4610u, 0x000ebdd1u, 0x0002c0b1u},
    {0x4f509647u, 0x0084bb09u, 0x000a6bd4u, 0x0001838au},
    {0x4ed5856bu, 0x00726614u, 0x0007bf32u, 0x0000ebbdu},
    {0x4e6a5955u, 0x006496a5u, 0x0005fb76u, 0x00009a0du},
    {0x51febd14u, 0x009a753cu, 0x000e690au, 0x0002b17eu},
    {0x51719587u, 0x00817d9du, 0x000a2f40u, 0x00017b14u},
    {0x50f989d0u, 0x006f9397u, 0x000791bdu, 0x0000e68au},
    {0x509105bdu, 0x00621575u, 0x0005d811u, 0x0000969fu},
    {0x540f7740u, 0x0096e699u, 0x000e199cu, 0x0002a337u},
    {0x538594e8u, 0x007e790eu, 0x0009f688u, 0x00017323u},
    {0x53105911u, 0x006cf320u, 0x00076734u, 0x0000e1aau},
    {0x52aa4db6u, 0x005fc10eu, 0x0005b6f6u, 0x00009369u},
    {0x56144780u, 0x00939312u, 0x000dceffu, 0x000295c6u},
    {0x558d73b7u, 0x007ba735u, 0x0009c149u, 0x00016baau},
    {0x551ad845u, 0x006a7f3au, 0x00073f4bu, 0x0000dd13u},
    {0x54b71b86u, 0x005d9482u, 0x000597ebu, 0x00009063u},
    {0x580defc9u, 0x00907494u, 0x000d88bdu, 0x00028916u},
    {0x5789f98fu, 0x007902cdu, 0x00098f2cu, 0x0001649eu},
    {0x5719d3fbu, 0x00683338u, 0x000719c0u, 0x0000d8c0u},
    {0x56b8402cu, 0x005b8b9au, 0x00057abbu, 0x00008d8bu},
    {0x59fd1e84u, 0x008d85e1u, 0x000d466eu, 0x00027d17u},
    {0x597bd9b5u, 0x0076874du, 0x00095fe8u, 0x00015df4u},
    {0x590e03bdu, 0x00660b16u, 0x0006f65cu, 0x0000d4abu},
    {0x58ae7701u, 0x0059a2b9u, 0x00055f39u, 0x00008adbu},
    {0x5be27130u, 0x008ac26du, 0x000d07b9u, 0x000271b9u},
    {0x5b63b5e2u, 0x007430c8u, 0x0009333au, 0x000157a6u},
    {0x5af80cf3u, 0x0064035bu, 0x0006d4ebu, 0x0000d0cdu},
    {0x5a9a68b7u, 0x0057d6beu, 0x0005453eu, 0x00008850u},
    {0x5dbe7695u, 0x00882641u, 0x000ccc4eu, 0x000266efu},
    {0x5d42208bu, 0x0071fbcfu, 0x000908e9u, 0x000151aau},
    {0x5cd8854au, 0x006218ffu, 0x0006b542u, 0x0000cd23u},
    {0x5c7cadd9u, 0x005624f2u, 0x00052ca8u, 0x000085e7u},
    {0x5f91b09cu, 0x0085ade3u, 0x000c93e6u, 0x00025cacu},
    {0x5f179ed2u, 0x006fe565u, 0x0008e0c2u, 0x00014bfau},
    {0x5eaff4b4u, 0x0060495eu, 0x0006973bu, 0x0000c9a7u},
    {0x5e55d0d9u, 0x00548af6u, 0x00051558u, 0x0000839du},
    {0x615c95e1u, 0x00835642u, 0x000c5e43u, 0x000252e7u},
    {0x60e4aa28u, 0x006deae6u, 0x0008ba98u, 0x00014690u},
    {0x607ed71bu, 0x005e9225u, 0x00067ab3u, 0x0000c657u},
    {0x60264fd4u, 0x005306b3u, 0x0004ff34u, 0x0000816fu},
    {0x631f9300u, 0x00811ca9u, 0x000c2b2eu, 0x00024995u},
    {0x62a9b1aeu, 0x006c09feu, 0x00089643u, 0x00014166u},
    {0x62459dd0u, 0x005cf147u, 0x00065f8bu, 0x0000c32eu},
    {0x61ee9e0du, 0x00519654u, 0x0004ea22u, 0x00007f5cu},
    {0x64db0bc0u, 0x007efeafu, 0x000bfa74u, 0x000240afu},
    {0x64671b64u, 0x006a4099u, 0x0008739eu, 0x00013c79u},
    {0x6404b0c1u, 0x005b64f0u, 0x000645a9u, 0x0000c02au},
    {0x63af2529u, 0x00503836u, 0x0004d60fu, 0x00007d61u},
};

/* The one step in float32: (code + offset) * scale, the sum an integer that is converted to nearest even. Codes are
 * below 2^27 in magnitude and offsets at most 2^31 - 2^27, so the sum is an int32_t. */
static float scaled_float(int32_t code, uint32_t offset, float scale)
{
    return (float)(int32_t)((uint32_t)code + offset) * scale;
}

/* |z| in units of 2^-24, where P(|Z| > |z|) = v * 2^-32 and v is not 0, so that the loop ends within 31 octaves. No
 * coefficient reaches 2^31, and s is below 2^32: a product is below 2^64, its upper half below 2^31, and z below
 * 2^32. */
static uint32_t scaled_magnitude(uint32_t v)
{
    uint32_t octave = 0;
    while (!(v >> 31)) {
        v <<= 1;
        octave++;
    }
    const uint32_t *c = SCALED_CUBICS[octave * 4 + ((v >> 29) & 3u)];
    uint64_t s = ~(v << 3);
    uint64_t z = c[2] + (c[3] * s >> 32);
    z = c[1] + (z * s >> 32);
    z = c[0] + (z * s >> 32);
    return (uint32_t)((z + 8) >> 4);
}

int32_t embinit_normal_code(uint32_t word)
{
    int32_t z = (int32_t)scaled_magnitude((word << 1) | 1u);
    return word >> 31 ? -z : z;
}

/* 2^33 times the probability that a standard normal value is above 2: so v * 2^-32 below is from P(|Z| > 2) to 1. */
#define SCALED_BEYOND_TWO 195422145u

int32_t embinit_truncated_normal_code(uint32_t word)
{
    uint64_t odd = (word << 1) | 1u;
    uint32_t v = SCALED_BEYOND_TWO + (uint32_t)(odd * (0u - SCALED_BEYOND_TWO) >> 32);
    int32_t z = (int32_t)scaled_magnitude(v);
    z = z < 0x02000000 ? z : 0x02000000; /* 2, which the cubic may miss by a little */
    return word >> 31 ? -z : z;
}

void embinit_scaled_uniform(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    (void)rule;
    for (size_t i = 0; i < n; i++) {
        uint32_t word = source->next(source->state);
        out[i] = scaled_float((int32_t)(word >> 8), b, embinit_float(a));
    }
}

void embinit_scaled_normal(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out, size_t n)
{
    (void)rule;
    for (size_t i = 0; i < n; i++) {
        uint32_t word = source->next(source->state);
        out[i] = scaled_float(embinit_normal_code(word), b, embinit_float(a));
    }
}

void embinit_scaled_truncated_normal(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out,
                                     size_t n)
{
    (void)rule;
    for (size_t i = 0; i < n; i++) {
        uint32_t word = source->next(source->state);
        out[i] = scaled_float(embinit_truncated_normal_code(word), b, embinit_float(a));
    }
}
