"""The report page: well-formed, of one piece, with the numbers of the report, and shown by a real browser."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import embinit
from embinit.__main__ import main
from embinit.bundle import gather
from embinit.pages.verify import page
from embinit.verify import ulp_distance, verify

from support.cli import run
from support.html_page import Page, bars

ROOT = Path(__file__).parents[2]
HAR = ROOT / "examples" / "har_classifier.toml"
BROWSER = next(filter(shutil.which, ("chromium", "chromium-browser", "google-chrome")), None)


def shown(bundle, device, source="dump.bin"):
    report = verify(bundle, device, source)
    content = page(bundle, device, report)
    return report, content, Page(content)


def payloads(bundle):
    return {entry.row.name: entry.payload for entry in bundle.entries}


def model(*layers, **how):
    return embinit.Model("m", layers, **{"seed": 5, "target": "cortex-m4f", **how})


def flipped(payload, *places):
    """Flip the lowest bit of some words."""
    words = np.frombuffer(payload, "<u4").copy()
    words[list(places)] ^= 1
    return words.tobytes()


AGREEING = gather(embinit.load(HAR).plan())
SEPARATE = gather(embinit.load(HAR, multiply_add="separate").plan())


def test_a_report_that_agrees_says_so():
    report, _, parsed = shown(AGREEING, payloads(AGREEING))

    assert report.agrees
    text = " ".join(parsed.texts)
    assert "dump.bin agrees with the simulation, bit for bit" in text
    assert "10214 of 10214 elements and 8 of 8 buffers are equal." in text
    assert "differs from" not in text
    assert parsed.images == []
    for fact in ("har_classifier", "odt", "cortex-m4f", "fused", "fdlibm-fused", "42"):
        assert fact in text


def test_the_numbers_are_the_report_s():
    report, content, parsed = shown(SEPARATE, payloads(AGREEING))

    assert not report.agrees
    (_, *rows) = parsed.cells
    assert len(rows) == len(report.comparisons) == 8
    for row, entry, c in zip(rows, SEPARATE.entries, report.comparisons, strict=True):
        assert row == [
            c.name,
            entry.comment,
            "float32",
            str(c.elements),
            str(c.equal),
            str(c.largest_ulp),
            str(c.first),
        ]
    equal = sum(c.equal for c in report.comparisons)
    assert f"{equal} of 10214 elements and 0 of 8 buffers are equal." in parsed.texts
    assert f"{1008 - report.comparisons[0].equal} of 1008 elements differ:" in parsed.texts
    counts = [int(n) for n in re.findall(r'<text class="count"[^>]*>(\d+)<', content.decode())]
    assert sum(counts) == 10214 - equal


def test_the_page_is_of_one_piece():
    _, content, parsed = shown(SEPARATE, payloads(AGREEING))

    assert "script" not in parsed.tags
    assert not re.search(rb"https?:|url\(|@import", content)
    assert {name.partition(",")[0] for key, name in parsed.attributes if key == "src"} == {"data:image/png;base64"}
    assert all(value.startswith("#") for key, value in parsed.attributes if key == "href")
    assert ("content", "default-src 'none'; img-src data:; style-src 'unsafe-inline'") in parsed.attributes
    assert not [name for name, _ in parsed.attributes if name.startswith("on")]
    assert b"prefers-color-scheme: dark" in content
    assert not re.search(rb"@[a-z]+@", content)
    assert len(content) < 100_000


def test_the_same_report_gives_the_same_bytes():
    assert shown(SEPARATE, payloads(AGREEING))[1] == shown(SEPARATE, payloads(AGREEING))[1]


@pytest.mark.parametrize(
    "source", ["<script>alert(1)</script>.bin", "a\"b'c&amp;.bin", "@cards@", "</style><b>", "caf\udce9.bin", "<!--"]
)
def test_a_name_is_shown_and_does_nothing(source):
    _, _, parsed = shown(AGREEING, payloads(AGREEING), source)

    assert parsed.tags == shown(AGREEING, payloads(AGREEING))[2].tags
    assert source.encode("utf-8", "backslashreplace").decode() in " ".join(parsed.texts)


def test_some_buffers_alone():
    device = {"conv2.bias": payloads(AGREEING)["conv2.bias"]}
    _, _, parsed = shown(AGREEING, device)

    assert "32 of 32 elements and 1 of 1 buffers are equal." in parsed.texts
    assert [row[:1] for row in parsed.cells[1:]] == [["conv2.bias"]]
    assert parsed.tags.count("article") == 1


def test_where_the_mismatches_lie():
    """A cell shows by how much an element differs, and in which direction."""
    bundle = gather(model(embinit.Linear(name="fc", in_features=5, out_features=3)).plan())
    device, steps = payloads(bundle), {1: 1, 2: -2, 4: 1 << 8, 7: -(1 << 8) - 1, 10: 1 << 16, 14: (1 << 16) + 1}
    values = np.frombuffer(device["fc.weight"], "<i4").copy()
    for place, step in steps.items():  # away from zero is larger for positive values, smaller for negative ones
        values[place] += step if values[place] >= 0 else -step
    device["fc.weight"] = values.tobytes()
    device["fc.bias"] = np.float32([np.nan, *np.frombuffer(device["fc.bias"], "<f4")[1:]]).tobytes()
    _, content, parsed = shown(bundle, device)
    weight, bias = parsed.images

    assert weight.levels == [[0, 1, -2, 0, 2], [0, 0, -3, 0, 0], [3, 0, 0, 0, 4]]
    assert bias.levels == [[9, 0, 0]]
    assert "Downwards: out (3). To the right: in (5)." in content.decode()
    assert weight.alt == (
        "where fc.weight differs: 6 of 15 elements differ, the first at 1 and the last at 14: 4 are larger, 2 smaller; "
        "the largest difference is 65537 ULP"
    )
    assert bias.alt.startswith("where fc.bias differs: 1 of 3 elements differ, the first at 0 and the last at 0: 0 are")


def test_a_large_tensor_is_shown_in_few_cells():
    bundle = gather(model(embinit.Linear(name="fc", in_features=1000, out_features=400, bias=False)).plan())
    device = payloads(bundle)
    device["fc.weight"] = flipped(device["fc.weight"], 0, 399_999, *range(100_000, 150_000))
    _, content, parsed = shown(bundle, device)
    (image,) = parsed.images
    levels = np.array(image.levels)

    assert len(content) < 50_000
    assert "A cell: the largest of up to 9 × 11." in content.decode()
    assert levels.shape == (48, 96)
    assert set(np.abs(levels).ravel()) == {0, 1}
    assert [row for row in range(48) if levels[row].all()] == list(range(12, 18))
    assert np.argwhere(np.delete(levels, range(12, 18), axis=0)).tolist() == [[0, 0], [41, 95]]


@pytest.mark.parametrize(
    ("dialect", "scheme", "bounds"),
    [
        ("odt", embinit.initializers.uniform(-0.5, 0.25), ["-0.5", "0.25"]),
        ("odt", embinit.initializers.uniform(0.25, -0.5), ["-0.5", "0.25"]),
        ("odt", embinit.initializers.uniform(1.0, 1.0001), ["1", "1.00010002"]),
        ("odt", embinit.initializers.normal(1.0, 0.25), ["0.25", "1", "1.75"]),
        ("odt", embinit.initializers.constant(0.5), ["0.5"]),
        ("odt", embinit.initializers.zeros(), ["0"]),
        ("odt", embinit.initializers.uniform(0.5, 0.5), ["0.5"]),
        ("portable", embinit.initializers.truncated_normal(0.0, 0.5), ["-1", "0", "1"]),
    ],
)
def test_values_stand_between_their_marks(dialect, scheme, bounds):
    layer = embinit.Linear(name="fc", in_features=50, out_features=40, weight_init=scheme, bias=False)
    bundle = gather(model(layer, dialect=dialect).plan())
    _, content, _ = shown(bundle, payloads(bundle))

    assert re.findall(r'<text x="[\d.]+" y="110">([^<]+)<', content.decode()) == bounds
    (heights,) = bars(content)
    assert len(heights) == 41
    if len(bounds) == 1:
        assert [place for place, height in enumerate(heights) if height] == [20]
    elif len(bounds) == 2 or dialect == "portable":
        assert heights[:2] == heights[-2:] == [0, 0]
        assert min(heights[2:-2]) > 0
    else:
        assert heights[20] > 4 * max(heights[8], heights[-9]) > 0


def test_a_value_on_a_bound_is_within():
    scheme = embinit.initializers.uniform(-0.3, 0.7)
    layer = embinit.Linear(name="fc", in_features=2, out_features=1, weight_init=scheme, bias=False)
    bundle = gather(model(layer).plan())
    _, content, _ = shown(bundle, {"fc.weight": np.array([-0.3, 0.7], "<f4").tobytes()})

    assert [place for place, height in enumerate(bars(content)[0]) if height] == [2, 38]


def test_values_that_no_axis_holds_are_counted():
    bundle = gather(model(embinit.Linear(name="fc", in_features=4, out_features=4)).plan())
    device = payloads(bundle)
    device["fc.weight"] = np.array([np.nan, np.inf, -np.inf, 3e38, *[0.1] * 12], "<f4").tobytes()
    device["fc.bias"] = np.array([-0.0, 0.0, 1.0, 5.0], "<f4").tobytes()
    report, content, _ = shown(bundle, device)

    assert "Too far away to be drawn, or NaN: 4." in content.decode()
    assert ">NaN</text>" in content.decode()
    assert report.comparisons[0].largest_ulp > 2**29


def test_ulp_distances_stand_in_the_right_bars():
    layer = embinit.Linear(name="fc", in_features=3, out_features=4, bias=False)
    bundle = gather(model(layer).plan())
    distances = [0, 1, 2, 2, 3, 4, 5, 8, 8192, 8193, 2**14, 2**14 + 1]
    words = np.frombuffer(bundle.payload, "<u4") + np.array(distances, "<u4")
    report, content, _ = shown(bundle, {"fc.weight": words.astype("<u4").tobytes()})

    assert report.comparisons[0].largest_ulp == 2**14 + 1
    names = re.findall(r'<text x="84"[^>]*>([^<]+)</text><rect [^>]*/><text [^>]*>(\d+)<', content.decode())
    assert dict(names) == {"1": "1", "2": "2", "3–4": "2", "5–8": "2", "4097–8192": "1", "2¹³–2¹⁴": "2", "2¹⁴–2¹⁵": "1"}


def test_zeros_of_either_sign_are_no_ulp_apart():
    layer = embinit.Linear(
        name="fc", in_features=2, out_features=2, bias=False, weight_init=embinit.initializers.zeros()
    )
    bundle = gather(model(layer).plan())
    report, content, _ = shown(bundle, {"fc.weight": np.array([-0.0, 0.0, 0.0, -0.0], "<f4").tobytes()})

    assert report.comparisons[0].equal == 2
    assert report.comparisons[0].largest_ulp == 0
    assert re.search(r">±0</text><rect [^>]*/><text [^>]*>2<", content.decode())


@pytest.mark.parametrize("codes", ["q7", "sym4", "affine8"])
def test_codes_are_shown_as_the_values_they_stand_for(codes):
    layer = embinit.Linear(name="fc", in_features=20, out_features=10, weight_format=codes, bias=False)
    bundle = gather(model(layer).plan())
    (entry,) = bundle.entries
    device = bytearray(entry.payload)
    device[7] ^= 0xFF
    report, content, parsed = shown(bundle, {"fc.weight": bytes(device)})

    assert parsed.cells[1][2:] == [codes, str(entry.count), str(entry.count - 1), "", str(report.comparisons[0].first)]
    assert "None differs." in parsed.texts
    assert ("aria-label", "distribution of 200 values") in parsed.attributes
    assert sum(height > 0 for height in bars(content)[0]) > 5


def test_ulp_distances_follow_the_order_of_floats():
    rng = np.random.default_rng(3)
    floats = rng.integers(0, 2**32, 1000, dtype=np.uint32).view(np.float32)
    floats = np.append(floats[np.isfinite(floats)], np.float32([-(2.0**-149), -0.0]))
    for steps in (1, 2, 5):
        other = floats
        for _ in range(steps):
            other = np.nextafter(other, np.float32(np.inf))
        near = np.isfinite(other)
        distances = ulp_distance(floats[near].view(np.uint32), other[near].view(np.uint32))
        assert set(distances.tolist()) == {steps}


def test_the_command_writes_the_page(tmp_path):
    (tmp_path / "g").mkdir()
    assert run("export", HAR, "-o", tmp_path / "g", "--format", "bin").returncode == 0
    words = ("verify", HAR, "--dump", "g/har_classifier.bin", "--report", "r.html")
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "r.html").read_bytes() == shown(AGREEING, payloads(AGREEING), "g/har_classifier.bin")[1]
    assert (tmp_path / "r.html").stat().st_mode & 0o077 == 0o044

    assert run(*words, "--seed", "43", cwd=tmp_path).returncode == 1
    assert b"differs from the simulation" in (tmp_path / "r.html").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["g", "r.html"]


@pytest.mark.parametrize("name", ["/proc/nowhere/r.html", ".", "directory"])
def test_a_page_that_cannot_be_written_is_an_error(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "directory").mkdir()
    (tmp_path / "d.bin").write_bytes(AGREEING.payload)

    assert main(["verify", str(HAR), "--dump", "d.bin", "--report", name]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "cannot be written" in told.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d.bin", "directory"]


@pytest.mark.skipif(BROWSER is None, reason="no chromium is installed")
@pytest.mark.parametrize("device", [AGREEING, SEPARATE], ids=["agrees", "differs"])
def test_a_browser_shows_the_page(device, tmp_path):
    report, content, parsed = shown(AGREEING, payloads(device))
    (tmp_path / "r.html").write_bytes(content)
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    options += ["--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [BROWSER, *options, "--dump-dom", (tmp_path / "r.html").as_uri()],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    verdict = "agrees with the simulation, bit for bit" if report.agrees else "differs from the simulation"

    assert f"dump.bin {verdict}</strong>" in done.stdout
    shown_tags = re.findall(r"<(svg|section|tr|path|text|rect)\b", done.stdout)
    assert sorted(shown_tags) == sorted(tag for tag in parsed.tags if tag in set(shown_tags))
