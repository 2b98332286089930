"""Why a model has no C, known before anything is drawn."""

from embinit.bundle import undrawn
from embinit.codegen.init import init_source
from embinit.codegen.text import NoCodeError
from embinit.plan import Plan


def no_c(plan: Plan) -> str | None:
    """Return why no C leaves the buffers of a plan, or None: the code is generated, with zeros for what is drawn."""
    try:
        init_source(undrawn(plan))
    except NoCodeError as error:
        return str(error)
    return None
