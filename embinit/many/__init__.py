"""Many seeds of one model, in batches: their values, statistics of them, and a report that finds bad seeds."""

from typing import TYPE_CHECKING

from embinit.lazy import attach

if TYPE_CHECKING:
    from embinit.many.batches import Client
    from embinit.many.drawing import Statistics
    from embinit.many.init import init_many
    from embinit.many.report import Extremes, Sweep
    from embinit.many.seeds import Seeds, parse_seeds
    from embinit.many.sweeping import sweep
else:
    __getattr__, __dir__ = attach(
        __name__,
        {
            "batches": "Client",
            "drawing": "Statistics",
            "init": "init_many",
            "report": "Extremes Sweep",
            "seeds": "Seeds parse_seeds",
            "sweeping": "sweep",
        },
    )

__all__ = ["Client", "Extremes", "Seeds", "Statistics", "Sweep", "init_many", "parse_seeds", "sweep"]
