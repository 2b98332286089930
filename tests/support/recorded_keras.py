"""What Keras and TensorFlow left in their tensors, by backend; the words of a float32 array as uint32."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parents[1] / "vectors" / "keras"


@cache
def _recorded(backend: str) -> tuple[list[dict[str, Any]], np.ndarray[Any, Any]]:
    cases = json.loads((FOLDER / f"{backend}.json").read_text())["cases"]
    return cases, np.load(FOLDER / f"{backend}.npz")["words"]


def cases(backend: str, kind: str) -> list[dict[str, Any]]:
    """Return the cases of a kind."""
    return [case for case in _recorded(backend)[0] if case["kind"] == kind]


def words(backend: str, case: dict[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """Return the arrays of a case by their names."""
    all_words = _recorded(backend)[1]
    return {
        each["name"]: all_words[each["offset"] : each["offset"] + each["words"]].reshape(
            each["shape"] if each["dtype"] == "float32" else -1
        )
        for each in case["arrays"]
    }


def arrays(backend: str, **keys: Any) -> dict[str, np.ndarray[Any, Any]]:
    """Return the arrays of the case that has these keys."""
    (case,) = [each for each in _recorded(backend)[0] if all(each.get(key) == keys[key] for key in keys)]
    return words(backend, case)
