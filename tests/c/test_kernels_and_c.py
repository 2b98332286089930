"""Which kernel is the twin of which C functions, and why the others have none: the list is whole, both ways."""

import ast
import re
from pathlib import Path

import embinit
from embinit.clib import HEADERS

KERNELS = Path(embinit.__file__).parent / "_kernels"

#: A kernel -> the C functions that give the same bits.
TWINS = {
    "formats.absmax": "range_add",
    "formats.extremes": "range_add",
    "formats.round_all": "asym_grid affine_grid",
    "formats.encode": "encode pack q_encode",
    "formats.decode": "decode unpack_signed unpack_unsigned q_decode",
    "formats.pack": "pack",
    "formats.unpack": "unpack_signed unpack_unsigned",
    "formats.uniform_codes": "q_uniform q_uniform16 fill_q8 fill_q16 fill_q32 uniform_code16 uniform_code32",
    "integer.normal_codes": "scaled_normal_code scaled_truncated_normal_code",
    "libm.log_array": "logf_double logf_fdlibm logf_fdlibm_fused",
    "libm.cos_array": "cosf_double cosf_fdlibm cosf_fdlibm_fused",
    "mt19937.seed": "mt19937_seed mt19937_small_seed",
    "normal.box_muller_cosine": "normal",
    "scaled.scaled": "normal_code truncated_normal_code scaled_uniform scaled_normal scaled_truncated_normal",
    "shuffle.fisher_yates": "shuffle",
    "stream.raw": "xorshift32_next xorshift32_source pcg32_next pcg32_source mt19937_next mt19937_source "
    "mt19937_small_next mt19937_small_source",
    "torch.uniform": "torch_uniform torch_symmetric",
    "torch.normal": "torch_normal torch_padded_normal",
    "uniform.from_blocks": "uniform",
    "uniform.from_ring": "uniform",
    "uniform.bernoulli": "bernoulli",
}

#: A kernel without a twin -> why.
KERNELS_ALONE = {
    "mt19937.skip_blocks": "a device draws its words in order; only the host moves on at once",
    "mt19937.jump": "the same; its polynomial takes more memory than a device has",
    "torch.small_normal": "log1p, sin and cos in double, of a libm that a device has not",
    "torch.trunc_normal": "how many words it draws depends on them; export the values",
    "torch.randperm": "its order takes memory of its own; a device shuffles by embinit_shuffle",
    "torch.sparse": "a permutation for each column",
    "torch.bernoulli": "53 bits in double; a device draws embinit_bernoulli",
    "torch.random32": "integers of PyTorch, which no weight holds",
    "torch.random64": "the same",
    "statistics.statistics": "describes buffers on the host; no device computes it",
}

#: A C function without a kernel -> where its counterpart is.
FUNCTIONS_ALONE = {
    "Python's integers in embinit/bitgen": "xorshift32_advance pcg32_seed pcg32_advance",
    "LLVM's fma and two operations, inside kernels": "separate fused fused_software",
    "NumPy in embinit/samplers": "constant broadcast ones",
    "NumPy in embinit/formats": "q_grid int_grid sym_grid sym_int32_grid bfp_grid bfp_scale",
    "NumPy's and math's root": "sqrt root",
    "embinit/growth.py": "variance grow append",
    "a whole model: embinit/fill.py and embinit/store.py": "fill store fill_integers make_int load_scale",
    "zlib and the comparison in embinit/verify.py": "crc32 check check_stored check_integers",
}


def decorated(source):
    """The functions of a file that @kernel compiles."""
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            names = [getattr(each, "func", each) for each in node.decorator_list]
            if any(isinstance(name, ast.Name) and name.id == "kernel" for name in names):
                yield f"{source.stem}.{node.name}"


def declared(header):
    """The functions that a header declares, without their prefix."""
    text = re.sub(r"/\*.*?\*/", "", header.read_text(encoding="utf-8"), flags=re.DOTALL)
    yield from re.findall(r"^(?!typedef|static|#)[\w *]*?\bembinit_(\w+)\(", text, re.MULTILINE)
    yield from re.findall(r"^embinit_(?:distribution|code) embinit_(\w+);", text, re.MULTILINE)


def words(texts):
    return {word for text in texts for word in text.split()}


def test_every_kernel_has_a_twin_or_a_reason():
    kernels = [kernel for source in sorted(KERNELS.glob("*.py")) for kernel in decorated(source)]

    assert len(kernels) > 20
    assert not TWINS.keys() & KERNELS_ALONE.keys()
    assert sorted(kernels) == sorted(TWINS.keys() | KERNELS_ALONE.keys())


def test_every_c_function_has_a_kernel_or_another_counterpart():
    functions = [function for header in HEADERS for function in declared(header)]
    with_kernels, alone = words(TWINS.values()), words(FUNCTIONS_ALONE.values())

    assert len(functions) > 60
    assert not with_kernels & alone
    assert sorted(functions) == sorted(with_kernels | alone)
