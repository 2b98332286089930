"""Contents: what a buffer may hold instead of its values: a fill, another buffer's bytes, or only a part of its own,
with a fill, or with what an earlier start left, in the rest.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from embinit.diagnose.account import Image, Run, draws, started
from embinit.diagnose.facts import Fact
from embinit.diagnose.hypothesis import Aspect, Hypothesis, account_with
from embinit.diagnose.seeds import ordinary_seeds
from embinit.errors import EmbinitError
from embinit.formats.affine import Symmetric
from embinit.formats.arrangement import IN_ORDER
from embinit.formats.qformat import QFormat
from embinit.plan import Row

#: Words that debuggers and allocators leave in memory, and the usual NaN.
WORDS = tuple(word.to_bytes(4, "little") for word in (0xDEADBEEF, 0xFEEDFACE, 0xBAADF00D, 0xCAFEBABE, 0x7FC00000))
REASONS = {b"\0": "never written, or cleared later", b"\xff": "never written, or read from erased flash"}
#: Fewer bytes than TELLING may equal another buffer's by chance; at the end of a buffer LEAST bytes are enough.
TELLING, LEAST = 8, 4
#: So many signs leave no other seed, but by chance.
SIGNS = 32
#: In models of more bytes than this, an earlier start is only looked for with seeds that something suggests.
SMALL = 1 << 14
#: In the wrong part of a buffer, at most one of so many elements may be as expected.
FEW = 4


def contents(run: Run, dump: Image, wrong: Sequence[Row], thorough: bool) -> Iterator[tuple[Hypothesis, ...]]:
    """Yield a hypothesis for each kind of content that wrong buffers hold instead of their values; thorough: also for
    what earlier starts left.
    """
    fills: dict[bytes, list[str]] = {}
    copies: dict[str, _Copy] = {}
    parts: dict[str, _Part] = {}
    memory = _Memory.of(run.image)
    left = {row.name: dump[row.name] for row in wrong}
    itemsizes = {row.name: row.storage.kind.dtype.itemsize for row in wrong}
    sizes = {name: len(held) for name, held in run.image.items() if name in dump}
    for name, held in list(left.items()):
        if (fill := _fill(held)) is not None:
            fills.setdefault(fill, []).append(name)
        elif (copy := memory.copy(name, held)) is not None:
            copies[name] = copy
        elif (part := _part(held, run.image[name], itemsizes[name])) is not None:
            parts[name] = part
        else:
            continue
        del left[name]
    for name, held in left.items():
        # A few bytes alone prove nothing, but they do together with what another buffer holds.
        again = next((copy for copy in copies.values() if copy.of(memory.data, len(held)) == held), None)
        if again is not None:
            copies[name] = again
    for fill, names in fills.items():
        yield (_filled(fill, names),)
    if copies:
        yield (_copied(copies),)
    if parts:
        yield (_written(parts, sizes),)
    ended = _ended(parts, fills, sizes)
    if ended is not None:
        yield (ended,)
    for earlier in _earlier(run, left, itemsizes) if thorough else ():
        yield (_written(earlier, sizes),)


def _repeated(pattern: bytes, size: int) -> bytes:
    return (pattern * (size // len(pattern) + 1))[:size]


# Fills


def _fill(held: bytes) -> bytes | None:
    """Return the byte, or the well-known word, that a buffer repeats."""
    return next((fill for fill in (held[:1], *WORDS) if _repeated(fill, len(held)) == held), None)


def _filled(fill: bytes, names: Sequence[str]) -> Hypothesis:
    def content(image: Image) -> Image:
        return {**image, **{name: _repeated(fill, len(image[name])) for name in names}}

    why = REASONS.get(fill, "a fill pattern, never written over")
    sentence = f"{', '.join(names)}: 0x{fill[::-1].hex()} throughout, {why}."
    return Hypothesis(Aspect.CONTENT, "stale buffer", sentence, account_with(content=content), buffers=tuple(names))


# Other buffers' bytes


@dataclass(frozen=True)
class _Copy:
    """Bytes that come from an offset in the memory of all buffers; period: after how many bytes they repeat."""

    text: str
    offset: int
    period: int | None = None

    def of(self, memory: bytes, size: int) -> bytes:
        """Return the bytes of this copy in a buffer of some size."""
        return _repeated(memory[self.offset :][: self.period], size)


@dataclass(frozen=True)
class _Memory:
    """The bytes of all buffers, one after the other, and where each begins."""

    data: bytes
    starts: Mapping[str, int]
    image: Image

    @classmethod
    def of(cls, image: Image) -> "_Memory":
        starts = accumulate((len(held) for held in image.values()), initial=0)
        return cls(b"".join(image.values()), dict(zip(image, starts, strict=False)), image)

    def copy(self, name: str, held: bytes) -> _Copy | None:
        """Return where in memory the bytes that a buffer holds come from, or which buffer it repeats."""
        if len(held) < TELLING:
            return None
        offset = self.data.find(held)
        if offset >= 0:
            owner = max((n for n in self.starts if self.starts[n] <= offset), key=self.starts.__getitem__)
            shift = offset - self.starts[owner]
            return _Copy(f"the values of {owner}" + (f" from byte {shift} on" if shift else ""), offset)
        for owner, values in self.image.items():
            if owner != name and TELLING <= len(values) < len(held) and _repeated(values, len(held)) == held:
                return _Copy(f"the values of {owner} over and over", self.starts[owner], len(values))
        return None


def _copied(copies: Mapping[str, _Copy]) -> Hypothesis:
    def content(image: Image) -> Image:
        memory = b"".join(image.values())
        return {**image, **{name: copy.of(memory, len(image[name])) for name, copy in copies.items()}}

    sentence = "; ".join(f"{name} holds {copy.text}" for name, copy in copies.items()) + "."
    cost = len({(copy.offset, copy.period) for copy in copies.values()})
    return Hypothesis(
        Aspect.CONTENT, "stale buffer", sentence, account_with(content=content), None, cost, tuple(copies)
    )  # fmt: skip


# Parts


@dataclass(frozen=True)
class _Part:
    """The bytes of a buffer that are not its own, what they hold instead, and a text that says so."""

    start: int
    stop: int
    held: bytes
    says: str

    def told(self, name: str, size: int) -> str:
        """Return a sentence about what a buffer of a size holds."""
        if self.stop == size:
            return f"{name} only to byte {self.start}, {self.says} from there"
        if self.start == 0:
            return f"{name} only from byte {self.stop} on, {self.says} before"
        return f"{name} but for bytes {self.start} to {self.stop - 1}, {self.says} there"


def _part(held: bytes, expected: bytes, itemsize: int) -> _Part | None:
    """Return the part of a buffer that holds one fill, if the rest is as expected; else None."""
    span = _differing(held, expected, itemsize)
    if span is None:
        return None
    start, stop = span
    fill = _fill(held[start:stop])
    if fill is None:
        return None
    if _repeated(fill, len(held) - start) == held[start:]:  # what is as expected there is so by chance
        stop = len(held)
    if len(fill) == 1 and held[:start] == fill * start:
        start = 0
    enough = LEAST if stop == len(held) else TELLING
    if stop - start < enough or len(held) - (stop - start) < LEAST:
        return None
    return _Part(start, stop, held[start:stop], f"0x{fill[::-1].hex()}")


def _differing(held: bytes, expected: bytes, itemsize: int) -> tuple[int, int] | None:
    """Return the first byte at which two buffers differ and the end of the last, in whole elements; None if their sizes
    differ, or they are equal.
    """
    if len(held) != len(expected):
        return None
    places = np.flatnonzero(np.frombuffer(held, np.uint8) != np.frombuffer(expected, np.uint8))
    if not places.size:
        return None
    return int(places[0]) // itemsize * itemsize, min(len(held), (int(places[-1]) // itemsize + 1) * itemsize)


def _ended(
    parts: Mapping[str, _Part], fills: Mapping[bytes, Sequence[str]], sizes: Mapping[str, int]
) -> Hypothesis | None:
    """Return the hypothesis that a device stopped within a buffer, so that all buffers after it hold the same fill."""
    names = list(sizes)
    for name, part in parts.items():
        for fill, filled in fills.items():
            after = names[names.index(name) + 1 :]
            alike = _repeated(fill, len(part.held)) == part.held
            if alike and part.stop == sizes[name] and set(filled) == set(after):
                return _written({name: part}, sizes, fill, filled)
    return None


def _written(
    parts: Mapping[str, _Part], sizes: Mapping[str, int], fill: bytes = b"", filled: Sequence[str] = ()
) -> Hypothesis:
    """Return the hypothesis that buffers are written in part, and that those in `filled` still hold a fill."""

    def content(image: Image) -> Image:
        held = {name: _repeated(fill, len(image[name])) for name in filled}
        for name, part in parts.items():
            held[name] = image[name][: part.start] + part.held + image[name][part.stop :]
        return {**image, **held}

    texts = [part.told(name, sizes[name]) for name, part in parts.items()]
    sentence = f"Written in part: {'; '.join(texts)}."
    if filled:
        (text,) = texts
        sentence = f"The device stopped while it wrote {text}, and so through {', '.join(filled)}."
    short = all(part.stop == sizes[name] for name, part in parts.items())
    return Hypothesis(
        Aspect.CONTENT, "written short" if short else "written in part", sentence, account_with(content=content), None,
        len(parts), (*parts, *filled),
    )  # fmt: skip


# What an earlier start left


def _earlier(run: Run, left: Mapping[str, bytes], itemsizes: Mapping[str, int]) -> Iterator[dict[str, _Part]]:
    """Yield the parts of buffers that still hold what a start with another seed left in them."""
    spans = {name: _differing(held, run.image[name], itemsizes[name]) for name, held in left.items()}
    rows = {row.name: row for row in run.account.rows}
    asked = {
        name: span
        for name, span in spans.items()
        if span is not None and TELLING <= span[1] - span[0] <= len(left[name]) - LEAST
        if not (_in_order(rows[name], run) and run.drew(rows[name], left[name], _elements(rows[name], span)))
    }
    model = run.account.model
    if not asked or model.state is not None:
        return
    begin = {name: (start, left[name][start : start + TELLING]) for name, (start, _) in asked.items()}
    most = max((start + TELLING) // itemsizes[name] + 1 for name, (start, _) in begin.items())
    starts_again = any(row.order.restart is not None for row in run.account.rows)
    few = not starts_again and sum(len(held) for held in run.image.values()) <= SMALL
    seeds = [seed for seed, why in ordinary_seeds(model.dialect, model.seed).items() if why or few]
    for seed in seeds if starts_again else _not_refuted(seeds, run, left, asked):
        try:
            if starts_again:
                earlier = run.account.with_model(seed=seed)
            else:
                earlier = replace(run.account, start=started(model, seed))
            heads = earlier.heads(most)
            if not any(heads[name][start : start + TELLING] == held for name, (start, held) in begin.items()):
                continue
            image = earlier.run().image
        except EmbinitError:
            continue
        says = f"what a start with seed {seed} left"
        found = {
            name: _Part(start, stop, image[name][start:stop], says)
            for name, (start, stop) in asked.items()
            if len(image[name]) == len(left[name]) and image[name][start:stop] == left[name][start:stop]
        }
        if found:
            yield found
            return


def _not_refuted(
    seeds: list[int], run: Run, left: Mapping[str, bytes], asked: Mapping[str, tuple[int, int]]
) -> list[int]:
    """Return the seeds that a few elements do not refute, by their signs; all seeds where those cannot be told. asked:
    from where to where a seed must give the bytes of one of some buffers.
    """
    rows = {row.name: row for row in run.account.rows}
    if not all(_shows_signs(rows[name], run) for name in asked):
        return seeds
    kept: set[int] = set()
    try:
        starts = [started(run.account.model, seed) for seed in seeds]
        for name, span in asked.items():
            row, values = rows[name], run.account.observed(rows[name], left[name])
            assert values is not None
            inside = _elements(row, span)
            some = slice(inside.start, min(inside.stop, inside.start + SIGNS))
            wanted, words = values[some], run.places[name].words
            befores = (begun.jumped(words) for begun in starts)
            for seed, drawn in zip(seeds, run.account.drawn_from(befores, row, some.stop), strict=True):
                if (drawn[some] == wanted if row.format == "float32" else np.sign(wanted) * drawn[some] >= 0).all():
                    kept.add(seed)
    except EmbinitError:
        return seeds
    return [seed for seed in seeds if seed in kept]


def _shows_signs(row: Row, run: Run) -> bool:
    """Return whether the elements of a buffer are in memory in the order of their draws, as values or with their signs,
    and are drawn from a place in the stream that no seed moves.
    """
    storage, dialect = row.storage, run.account.model.conventions
    fixed = row.first_draw is not None and not dialect.sampler.whole and not dialect.sampler.keyed and not row.lost
    plain = draws(row) and row.codes is None and not row.slices and storage.quantizer is None
    told = storage.format == "float32" and storage.literals is None and dialect.element == "float32"
    return fixed and plain and _in_order(row, run) and (told or isinstance(storage.kind, Symmetric | QFormat))


def _in_order(row: Row, run: Run) -> bool:
    """Return whether the elements of a buffer are in memory in the order of their draws."""
    drawn = row.order.axes is None and row.order.turns <= 1
    return drawn and row.storage.arrangement == IN_ORDER and not run.account.transforms


def _elements(row: Row, span: tuple[int, int]) -> slice:
    """Return which elements of a buffer are within some of its bytes as a whole."""
    start, stop = span
    return slice(-(-start * 8 // row.storage.kind.bits), stop * 8 // row.storage.kind.bits)


def extents(rows: Sequence[Row], planned: Image, dump: Image, wrong: Sequence[str]) -> Iterator[Fact]:
    """Yield a fact about each wrong buffer that is as expected up to some element or from one on, and hardly beyond."""
    for row in rows:
        if row.name not in wrong or len(planned[row.name]) != len(dump[row.name]):
            continue
        kind = f"u{row.storage.kind.dtype.itemsize}"
        equal = np.frombuffer(dump[row.name], kind) == np.frombuffer(planned[row.name], kind)
        before, after = int(np.argmin(equal)), int(np.argmin(equal[::-1]))
        for n, rest, text in (
            (before, equal[before:], f"the first {before}"),
            (after, equal[: equal.size - after], f"the last {after}"),
        ):
            if n >= TELLING and rest.size >= TELLING and np.count_nonzero(rest) * FEW <= rest.size:
                what = "its end was overwritten" if n == before else "its beginning was overwritten"
                sentence = f"{text} of {equal.size} are as expected, and hardly one beyond: written in part, or {what}"
                yield Fact(row.name, "written in part", sentence)
                break
