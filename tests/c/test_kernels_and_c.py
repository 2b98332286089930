"""Which kernel is the twin of which C functions, and why the others have none: the list is whole, both ways."""

import ast
import re
from pathlib import Path

import embinit
from embinit.clib import HEADERS

KERNELS = Path(embinit.__file__).parent / "_kernels"

#: A kernel -> the C functions that give the same bits.
TWINS = {
    "affine.lcg32": "lcg32_next lcg32_source rand_msvc_next rand_msvc_source",
    "affine.lcg64": "rand_newlib_next rand_newlib_source rand_musl_next rand_musl_source lcg64_next",
    "affine.minstd": "minstd_next minstd_product minstd_source avr_step rand_avr_next rand_avr_source "
    "random_avr_next random_avr_source",
    "counters.philox4x32": "philox4x32_block philox4x32_next philox4x32_source",
    "counters.threefry2x32": "threefry2x32_block rotated32",
    "counters.threefry2x32_jax": "threefry2x32_next threefry2x32_source",
    "fma_arrays.fma32_array": "fused fused_software c_fmaf_double c_fmaf_fdlibm_fused",
    "fma_arrays.fma64_array": "fused64 fused64_software",
    "formats.absmax": "range_add",
    "formats.extremes": "range_add",
    "formats.round_all": "asym_grid affine_grid",
    "formats.encode_plain": "encode q_encode",
    "formats.encode_rounded": "encode pack q_encode",
    "formats.encode_drawn": "encode pack q_encode",
    "formats.decode": "decode unpack_signed unpack_unsigned q_decode",
    "formats.pack": "pack",
    "formats.unpack": "unpack_signed unpack_unsigned",
    "formats.uniform_codes": "q_uniform q_uniform16 fill_q8 fill_q16 fill_q32 uniform_code16 uniform_code32",
    "glibc.glibc": "rand_glibc_next rand_glibc_source",
    "gomlx.uniform": "gomlx_uniform gomlx_uniform_fused",
    "gomlx.normal": "gomlx_normal_go gomlx_normal_xla gomlx_normal_xla_nofma",
    "integer.normal_codes": "scaled_normal_code scaled_truncated_normal_code",
    "kaun.uniform": "kaun_uniform",
    "kaun._normals": "kaun_normal",
    "kaun.normal": "kaun_truncated_normal",
    "jax.uniform": "jax_uniform",
    "jax.normal": "jax_normal",
    "lanes.xorshift": "xorshift_step xorshift_next",
    "lanes.xoroshiro128plus": "xoroshiro128plus_step xoroshiro128plus_next rotated64",
    "libm.log_array": "logf_double logf_fdlibm logf_fdlibm_fused c_logf_double c_logf_fdlibm c_logf_fdlibm_fused",
    "libm.cos_array": "cosf_double cosf_fdlibm cosf_fdlibm_fused small_cosf small_sinf",
    "mt19937.seed": "mt19937_seed mt19937_small_seed mt19937_tempered",
    "normal.in_blocks": "normal",
    "normal.one_by_one": "normal",
    "pytorch.uniform": "torch_uniform torch_symmetric",
    "pytorch.normal": "torch_normal torch_padded_normal",
    "scaled.scaled": "normal_code truncated_normal_code scaled_uniform scaled_normal scaled_truncated_normal",
    "shuffle.fisher_yates": "shuffle",
    "ziggurat.doubles": "numpy_normal",
    "stream.raw": "xorshift32_next xorshift32_source pcg32_next pcg32_source mt19937_next mt19937_source "
    "mt19937_small_next mt19937_small_source",
    "tensorflow.uniform": "tensorflow_uniform",
    "tensorflow.normal": "tensorflow_normal",
    "tensorflow.truncated_normal": "tensorflow_truncated_normal",
    "trigonometry.sine_array": "c_sinf_double c_sinf_fdlibm c_sinf_fdlibm_fused c_cosf_double c_cosf_fdlibm "
    "c_cosf_fdlibm_fused",
    "uniform.from_blocks": "uniform",
    "uniform.from_ring": "uniform",
    "uniform.bernoulli": "bernoulli",
    "key_streams.halves": "tinygrad_source",
    "key_streams.mlx_keys": "mlx_source",
    "key_streams.mlx_normal": "mlx_normal",
    "key_streams.mlx_uniform": "mlx_uniform",
    "key_streams.tinygrad_uniform": "tinygrad_uniform",
    "wide.pcg64": "pcg64_step pcg64_next pcg64dxsm_next uint128_sum uint128_product",
}

