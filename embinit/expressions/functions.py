"""The functions of <math.h> that an expression may call."""

from dataclasses import dataclass

from embinit.expressions.types import DOUBLE, FLOAT, INT32, CType


@dataclass(frozen=True)
class Function:
    """A function of C: its name, the type of its arguments and of its result, and how many arguments it takes.

    last: the type of its last argument, if that differs. sets_errno: whether a call has that side effect, so that two
    equal calls are two values. branches: whether a compiler tests its argument first, to set errno, so that nothing is
    fused across it. libm: whether its bits depend on the C library; other results are exact or rounded once on every
    device. instruction: whether picolibc's <math.h> writes it as an instruction if there is an FPU.
    """

    name: str
    ctype: CType
    count: int = 1
    last: CType | None = None
    sets_errno: bool = False
    branches: bool = False
    libm: bool = False
    instruction: bool = False

    @property
    def types(self) -> tuple[CType, ...]:
        """The types of its arguments."""
        return (self.ctype,) * (self.count - 1) + (self.last or self.ctype,)


FUNCTIONS = {
    function.name: function
    for function in (
        Function("sqrtf", FLOAT, sets_errno=True, branches=True),
        Function("sqrt", DOUBLE, sets_errno=True, branches=True),
        Function("fabsf", FLOAT, instruction=True),
        Function("fabs", DOUBLE, instruction=True),
        Function("fminf", FLOAT, 2, instruction=True),
        Function("fmaxf", FLOAT, 2, instruction=True),
        Function("fmin", DOUBLE, 2, instruction=True),
        Function("fmax", DOUBLE, 2, instruction=True),
        Function("floorf", FLOAT),
        Function("floor", DOUBLE),
        Function("ceilf", FLOAT),
        Function("ceil", DOUBLE),
        Function("truncf", FLOAT),
        Function("trunc", DOUBLE),
        Function("roundf", FLOAT),
        Function("round", DOUBLE),
        Function("fmodf", FLOAT, 2, sets_errno=True),
        Function("fmod", DOUBLE, 2, sets_errno=True),
        Function("ldexpf", FLOAT, 2, last=INT32, sets_errno=True),
        Function("ldexp", DOUBLE, 2, last=INT32, sets_errno=True),
        Function("fmaf", FLOAT, 3, instruction=True),
        Function("logf", FLOAT, sets_errno=True, libm=True),
        Function("cosf", FLOAT, libm=True),
        Function("sinf", FLOAT, libm=True),
        Function("log", DOUBLE, sets_errno=True, libm=True),
        Function("cos", DOUBLE, libm=True),
        Function("sin", DOUBLE, libm=True),
    )
}
#: The functions of floats that replace those of doubles if the double was converted from a float.
OF_FLOATS = {name: f"{name}f" for name in ("floor", "ceil", "trunc", "round")}
