"""Store: from float32 values to the bytes that the device keeps."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.fill import Values


@dataclass(frozen=True)
class Buffer:
    """A buffer as it lies in the device's memory: its format and its elements or packed payload, little endian."""

    format: str
    data: NDArray[Any]


def store(values: Values) -> dict[str, Buffer]:
    """Return the device's buffers, by name."""
    little = np.dtype("<f4")
    return {
        row.name: Buffer(row.format, values.arrays[row.name].astype(little, copy=False)) for row in values.plan.rows
    }