#: A kernel without a twin -> why.
KERNELS_ALONE = {
    "mt19937.skip_blocks": "a device draws its words in order; only the host moves on at once",
    "mt19937.jump": "the same; its polynomial takes more memory than a device has",
    "intervals.by_mask": "NumPy shuffles on a host",
    "ziggurat.singles": "standard_normal of float32, whose tail takes the host's log1pf",
    "gomlx.below": "a mask of booleans, which is no buffer",
    "pytorch.small_normal": "log1p, sin and cos in double, of a libm that a device does not have",
    "pytorch.trunc_normal": "how many words it draws depends on them; export the values",
    "pytorch.randperm": "its order takes memory of its own; a device shuffles by embinit_shuffle",
    "pytorch.sparse": "a permutation for each column",
    "pytorch.bernoulli": "53 bits in double; a device draws embinit_bernoulli",
    "counters.jax_first_words": "the search for the seed of a key, on the host",
    "keras.listed": "the seeds of a list, which a search on the host tries",
    "keras.jax_words": "the same",
    "keras.tensorflow_words": "the same",
    "keras.torch_words": "the same",
    "statistics.statistics": "describes buffers on the host; no device computes it",
}

#: A C function without a kernel -> where its counterpart is.
FUNCTIONS_ALONE = {
    "Python's integers in embinit/bitgen": "philox4x32_seed philox4x32_skip philox4x32_advance rand_glibc_seed "
    "rand_glibc_times rand_glibc_advance threefry2x32_seed threefry2x32_advance threefry2x32_fold_in",
    "embinit/bitgen/keras.py": "tensorflow_seed",
    "embinit/bitgen/pcg64.py and embinit/samplers/numpy_random.py": "numpy_seed numpy_source numpy_skip "
    "numpy_uniform numpy_random numpy_legacy_seed numpy_legacy_source numpy_legacy_uniform numpy_legacy_normal",
    "NumPy in embinit/formats/arrangement.py, embinit/formats/element_order.py and embinit/fill.py": "big_endian "
    "high_bits_first spread_rows permute reorder",
    "NumPy in embinit/formats/quantizer.py": "largest round",
    "two operations, inside kernels": "separate",
    "a float seen as an integer": "bits float rounded bits64 double rounded64",
    "NumPy in embinit/samplers": "constant broadcast ones",
    "draws that are overwritten and buffers that are copies, in embinit/fill.py": "skip copy",
    "NumPy in embinit/formats": "q_grid int_grid int_steps_grid chosen_grid sym_grid sym_int32_grid bfp_grid "
    "bfp_scale half bias_code make_bias put_bias",
    "NumPy in embinit/expressions": "c_sqrtf c_fabsf c_floorf c_ceilf c_truncf c_roundf c_fmodf c_ldexpf c_fminf "
    "c_fmaxf c_sqrt c_fabs c_floor c_ceil c_trunc c_round c_fmin c_fmax c_fmod c_ldexp c_fmaf_fdlibm",
    "NumPy in embinit/expressions/double_libm.py": "c_log_double c_log_fdlibm c_log_fdlibm_fused c_sin c_cos",
    "NumPy's and math's root": "sqrt root",
    "embinit/growth": "variance grow append",
    "a whole model: embinit/fill.py and embinit/store.py": "fill store one_by_one window_empty fill_integers "
    "make_int load_scale",
    "zlib and the comparison in embinit/verify.py": "crc32 check check_stored check_integers",
}


def decorated(source):
    """The functions of a file that @kernel compiles, and those that NumPy may run as well."""
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            names = [getattr(each, "func", each) for each in node.decorator_list]
            if any(
                isinstance(name, ast.Name) and name.id in ("kernel", "either_way", "either_way_by") for name in names
            ):
                yield f"{source.stem}.{node.name}"


def declared(header):
    """The functions that a header declares or defines, without their prefix."""
    text = re.sub(r"/\*.*?\*/", "", header.read_text(encoding="utf-8"), flags=re.DOTALL)
    yield from re.findall(r"^(?!typedef)[a-z][\w *]*?\bembinit_(\w+)\(", text, re.MULTILINE)
    yield from re.findall(r"^embinit_(?:distribution|code) embinit_(\w+);", text, re.MULTILINE)


#: Folders whose files each have the header of their name as their twin, functions and all.
OF_ONE_NAME = ("bitgen", "formats")


def has_its_own_file(header):
    """Whether a header is the twin of a generator or a format, by its name."""
    name = header.stem.removeprefix("embinit_") + ".py"
    return any((KERNELS.parent / folder / name).exists() for folder in OF_ONE_NAME)


def words(texts):
    return {word for text in texts for word in text.split()}


def test_every_kernel_has_a_twin_or_a_reason():
    kernels = [kernel for source in sorted(KERNELS.glob("*.py")) for kernel in decorated(source)]

    assert len(kernels) > 20
    assert not TWINS.keys() & KERNELS_ALONE.keys()
    assert sorted(kernels) == sorted(TWINS.keys() | KERNELS_ALONE.keys())


def test_every_c_function_has_a_kernel_or_another_counterpart():
    functions = {function: header for header in HEADERS for function in declared(header)}
    with_kernels, alone = words(TWINS.values()), words(FUNCTIONS_ALONE.values())
    unnamed = {name for name, header in functions.items() if not has_its_own_file(header)}

    assert len(functions) > 150
    assert not with_kernels & alone
    assert unnamed <= with_kernels | alone <= functions.keys()
