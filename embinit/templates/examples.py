"""Examples: the model files of `examples`, which every installation has."""

from pathlib import Path

from embinit.errors import check_known

#: A wheel holds the examples inside the package; a checkout has them beside it.
_PLACES = (Path(__file__).parents[1] / "examples", Path(__file__).parents[2] / "examples")


def names() -> list[str]:
    """Return the names of all examples.

    >>> "har_classifier" in names()
    True
    """
    return sorted(_found())


def example(name: str) -> dict[str, bytes]:
    """Return the files of an example by their paths: one file, or a folder of files that belong together.

    >>> list(example("har_classifier"))
    ['har_classifier.toml']
    """
    found = _found()
    check_known("the example's name", name, sorted(found))
    place = found[name]
    files = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
    return {path.relative_to(place.parent).as_posix(): path.read_bytes() for path in files}


def _found() -> dict[str, Path]:
    folder = next((place for place in _PLACES if place.is_dir()), None)
    if folder is None:
        return {}
    return {path.stem: path for path in folder.iterdir() if path.suffix == ".toml" or path.is_dir()}
