"""Contents: what a buffer may hold instead of its values: a fill, another buffer's bytes, or only a part of its own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from embinit.diagnose.account import Image, Run
from embinit.diagnose.hypothesis import Aspect, Hypothesis, account_with
from embinit.plan import Row

#: Words that debuggers and allocators leave in memory, and the usual NaN.
WORDS = tuple(word.to_bytes(4, "little") for word in (0xDEADBEEF, 0xFEEDFACE, 0xBAADF00D, 0xCAFEBABE, 0x7FC00000))
REASONS = {b"\0": "never written, or cleared later", b"\xff": "never written, or read from erased flash"}
#: Fewer bytes than this may equal another buffer's by chance.
TELLING = 8


def contents(run: Run, dump: Image, wrong: Sequence[Row]) -> Iterator[tuple[Hypothesis, ...]]:
    """Return what the wrong buffers hold instead, one hypothesis for each kind of content."""
    fills: dict[bytes, list[str]] = {}
    copies: dict[str, _Copy] = {}
    parts: dict[str, _Part] = {}
    memory = _Memory.of(run.image)
    left = {row.name: dump[row.name] for row in wrong}
    for name, held in list(left.items()):
        if (fill := _fill(held)) is not None:
            fills.setdefault(fill, []).append(name)
        elif (copy := memory.copy(name, held)) is not None:
            copies[name] = copy
        elif (part := _part(held, run.image[name])) is not None:
            parts[name] = part
        else:
            continue
        del left[name]
    for (
        name,
        held,
    ) in left.items():  # a few bytes alone prove nothing, but count together with what another buffer holds
        again = next((copy for copy in copies.values() if copy.of(memory.data, len(held)) == held), None)
        if again is not None:
            copies[name] = again
    for fill, names in fills.items():
        yield (_filled(fill, names),)
    if copies:
        yield (_copied(copies),)
    if parts:
        yield (_written_short(parts),)


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
    """Bytes from a place in the memory of all buffers on; period: after how many bytes they repeat."""

    text: str
    offset: int
    period: int | None = None

    def of(self, memory: bytes, size: int) -> bytes:
        """Return the bytes that a buffer of a size gets."""
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
    """The bytes of a buffer that were written, and the byte that fills the rest."""

    written: int
    fill: bytes


def _part(held: bytes, expected: bytes) -> _Part | None:
    """Return how far a buffer is as expected before one byte fills it to the end, in words, with at least one word of
    each.
    """
    fill = held[-1:]
    filled_from = -(-len(held.rstrip(fill)) // 4) * 4
    if 4 <= filled_from <= len(held) - 4 and held[:filled_from] == expected[:filled_from]:
        return _Part(filled_from, fill)
    return None


def _written_short(parts: Mapping[str, _Part]) -> Hypothesis:
    def content(image: Image) -> Image:
        held = {}
        for name, part in parts.items():
            rest = len(image[name]) - part.written
            held[name] = image[name][: part.written] + _repeated(part.fill, rest)
        return {**image, **held}

    texts = (f"{name} only to byte {part.written}, 0x{part.fill.hex()} from there" for name, part in parts.items())
    sentence = f"Written in part: {'; '.join(texts)}."
    return Hypothesis(
        Aspect.CONTENT, "written short", sentence, account_with(content=content), None, len(parts), tuple(parts)
    )  # fmt: skip
