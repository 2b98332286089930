"""Dump: the bytes of each buffer, cut from what comes off a real board.

The file's name and content tell its form:

* `.bin`, and what is no text: raw memory.
* `.npz`: an array per buffer, by its name. `.npy`: one array of all elements, or of one buffer. Floats, or codes, or
  their bits as unsigned integers, or bytes.
* Text that begins with a colon: Intel HEX.
* Other text, such as a serial log: little-endian 32-bit words, eight hexadecimal digits each, with or without 0x. Of
  each line counts the longest unbroken run of words, the later of two equally long ones; so addresses, time stamps and
  an ASCII column beside it are passed over. White space and the signs , ; | ( ) { } [ ] part words.
"""

import codecs
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.bundle import Bundle, Entry
from embinit.errors import EmbinitError, listed


def read_dump(
    path: str | Path, bundle: Bundle, elf: str | Path | None = None, symbol: str | None = None, base: int | None = None
) -> dict[str, bytes]:
    """Return the bytes of each buffer that a dump holds, by buffer name.

    Without an ELF file the dump holds all buffers, one after the other in the order of the plan, as <name>.bin does.
    With one it is a stretch of memory that begins at base, and the ELF file says where in it each buffer lies, under
    the symbol `<layer>_<part>`, `device_<layer>_<part>` or `<model>_<layer>_<part>`. base is by default the address of
    the ELF file's lowest writable section (.data, .bss, ...); Intel HEX has addresses of its own. A given symbol picks
    the one buffer whose identifier it ends with; without an ELF file the dump is then that buffer alone.

    Raises EmbinitError, with the file's name, for what cannot be read or does not fit to the byte.
    """
    entries = bundle.entries if symbol is None else (_entry_of(symbol, bundle.entries),)
    content = _content(path)
    firmware = None if elf is None else _Firmware.read(elf)
    places = [] if firmware is None else [firmware.place(e, _symbols_of(e, bundle, symbol)) for e in entries]
    try:
        if content.startswith(_NPZ) and Path(path).suffix not in _RAW:
            buffers = _npz(content, entries)
            if elf is not None or base is not None:
                raise EmbinitError("an .npz names its buffers: it takes no ELF file and no base")
            return buffers
        memory = _memory(Path(path), content, entries)
        if firmware is None:
            if base is not None:
                raise EmbinitError("a base needs an ELF file that says where the buffers lie")
            return _cut(memory, entries)
        memory = memory.placed(base, firmware)
        return {e.row.name: memory.read(*place) for e, place in zip(entries, places, strict=True)}
    except EmbinitError as error:
        raise EmbinitError(f"{path}: {error}") from None
