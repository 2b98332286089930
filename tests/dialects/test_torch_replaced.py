"""Parameters that were put in the place of those that PyTorch's layers drew."""

import pytest

import embinit
from embinit import EmbinitError

torch = pytest.importorskip("torch")

import embinit.torch  # noqa: E402 (after the skip)

nn = torch.nn


def without_hook():
    return nn.utils.remove_weight_norm(nn.utils.weight_norm(nn.Linear(5, 4)))


def without_parametrization():
    fc = nn.utils.parametrizations.weight_norm(nn.Linear(5, 4))
    return nn.utils.parametrize.remove_parametrizations(fc, "weight")


def given():
    fc = nn.Linear(5, 4)
    fc.weight = nn.Parameter(fc.weight.detach() * 0.5)
    return fc


@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated:FutureWarning")
@pytest.mark.parametrize("make", [without_hook, without_parametrization, given])
def test_a_parameter_in_place_of_the_drawn_one_is_refused(make):
    with pytest.raises(EmbinitError, match=r"parameter '0.weight' does not hold what its layer drew"):
        embinit.Model.from_torch(nn.Sequential(make(), nn.Linear(4, 2)), 5, dialect="torch")
    assert len(embinit.Model.from_torch(nn.Sequential(make(), nn.Linear(4, 2)), 5, dialect="odt").layers) == 2
