"""Growth: variance transfer and neuron pairing, for devices that widen a layer between two trainings.

Two consecutive layers, `first` and `second`, share the hidden neurons: first's outputs are second's inputs. One step
rescales the existing weights, draws weights for the new neurons and, when pairing, makes them cancel (SPEC.md, section
"growth"; Yuan et al., "Accelerated Training via Incrementally Growing Neural Networks using Variance Transfer and
Learning Rate Adaptation", 2023).
"""

from embinit.growth.extension import INITIALIZERS, WITHOUT_VARIANCE, HowDrawn, spread
from embinit.growth.factors import STRATEGIES, factors
from embinit.growth.hidden import STATISTICS
from embinit.growth.model import Growth, behind_init, grow
from embinit.growth.step import PAIRINGS, Step, grow_layers
from embinit.growth.weights import Floats, Weights, variance

__all__ = [
    "INITIALIZERS",
    "PAIRINGS",
    "STATISTICS",
    "STRATEGIES",
    "WITHOUT_VARIANCE",
    "Floats",
    "Growth",
    "HowDrawn",
    "Step",
    "Weights",
    "behind_init",
    "factors",
    "grow",
    "grow_layers",
    "spread",
    "variance",
]
