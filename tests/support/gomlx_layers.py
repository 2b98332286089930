"""What tests of the gomlx dialects draw: layers of any shape, and single tensors."""

import numpy as np

from embinit import Conv1d, Conv2d, Conv3d, Generator, Linear
from embinit.dialects import gomlx

ALL = ["gomlx", "gomlx-0.20", "gomlx-xla", "gomlx-xla-nofma"]
SCALED = [gomlx.glorot_uniform(), gomlx.xavier_uniform(), gomlx.xavier_normal(), gomlx.he()]
RANDOM = [gomlx.random_uniform(1.0, 2.0), gomlx.random_normal(1.0)]


def assert_same(found, expected):
    assert np.ascontiguousarray(found).ravel().view(np.uint32).tolist() == np.ravel(expected).view(np.uint32).tolist()


def shaped(shape, **keys):
    """The layer whose weight has a shape."""
    if len(shape) == 2:
        return Linear(in_features=shape[0], out_features=shape[1], **keys)
    kind = {3: Conv1d, 4: Conv2d, 5: Conv3d}[len(shape)]
    return kind(kernel_size=shape[:-2], in_channels=shape[-2], out_channels=shape[-1], **keys)


def draw(initializer, shape, dtype=np.float32, seed=21, dialect="gomlx", **fans):
    out = np.empty(shape, dtype)
    generator = Generator.seeded(seed, dialect)
    generator.fill(initializer, out, **fans)
    return out, generator.drawn
