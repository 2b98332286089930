"""Targets: device builds, their arithmetic, and the ways to run code built for them."""

from embinit.targets.table import LIBMS, MULTIPLY_ADDS, RANDS, TARGETS, Build, Target, build_of, target_named

__all__ = ["LIBMS", "MULTIPLY_ADDS", "RANDS", "TARGETS", "Build", "Target", "build_of", "target_named"]
