"""The functions of the C libraries against reference_from_spec.libm*, which were written from SPEC.md alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embinit.expressions.libm import evaluate

from support.reference_from_spec.libm import LIBM
from support.reference_from_spec.libm_doubles import log_double, log_fdlibm, sine
from support.reference_from_spec.libm_wide import SINE
from support.sweeps import examples

CLASSES = sorted(LIBM)
LOG = {"double": log_double, "fdlibm": log_fdlibm, "fdlibm-fused": log_fdlibm}
MULTIPLES = np.arange(-76, 77) * (np.pi / 2)
multiples = st.builds(
    lambda i, ulps: float(MULTIPLES[i] + ulps * np.spacing(MULTIPLES[i])), st.integers(0, 152), st.integers(-9, 9)
)
single_multiples = st.builds(
    lambda i, ulps: float(np.float32(MULTIPLES[i]) + np.float32(ulps) * np.spacing(np.float32(MULTIPLES[i]))),
    st.integers(0, 152),
    st.integers(-300, 300),
)
below = {"min_value": -120, "max_value": 120, "exclude_min": True, "exclude_max": True}
angles = st.lists(st.floats(**below) | st.floats(-3, 3) | multiples, min_size=20, max_size=20)
single_angles = st.lists(
    st.floats(**below, width=32) | st.floats(-3, 3, width=32) | single_multiples, min_size=20, max_size=20
)
positive = st.floats(2.0**-1074, 1e300) | st.floats(0.9, 1.1) | st.floats(1, 2) | st.floats(1.37, 1.43)
single_positive = st.floats(2.0**-126, 2.0**127, width=32) | st.floats(0.5, 2, width=32)


def assert_agree(name, libm_class, x, reference):
    package = evaluate(name, libm_class, x)
    kept = np.array([reference(value) for value in x], x.dtype)
    assert package.tobytes() == kept.tobytes()


@pytest.mark.parametrize("libm_class", CLASSES)
@given(x=single_angles, y=st.lists(single_positive, min_size=20, max_size=20))
@settings(max_examples=examples(30))
def test_floats(libm_class, x, y):
    for quarter, name in enumerate(("sinf", "cosf")):
        assert_agree(name, libm_class, np.array(x, np.float32), lambda value, q=quarter: SINE[libm_class](value, q))
    assert_agree("logf", libm_class, np.array(y, np.float32), LIBM[libm_class][0])


@pytest.mark.parametrize("libm_class", CLASSES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@given(x=angles, y=st.lists(positive, min_size=20, max_size=20))
@settings(max_examples=examples(30))
def test_doubles(libm_class, x, y):
    for quarter, name in enumerate(("sin", "cos")):
        assert_agree(name, libm_class, np.array(x), lambda value, q=quarter: sine(float(value), q))
    assert_agree("log", libm_class, np.array(y), lambda value: LOG[libm_class](float(value)))
