"""Diagnose: name the mistake that explains why a device's bytes differ from the simulation."""

from embinit.diagnose.diagnosis import Diagnosis, diagnose
from embinit.diagnose.search import Cause, Explanation

__all__ = ["Cause", "Diagnosis", "Explanation", "diagnose"]
