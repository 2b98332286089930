"""embinit plan: print what is drawn for each buffer."""

from argparse import Namespace

from embinit.commands.models import load
from embinit.commands.output import DONE, print_result, write_page
from embinit.distributions import Declared
from embinit.errors import EmbinitError
from embinit.formats import FLOATS
from embinit.formats.arrangement import IN_ORDER
from embinit.model import Description
from embinit.plan import Plan, Row


def run(options: Namespace) -> int:
    """Run the command and return its exit status."""
    plan = load(options).plan()
    no_c = None if _is_usual(plan) else _no_c(plan)
    if options.report is not None:
        from embinit.pages.plan import page

        write_page(options, page(plan, no_c))
    text = str(plan) if no_c is None else f"{plan}\nno init code: {no_c}"
    print_result(options, text, {**plan.as_json(), "no_c": no_c})
    return DONE


def _no_c(plan: Plan) -> str | None:
    from embinit import codegen

    return codegen.no_c(plan)


def _is_usual(plan: Plan) -> bool:
    """Whether a plan is so usual that it surely has C. To find out for another plan, its C is generated, which takes
    longer than the plan.
    """
    model = plan.model
    return (
        bool(plan.rows)
        and model.state is None
        and 0 <= model.seed < 2**32
        and _has_usual_generator(model)
        and all(_has_usual_c(plan, row) for row in plan.rows)
    )


def _has_usual_generator(model: Description) -> bool:
    try:
        return model.start.block == 1 and model.conventions.start(0, model.build.rand).c_generator(0) is not None
    except EmbinitError:
        return False


def _has_usual_c(plan: Plan, row: Row) -> bool:
    held, order = row.storage, row.order
    if isinstance(row.distribution, Declared) or row.lost or row.slices or order.axes is not None:
        return False
    if order.restart is not None or order.rehearsed or row.store_draws or held.arrangement != IN_ORDER:
        return False
    if held.quantizer is not None or held.literals is not None or held.input_scale is not None:
        return False
    if row.codes is not None or row.same_as is not None:
        return order.skip == 0
    try:
        draw = plan.model.conventions.sampler.c_draw(row.distribution, row.size, plan.model.build)
    except EmbinitError:
        return False
    return row.format in FLOATS or (draw.elementwise and held.kind.c_family is not None)
