"""How kernels run: compiled by Numba or, while there is little to do, by NumPy from the same source.

Numba is imported when a kernel is first compiled. Until then, and as long as all calls together have few elements, the
kernels whose source allows it are run by NumPy (`vectors.py`): importing Numba takes longer than that work does. Where
Numba has been imported, a kernel is run by NumPy for its first few elements alone, as those of a key or of a scale.
A parameter that is `Apart` has few values, and a kernel is compiled for each of them separately (`variants.py`): a
program that draws from one generator does not wait until the code of the others is compiled.
"""

import sys
from collections.abc import Callable, Sequence
from copy import copy
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar, cast

import numpy as np

Function = TypeVar("Function", bound=Callable[..., Any])

#: NumPy computes FEW elements of all kernels together before Numba is imported, and after that the first FIRST
#: of each kernel. A call counts CALL elements more than it has.
FEW, FIRST, CALL = 2**18, 2**12, 2**9

#: A parameter for each of whose values a kernel is compiled apart. It is an integer or a truth value.
Apart = Annotated[int, "apart"]

#: A range whose iterations do not depend on each other, so that NumPy does them all at once.
independent = range


class Compiled:
    """A function that Numba compiles when it is first called from Python or from a function that is compiled."""

    def __init__(self, function: Callable[..., Any], kept: bool, forced: bool = False) -> None:
        self.function, self._kept, self._forced = function, kept, forced
        self.__name__, self.__module__, self.__doc__ = function.__name__, function.__module__, function.__doc__
        names = function.__code__.co_varnames[: function.__code__.co_argcount]
        #: Where the parameters are that are `Apart`.
        self.places = tuple(i for i, name in enumerate(names) if function.__annotations__.get(name) == Apart)
        self._apart = [names[place] for place in self.places]
        self.variants: dict[tuple[int, ...], Self] = {}

    @cached_property
    def compiled(self) -> Any:
        """The function as Numba compiles it for Python."""
        from embinit._kernels.compiler import compiled

        return compiled(self.function, self._kept)

    @cached_property
    def part(self) -> Any:
        """The function as Numba compiles it for those that call it: as a part of their machine code."""
        from embinit._kernels.compiler import part

        return part(self.function, self._forced)

    def variant(self, values: tuple[int, ...]) -> Self:
        """Return this function for values of its parameters that are `Apart`, without these parameters."""
        found = self.variants.get(values)
        if found is None:
            from embinit._kernels.variants import variant

            function = variant(self.function, dict(zip(self._apart, values, strict=True)))
            found = self.variants[values] = copy(self)
            found.function, found.places, found.variants = function, (), {}
            for made in ("compiled", "part"):
                vars(found).pop(made, None)
        return found

    @property
    def _numba_type_(self) -> Any:
        """What Numba takes this for where another function calls it."""
        from embinit._kernels.compiler import type_of

        return type_of(self.part)

    def __call__(self, *arguments: Any) -> Any:
        return self.compiled(*arguments)


class Kernel(Compiled):
    """A function that is called from Python. work: how many elements NumPy would compute for given arguments; None if
    only Numba can run it.
    """

    #: How many elements NumPy may still compute, of all kernels together.
    left = FEW

    def __init__(self, function: Callable[..., Any], work: Callable[..., int] | None) -> None:
        super().__init__(function, kept=True)
        self.work = work
        self._first = FIRST
        self._ready: Any = None
        count = function.__code__.co_argcount
        self._values = _picked(self.places)
        self._others = _picked([i for i in range(count) if i not in self.places])

    @cached_property
    def of_arrays(self) -> Callable[..., Any]:
        """The same function, run by NumPy."""
        from embinit._kernels.vectors import of_arrays

        return of_arrays(self.function, _of_arrays)

    @property
    def direct(self) -> Callable[..., Any]:
        """What is called: the machine code, once there is any."""
        return self if self._ready is None else cast("Callable[..., Any]", self._ready)

    def machine(self, *arguments: Any) -> Any:
        """Call the machine code for the values of what is `Apart`."""
        if not self.places:
            return self.compiled(*arguments)
        return self.variant(self._values(arguments)).compiled(*self._others(arguments))

    def __call__(self, *arguments: Any) -> Any:
        if self._ready is not None:
            return self._ready(*arguments)
        if self.work is not None and self._small(CALL + self.work(*arguments)):
            return self.of_arrays(*arguments)
        self._ready = self.machine if self.places else self.compiled
        return self._ready(*arguments)

    def _small(self, work: int) -> bool:
        """Count work that is to be done; return whether NumPy may still do it."""
        if "numba" in sys.modules:
            self._first -= work
            left = self._first
        else:
            Kernel.left -= work
            left = Kernel.left
        return left > 0 and Path(self.function.__code__.co_filename).is_file()


