"""expected_<name>.rs: golden vectors as Rust arrays, and a function that compares a device's buffers with them. It
needs nothing but core.
"""

from collections.abc import Iterator

from embinit.bundle import Array, Bundle
from embinit.codegen.text import banner, described
from embinit.spec import SPEC_VERSION

_PER_LINE = 8
_HEAD = """\
#![allow(non_upper_case_globals, non_snake_case, clippy::unreadable_literal)]

/// The version of embinit's SPEC.md that these bits have.
pub const SPEC_VERSION: u32 = @spec@;

/// An element that differs: its buffer and its place there, and both bit patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mismatch {
    pub buffer: &'static str,
    pub index: usize,
    pub expected: u64,
    pub actual: u64,
}

/// The buffers of a device.
#[derive(Clone, Copy)]
pub struct Buffers<'a> {
@fields@
}

/// Compare every buffer bit for bit, and return the first mismatch; a buffer of another length ends where the shorter
/// one ends, and the first element that has no partner is a mismatch.
pub fn compare(buffers: &Buffers) -> Result<(), Mismatch> {
@calls@
    Ok(())
}

fn same(
    buffer: &'static str,
    expected: impl ExactSizeIterator<Item = u64>,
    actual: impl ExactSizeIterator<Item = u64>,
) -> Result<(), Mismatch> {
    let (n, m) = (expected.len(), actual.len());
    for (index, (expected, actual)) in expected.zip(actual).enumerate() {
        if expected != actual {
            return Err(Mismatch { buffer, index, expected, actual });
        }
    }
    if n != m {
        return Err(Mismatch { buffer, index: n.min(m), expected: n as u64, actual: m as u64 });
    }
    Ok(())
}
"""


def rust(bundle: Bundle) -> Iterator[str]:
    """Yield expected_<name>.rs: a module with the bits of every buffer, their CRC-32s, and `compare`."""
    arrays = bundle.arrays
    fields = "\n".join(f"    pub {array.identifier}: &'a [{_element(array)}]," for array in arrays)
    calls = "\n".join(f"    {_call(array)}" for array in arrays)
    yield "".join(f"//!{line[2:]}\n" for line in banner(bundle, "golden vectors").splitlines()[:-1])
    yield _HEAD.replace("@spec@", str(SPEC_VERSION)).replace("@fields@", fields).replace("@calls@", calls)
    yield "\n/// The CRC-32 of every buffer, as zlib has it.\npub mod crc32 {\n"
    yield "".join(f"    pub const {array.identifier}: u32 = 0x{array.crc32:08x};\n" for array in arrays)
    yield "}\n\n/// The bits of every buffer.\npub mod expected {\n"
    for array in arrays:
        bits = array.memory.view(f"u{array.memory.itemsize}")
        yield f"    /// {described(array)}\n    pub static {array.identifier}: [{_bits(array)}; {bits.size}] = [\n"
        for start in range(0, bits.size, _PER_LINE):
            row = bits[start : start + _PER_LINE].tolist()
            yield "        " + ", ".join(f"0x{each:0{2 * bits.itemsize}x}" for each in row) + ",\n"
        yield "    ];\n"
    yield "}\n"


def _bits(array: Array) -> str:
    return f"u{8 * array.memory.itemsize}"


def _element(array: Array) -> str:
    """Return the Rust type of an element; half floats are held as their bits."""
    dtype = array.memory.dtype
    return f"{'u' if dtype.name == 'float16' else dtype.kind}{8 * dtype.itemsize}"


def _call(array: Array) -> str:
    """Return the statement that compares a buffer."""
    element, bits = _element(array), _bits(array)
    read = "x.to_bits()" if element[0] == "f" else f"*x as {bits}" if element[0] == "i" else "*x"
    as_u64 = "|x| *x" if bits == "u64" else "|x| u64::from(*x)"
    read = read if bits == "u64" else f"u64::from({read})"
    name = array.identifier
    return f'same("{array.name}", expected::{name}.iter().map({as_u64}), buffers.{name}.iter().map(|x| {read}))?;'
