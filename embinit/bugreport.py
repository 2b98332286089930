"""Bug report: everything somebody else needs to see why a board disagrees, and none of its weights."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from embinit import __version__
from embinit.bundle import Bundle
from embinit.codegen import no_c
from embinit.diagnose import diagnose
from embinit.diagnose.diagnosis import Diagnosis
from embinit.plan import Plan
from embinit.spec import SPEC_VERSION

#: The packages on which bits, a toolchain, or what was read may depend.
PACKAGES = ("numba", "llvmlite", "numpy", "ziglang", "unicorn", "pyelftools", "torch", "keras", "jax", "flax")


@dataclass(frozen=True)
class BugReport:
    """The versions that were used, what was expected, and where and why the board differs.

    It shows no weights, except both bit patterns of the first element that differs in a buffer.
    """

    versions: dict[str, str]
    plan: Plan
    diagnosis: Diagnosis

    def __str__(self) -> str:
        versions = "\n".join(f"{name} {number}" for name, number in self.versions.items())
        return f"{versions}\n\n{self.plan}\n\n{self.diagnosis}"

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        planned = {**self.plan.as_json(), "no_c": no_c(self.plan)}
        return {"versions": self.versions, "plan": planned, "diagnosis": self.diagnosis.as_json()}


def versions() -> dict[str, str]:
    """Return the versions of embinit, of SPEC.md, of Python and of the packages that are installed."""
    found = {"embinit": __version__, "spec": str(SPEC_VERSION), "Python": platform.python_version()}
    found["on"] = f"{platform.system()} {platform.release()}, {platform.machine()}"
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def report_bug(bundle: Bundle, found: Mapping[str, bytes], source: str) -> BugReport:
    """Return the report about the bytes of some or all buffers, by name; source names the device in it."""
    return BugReport(versions(), bundle.plan, diagnose(bundle, found, source))
