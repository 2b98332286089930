"""Targets: device builds, what their arithmetic is and where their bytes come from."""

from embinit.targets.table import LIBMS, MULTIPLY_ADDS, RANDS, TARGETS, Build, Target, build_of, target_named

__all__ = ["LIBMS", "MULTIPLY_ADDS", "RANDS", "TARGETS", "Build", "Target", "build_of", "target_named"]