def _picked(places: Sequence[int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """Return the function that picks the arguments at some places."""
    if len(places) > 1:
        return itemgetter(*places)
    if not places:
        return lambda _: ()
    (place,) = places
    return lambda arguments: (arguments[place],)


class Primitive:
    """An operation that only LLVM has: an intrinsic of Numba's and, in Python, what it computes, also of arrays."""

    def __init__(self, of_arrays: Callable[..., Any], intrinsic: Callable[[], Any]) -> None:
        self.of_arrays, self._intrinsic = of_arrays, intrinsic
        self.__name__, self.__doc__ = of_arrays.__name__, of_arrays.__doc__

    @cached_property
    def compiled(self) -> Any:
        """The intrinsic."""
        return self._intrinsic()

    @property
    def _numba_type_(self) -> Any:
        from embinit._kernels.compiler import type_of

        return type_of(self.compiled)

    def __call__(self, *arguments: Any) -> Any:
        return self.of_arrays(*arguments)


def kernel(function: Function) -> Function:
    """Return a function that is compiled at its first call, without the GIL and fast math, and kept on disk."""
    return cast("Function", Kernel(function, None))


def as_kernel(function: Callable[..., Any]) -> Kernel:
    """Return a decorated function as a kernel, to call it again and again: its `direct` costs less."""
    assert isinstance(function, Kernel)
    return function


def elements(*arguments: Any) -> int:
    """Return how many elements the arrays among arguments have."""
    return sum(given.size for given in arguments if isinstance(given, np.ndarray))


def either_way(function: Function) -> Function:
    """Return a kernel that NumPy may run, too: all its loops over elements are over `independent` ones."""
    return cast("Function", Kernel(function, elements))


def either_way_by(work: Callable[..., int]) -> Callable[[Function], Function]:
    """Return a decorator of such a kernel whose work is not that of its elements alone."""

    def decorated(function: Function) -> Function:
        return cast("Function", Kernel(function, work))

    return decorated


def inlined(function: Function) -> Function:
    """Return a function for kernels only, compiled as part of their machine code."""
    return cast("Function", Compiled(function, kept=False))


def inlined_always(function: Function) -> Function:
    """Return such a function that LLVM always inlines: for a long one, so that the loops that call it become vector
    code.
    """
    return cast("Function", Compiled(function, kept=False, forced=True))


def primitive(intrinsic: Callable[[], Any]) -> Callable[[Function], Function]:
    """Return a decorator of what an intrinsic computes. intrinsic: returns it, and imports Numba for that."""

    def decorated(of_arrays: Function) -> Function:
        return cast("Function", Primitive(of_arrays, intrinsic))

    return decorated


@inlined
def at_a_time(n: int, most: int) -> int:  # noqa: ARG001 (NumPy looks at it)
    """Return n, the number of iterations, of which only `most` in a row are independent of each other."""
    return n


@inlined
def total(each: Any) -> Any:
    """Return the sum of a number over the iterations of a loop that are done at once."""
    return each


@inlined
def least(each: Any) -> Any:
    """Return the least of a number over the iterations of a loop that are done at once."""
    return each


@inlined
def most(each: Any) -> Any:
    """Return the greatest of a number over the iterations of a loop that are done at once."""
    return each


def _of_arrays(value: Any) -> Any:
    """Return the value that replaces a global of a kernel when NumPy runs the kernel."""
    from embinit._kernels import vectors

    if isinstance(value, Primitive):
        return value.of_arrays
    if not isinstance(value, Compiled):
        return value
    marks: dict[str, Any] = {"at_a_time": vectors.at_a_time, "total": np.sum, "least": np.min, "most": np.max}
    if value.__module__ == __name__:
        return marks[value.__name__]
    function = value.function
    return lambda *arguments: vectors.rewritten(function, _of_arrays)(*arguments)
