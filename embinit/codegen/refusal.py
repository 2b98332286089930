"""Why a model has no C, known before anything is drawn."""

from embinit.bundle import undrawn
from embinit.codegen.init import init_source
from embinit.codegen.text import NoCodeError
from embinit.plan import Plan


def no_c(plan: Plan) -> str | None:
    """Return why a plan has no C, or None if it has. To find out, the code is generated, with zeros as values."""
    try:
        init_source(undrawn(plan))
    except NoCodeError as error:
        return str(error)
    return None
