"""Names that appear in generated C: identifiers that neither C nor C++ reserves."""

import re

from embinit.errors import EmbinitError, shown

RESERVED = frozenset(
    """
    auto break case char const continue default do double else enum extern float for goto if inline int long register
    restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
    alignas alignof bool constexpr false nullptr static_assert thread_local true typeof typeof_unqual
    and and_eq asm atomic_cancel atomic_commit atomic_noexcept bitand bitor catch char8_t char16_t char32_t class compl
    concept consteval constinit const_cast co_await co_return co_yield decltype delete dynamic_cast explicit export
    friend mutable namespace new noexcept not not_eq operator or or_eq private protected public reinterpret_cast
    requires static_cast synchronized template this throw try typeid typename using virtual wchar_t xor xor_eq
    int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t size_t main NULL
    """.split()
)
MAX_LENGTH = 40


def check_identifier(what: str, name: object) -> None:
    """Raise EmbinitError if a name cannot be used in generated C.

    >>> check_identifier("name", "conv1")
    >>> check_identifier("name", "while")
    Traceback (most recent call last):
    embinit.errors.EmbinitError: name must not be a reserved word of C or C++, got 'while'
    """
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or len(name) > MAX_LENGTH:
        raise EmbinitError(
            f"{what} must be a C identifier (a letter, then letters, digits and _, at most {MAX_LENGTH}), "
            f"got {shown(name)}"
        )
    if name in RESERVED:
        raise EmbinitError(f"{what} must not be a reserved word of C or C++, got {shown(name)}")
    if name.startswith("embinit"):
        raise EmbinitError(f"{what} must not start with 'embinit', which the C library uses, got {shown(name)}")


def identifier_of(path: str, kind: str, taken: set[str]) -> str:
    """Return a name for generated C made from a layer's name in a framework, and add it to the names that are taken.

    >>> identifier_of("net.0", "linear", taken := set()), identifier_of("0", "linear", taken)
    ('net_0', 'linear_0')
    """
    name = re.sub(r"\W", "_", path, flags=re.ASCII)
    try:
        check_identifier("name", name)
    except EmbinitError:
        name = f"{kind}_{name[-(MAX_LENGTH - len(kind) - 1) :]}".rstrip("_")
    first, count = name, 2
    while name in taken:
        name, count = f"{first[: MAX_LENGTH - 5]}_{count}", count + 1
    taken.add(name)
    return name
