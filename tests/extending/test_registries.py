"""What examples of docstrings register is forgotten: no other test sees it, wherever it runs."""

from dataclasses import replace

import embinit
from embinit import formats, targets
from embinit.dialects import DIALECTS
from embinit.layers import WITH_PARAMETERS

from support.registries import REGISTRIES, restored


def test_everything_that_can_be_registered_is_forgotten():
    _ = embinit.TransformerEncoder  # PyTorch's layers are registered when one is first named, and stay
    before = [dict(registry) for registry in REGISTRIES]
    sym = formats.family_named("sym5")
    with restored():

        @embinit.torch.register_layer
        class Forgotten(embinit.PReLU):
            pass

        formats.register({replace(sym, name="mine<b>"): (r"mine(\d+)", lambda name, _: formats.format_named("sym5"))})
        targets.register(replace(targets.target_named("cortex-m0"), name="mine"))
        embinit.register_dialect(replace(DIALECTS["tinn"], name="mine"))
        assert WITH_PARAMETERS["Forgotten"] is Forgotten
        assert formats.format_named("mine5").name == "sym5"
        assert {"mine"} <= targets.TARGETS.keys() & DIALECTS.keys()

    assert [dict(registry) for registry in REGISTRIES] == before
    assert "Forgotten" not in WITH_PARAMETERS
