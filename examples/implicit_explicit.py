"""Implicit and explicit initialization are the same, and embinit computes both: a 3-4-2 network, seed 1.

Needs torch (pip install 'embinit[torch]'). Prints the first weights three times.
"""

import math
from pathlib import Path

import numpy as np
import torch

import embinit


def implicit() -> list[np.ndarray]:
    """Let the layers initialize themselves."""
    torch.manual_seed(1)
    layers = [torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)]
    return [p.detach().numpy() for layer in layers for p in (layer.weight, layer.bias)]


def explicit() -> list[np.ndarray]:
    """Make empty tensors and call torch.nn.init as the layers do."""
    torch.manual_seed(1)
    tensors = []
    for fan_in, out in ((3, 4), (4, 2)):
        weight, bias = torch.empty(out, fan_in), torch.empty(out)
        torch.nn.init.kaiming_uniform_(weight, a=math.sqrt(5))
        torch.nn.init.uniform_(bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))
        tensors += [weight.numpy(), bias.numpy()]
    return tensors


def on_the_chip() -> list[np.ndarray]:
    """Ask embinit what the chip will hold."""
    return list(embinit.load(Path(__file__).parent / "torch_parity.toml").init().values())


if __name__ == "__main__":
    for compute in (implicit, explicit, on_the_chip):
        tensors = compute()
        print(f"{compute.__name__:12}", " ".join(f"{word:08x}" for word in tensors[0].view(np.uint32).ravel()[:6]))
