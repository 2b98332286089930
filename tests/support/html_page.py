"""A page taken apart, by a parser that knows nothing of how it was made."""

import base64
import re
import struct
import zlib
from html.parser import HTMLParser

import numpy as np

VOID = {"meta", "rect", "path", "img"}


class Page(HTMLParser):
    """The parts of a page: an element that is not closed where it should be is an error."""

    def __init__(self, content):
        super().__init__()
        self.open, self.tags, self.attributes, self.texts, self.tables, self.images = [], [], [], [], [], []
        self.elements = []
        self.feed(content.decode())
        self.close()
        assert self.open == []

    @property
    def cells(self):
        """The rows of the first table, its headings first."""
        return self.tables[0]

    @property
    def text(self):
        return " ".join(self.texts)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag == "img":
            self.images.append(Image(dict(attrs)))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        assert tag in VOID

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data


class Image:
    """A PNG with a palette of at most 16 colors, read by what its specification says."""

    def __init__(self, attributes):
        self.alt = attributes["alt"]
        kind, content = attributes["src"].split(",")
        assert kind == "data:image/png;base64"
        data = base64.b64decode(content, validate=True)
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        chunks, at = {}, 8
        while at < len(data):
            (length,) = struct.unpack(">I", data[at : at + 4])
            name, held = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
            assert struct.unpack(">I", data[at + 8 + length : at + 12 + length]) == (zlib.crc32(name + held),)
            chunks[name], at = held, at + 12 + length
        self.width, self.height, depth, color, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
        assert (depth, color, rest) == (4, 3, [0, 0, 0])
        lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(self.height, -1)
        assert not lines[:, 0].any()
        halves = np.stack([lines[:, 1:] >> 4, lines[:, 1:] & 15], axis=2).reshape(self.height, -1)
        self.places = halves[:, : self.width]
        colors = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
        opacities = np.frombuffer(chunks[b"tRNS"], np.uint8)
        assert len(opacities) == len(colors) > self.places.max()
        self.colors = np.column_stack([colors, opacities])

    @property
    def levels(self):
        """The cells as what they show: 0 for a clear one, the magnitude from 1 to 4 with its sign, 9 for a NaN."""
        shown = self.colors[self.places].astype(int)
        red, _, blue, opacity = np.moveaxis(shown, 2, 0)
        magnitude = np.searchsorted(np.unique(self.colors[1:, 3]), opacity) + 1
        sign = np.where(red > blue, 1, -1)
        odd = (np.abs(red - blue) < 60) & (opacity == 255)
        return np.where(opacity == 0, 0, np.where(odd, 9, sign * magnitude)).tolist()


def bars(content):
    """Return the heights of each histogram's bars, left to right, in lines of 84."""
    return [
        [round(92 - float(height)) for height in re.findall(r"V([\d.]+)h", outline)]
        for outline in re.findall(r'class="bar" d="([^"]+)"', content.decode())
    ]
