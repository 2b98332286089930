"""The page of each command: of one piece, for eyes and for screen readers, small, safe, and the same again."""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import embinit
from embinit.bundle import gather
from embinit.checksums import check, parse
from embinit.diagnose import Cause, Diagnosis, Explanation, diagnose
from embinit.diagnose.by_checksum import diagnose_checksums
from embinit.diagnose.facts import Fact
from embinit.diagnose.hypothesis import Aspect, Hypothesis
from embinit.diagnose.origin import Origin
from embinit.many import sweep
from embinit.pages import checksums as of_checksums
from embinit.pages import diagnose as of_diagnosis
from embinit.pages import export as of_export
from embinit.pages import plan as of_plan
from embinit.pages import seeds as of_seeds
from embinit.pages import verify as of_verify
from embinit.pages.fitting import PAGE
from embinit.verify import verify

from support.cli import run
from support.html_page import Page

ROOT = Path(__file__).parents[2]
HAR = ROOT / "examples" / "har_classifier.toml"
COMMANDS = ["plan", "export", "drift", "verify", "agrees", "diagnose", "unexplained", "crc", "seeds"]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The page of each command, as the command line writes it, with what it prints and its exit status."""
    folder = tmp_path_factory.mktemp("pages")
    random = np.random.default_rng(4).uniform(-0.1, 0.1, 52).astype("<f4")
    (folder / "random.bin").write_bytes(random.tobytes())
    text = '[model]\nname = "m"\ndialect = "odt"\nseed = 5\n[[layer]]\nname = "fc"\ntype = "Linear"\n'
    (folder / "m.toml").write_text(f"{text}in_features = 12\nout_features = 4\n")
    assert run("export", HAR, "-o", "other", "--seed", 43, "--format", "bin", cwd=folder).returncode == 0
    words = {
        "plan": ("plan", HAR),
        "export": ("export", HAR, "-o", "bundle"),
        "drift": ("export", HAR, "-o", "other", "--check"),
        "verify": ("verify", HAR, "--dump", "other/har_classifier.bin"),
        "agrees": ("verify", HAR, "--dump", "bundle/har_classifier.bin"),
        "diagnose": ("diagnose", HAR, "--dump", "other/har_classifier.bin"),
        "unexplained": ("diagnose", "m.toml", "--dump", "random.bin"),
        "crc": ("diagnose", HAR, "--crc", "fc.bias=0xa5d88217"),
        "seeds": ("seeds", HAR, "--seeds", "0-99,4294967295"),
    }
    done = {}
    for name, command in words.items():
        ended = run(*command, "--report", f"{name}.html", cwd=folder)
        done[name] = (folder / f"{name}.html").read_bytes(), ended
        if name == "unexplained":
            continue  # the same code as for what is explained, but slower
        again = run(*command, "--report", "again.html", cwd=folder)
        assert (again.stdout, again.returncode) == (ended.stdout, ended.returncode)
        assert (folder / "again.html").read_bytes() == done[name][0]
    return done


@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_is_of_one_piece(name, pages):
    content, ended = pages[name]
    page = Page(content)

    assert ended.returncode in (0, 1), ended.stderr
    assert len(content) < 60_000
    assert not re.search(rb"https?:|url\(|@import|@[a-z]+@", content)
    links = [attributes[key] for _, attributes in page.elements for key in ("src", "href") if key in attributes]
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in links)
    assert not [key for key, _ in page.attributes if key.startswith("on")]
    policies = [a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none'; img-src data:; ")
    assert ("script" in page.tags) == ("script-src 'sha256-" in policies[0]) == (b"<button" in content)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_screen_reader_finds_its_way(name, pages):
    page = Page(pages[name][0])

    levels = [int(tag[1]) for tag in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in page.elements:
        assert tag != "img" or len(attributes["alt"]) > 10
        assert tag != "svg" or (attributes["role"] == "img" and len(attributes["aria-label"]) > 10)
        assert attributes.get("role") != "region" or (attributes["tabindex"] == "0" and attributes["aria-label"])
        for key in ("aria-labelledby", "aria-describedby", "data-of"):
            assert key not in attributes or attributes[key] in ids
        assert "href" not in attributes or attributes["href"][1:] in ids
    assert page.tags.count("main") == page.tags.count("title") == 1
    assert ("lang", "en") in page.attributes
    for table in page.tables:
        assert all(table[0])
        assert all(len(row) == len(table[0]) for row in table)


def test_the_cause_stands_first_with_the_lines_to_paste(pages):
    content, ended = pages["diagnose"]
    page = Page(content)

    assert "seed: The device seeds with 43" in ended.stdout
    assert content.index(b"The device seeds with 43, one more; the model says 42.") < content.index(b'id="buffers"')
    (pre,) = [attributes for tag, attributes in page.elements if tag == "pre"]
    assert re.search(rf'<pre id="{pre["id"]}"[^>]*>seed = 43</pre>', content.decode())
    assert "Under [model]:" in page.texts
    assert page.tags.count("button") == 1


def test_what_nothing_explains_is_said(pages):
    page = Page(pages["unexplained"][0])

    assert page.texts.count("Nothing explains it: no known mistake does, alone or with another.") >= 1
    assert "What the buffers show" in page.texts
    assert "What comes nearest" in page.texts
    assert "button" not in page.tags


def test_the_dialect_and_the_seed_of_a_file_are_lines_to_paste():
    bundle = gather(embinit.load(HAR).plan())
    device = {entry.name: entry.payload for entry in gather(embinit.load(HAR, seed=43).plan()).entries}
    names = tuple(device)
    origin = Origin("odt-2026-04", 7, names[:6], names[6:])
    page = Page(of_diagnosis.page(bundle, device, diagnose(bundle, device, "m.pt", origin)))

    assert page.texts.count(f"The {str(origin)[4:]}.") == 2
    assert "Nothing explains it" not in page.text
    assert 'dialect = "odt-2026-04"\nseed = 7' in page.texts


def test_who_draws_which_words(pages):
    streams = {name: Page(pages[name][0]).tables for name in ("plan", "export", "verify")}
    rows = embinit.load(HAR).plan().rows

    for name, tables in streams.items():
        (stream,) = [table for table in tables if table[0][1].startswith("Place among 10214 words")]
        assert [row[0] for row in stream[1:]] == [row.name for row in rows]
        assert [row[2:5] for row in stream[1:]] == [[str(row.first_draw), str(row.draws), "draws"] for row in rows]
        assert {row[-1] for row in stream[1:]} == {"differs" if name == "verify" else "draws"}
    bars = re.findall(r'class="(\w+)" style="left:([\d.]+)%;width:([\d.]+)%"', pages["plan"][0].decode())
    assert [kind for kind, _, _ in bars] == ["draw"] * len(rows)
    for (_, left, width), row in zip(bars, rows, strict=True):
        assert abs(float(left) - row.first_draw / 102.14) < 0.006
        assert abs(float(width) - row.draws / 102.14) < 0.006


def test_where_the_stream_is_left(pages):
    bundle = gather(embinit.load(HAR).plan())
    device = {entry.name: entry.payload for entry in bundle.entries}
    for name in ("conv3.bias", "fc.weight", "fc.bias"):
        device[name] = bytes(len(device[name]))
    first = "The first buffer of the stream that differs is conv3.bias, from word 9760 on"
    text = Page(of_verify.page(bundle, device, verify(bundle, device, "d"))).texts
    assert f"{first}; so do all buffers after it." in text
    device["fc.weight"] = bundle.entries[6].payload
    text = Page(of_verify.page(bundle, device, verify(bundle, device, "d"))).texts
    assert f"{first}; later ones do not all." in text


def test_a_stream_that_departs_says_how():
    layers = [
        embinit.Linear(
            name="a", in_features=3, out_features=2, skip_words=5, weight_format="q7", rounding="stochastic"
        ),
        embinit.Linear(name="b", in_features=3, out_features=2, restart=True, bias=False),
        embinit.Linear(name="c", in_features=3, out_features=2, reinitialize=True, bias=False),
    ]
    plan = embinit.Model("m", layers, seed=5, skip_words=7, dialect="odt").plan()
    tables = Page(of_plan.page(plan)).tables

    rows = [(row[0], row[2], row[3], row[4]) for row in tables[1][1:]]
    assert rows[:4] == [
        ("", "0", "7", "skips before the first buffer"),
        ("a.weight", "", "5", "skips"),
        ("a.weight", "12", "6", "draws"),
        ("a.bias", "18", "2", "draws"),
    ]
    assert ("b.weight", "", "", "the stream starts again") in rows
    assert ("c.weight", "", "", "draws what is overwritten") in rows
    assert any(row[0] == "a.weight" and row[3] == "rounds" and row[2] == "6" for row in rows)


def test_what_is_known_only_when_it_is_drawn():
    scheme = embinit.initializers.truncated_normal(0.0, 0.1)
    fc = embinit.Linear(name="fc", in_features=3, out_features=2, weight_init=scheme)
    plan = embinit.Model("m", [fc], seed=5, dialect="portable").plan()
    rows = Page(of_plan.page(plan)).tables[1]
    if plan.rows[0].draws is None:
        assert rows[1][2:4] == ["0", "?"]
        assert rows[2][2] == "?"
    bundle = gather(plan)
    rows = Page(of_export.page(bundle, "out", {"m.npz": 1})).tables[2]
    assert [row[2:4] for row in rows[1:3]] == [[str(e.first_draw), str(e.draws)] for e in bundle.entries]


def test_keys_stand_in_the_map():
    model = embinit.Model("m", [embinit.Linear(name="fc", in_features=3, out_features=2)], seed=5, dialect="flax-nnx")
    rows = Page(of_plan.page(model.plan())).tables[1]

    assert rows[0][5] == "Key"
    assert [row[0] for row in rows[1:]] == ["fc.weight"]
    assert rows[1][5] == "".join(f"{word:08x}" for word in model.plan().rows[0].key)


def test_an_export_shows_the_values(pages):
    page = Page(pages["export"][0])
    bundle = gather(embinit.load(HAR).plan())

    assert [image.alt.split(", ")[0] for image in page.images] == [f"values of {e.name}" for e in bundle.entries]
    values = bundle.entries[6].data
    quarters = np.ceil(4 * np.abs(values) / np.abs(values).max()).astype(int) * np.sign(values).astype(int)
    assert page.images[6].levels == quarters.tolist()
    buffers = page.tables[1]
    assert [row[7] for row in buffers[1:]] == [f"0x{entry.crc32:08x}" for entry in bundle.entries]
    assert sorted(row[0] for row in page.tables[0][1:]) == sorted(
        name for name in re.findall(r"bundle/(\S+):", pages["export"][1].stdout)
    )


def test_saturated_elements_are_said():
    fc = embinit.Linear(
        name="fc", in_features=30, out_features=20, weight_format="q7", weight_init=embinit.initializers.uniform(-3, 3)
    )
    bundle = gather(embinit.Model("m", [fc], seed=5).plan())
    page = Page(of_export.page(bundle, "out", {"m.npz": 1}))

    assert f"fc.weight: {bundle.entries[0].buffer.clipped} elements saturate in q7." in page.texts
    assert bundle.entries[0].buffer.clipped > 100


def test_a_bundle_that_drifted(pages):
    content, ended = pages["drift"]

    assert ended.returncode == 1
    assert "other differs from a fresh export" in Page(content).texts
    assert all(line in Page(content).texts for line in ended.stdout.splitlines())


def test_seeds_are_counted_and_the_bad_ones_named(pages):
    page = Page(pages["seeds"][0])

    assert "The same from seeds 0, 4294967295." in page.texts
    assert "Of 101 seeds, some are the same or ruin a buffer" in page.texts
    counts = [re.search(r"over (\d+) seeds", a["aria-label"]) for tag, a in page.elements if tag == "svg"]
    assert {match[1] for match in counts} == {"101"}
    assert len(counts) == 4 * 8
    assert "Seed" not in page.texts[: page.texts.index("Each buffer over the seeds")]


def test_the_spread_of_a_sweep_is_that_of_its_seeds():
    model = embinit.Model("m", [embinit.Linear(name="fc", in_features=9, out_features=7)], seed=5)
    found = sweep(model, range(300))
    for name, spread in found.spreads.items():
        values = np.stack([held[name].ravel() for _, held in model.init_many(range(300))])
        for tally, numbers in ((spread.minimum, values.min(axis=1)), (spread.maximum, values.max(axis=1))):
            places = np.floor((numbers.astype(np.float64) - tally.low) / tally.width).astype(int)
            assert np.bincount(places).tolist() == tally.counts.tolist()
    assert found.spreads["fc.weight"].mean.counts.sum() == 300


def test_checksums_have_pages_too(pages):
    bundle = gather(embinit.load(HAR).plan())
    memory = {array.name: array.payload for array in bundle.arrays}
    given = parse([f"fc.bias=0x{bundle.entries[7].crc32:08x}"])
    page = Page(of_checksums.verified(bundle.plan.model, check(memory, given)))
    assert "The checksums agree with the simulation" in page.texts
    assert page.tables[0][1] == ["fc.bias", given["fc.bias"].text, "zlib's CRC-32"]

    other = gather(embinit.load(HAR, seed=43).plan())
    diagnosis = diagnose_checksums(bundle, parse([f"fc.bias=0x{other.entries[7].crc32:08x}"]))
    page = Page(of_checksums.diagnosed(bundle.plan.model, diagnosis))
    assert "seed = 43" in page.texts
    assert page.text.count("Explained, every checksum: The device seeds with 43") == 1


EVIL = "<img src=x onerror=alert(1)>\"'&amp;</style><!--@verdict@"


def test_whatever_a_file_is_called_or_says_is_text():
    """What comes from outside, names of files and what errors quote of them, changes no element of a page."""
    bundle = gather(embinit.load(HAR).plan())
    other = {entry.name: entry.payload for entry in gather(embinit.load(HAR, seed=43).plan()).entries}
    noted = embinit.readback.Readback(other, [EVIL]) if hasattr(embinit, "readback") else other
    drawn = {
        "verify": lambda said: of_verify.page(bundle, noted, verify(bundle, noted, said)),
        "diagnose": lambda said: of_diagnosis.page(bundle, noted, diagnose(bundle, noted, said)),
        "export": lambda said: of_export.page(bundle, said, {said: 1}),
        "drift": lambda said: of_export.drifted(bundle.plan, said, [said]),
    }
    for name, page in drawn.items():
        evil, plain = Page(page(EVIL)), Page(page("x"))
        assert evil.tags == plain.tags, name
        assert [key for key, _ in evil.attributes] == [key for key, _ in plain.attributes], name
        assert EVIL in evil.text, name
    assert Page(drawn["export"]("caf\udce9")).text.count("caf\\udce9") >= 2


@pytest.mark.parametrize(
    "layers",
    [
        [embinit.Linear(name=f"a_layer_with_a_name_of_{i}", in_features=40, out_features=30) for i in range(300)],
        [
            embinit.Linear(name=f"quite_a_long_name_of_some_layer_{i:05}", in_features=2, out_features=3)
            for i in range(600)
        ],
        [embinit.Linear(name="fc", in_features=1000, out_features=1000)],
    ],
    ids=["300 layers", "600 layers", "a million weights"],
)
def test_a_page_has_a_size_that_it_does_not_exceed(layers):
    model = embinit.Model("m", layers, seed=1)
    bundle = gather(model.plan())
    random = np.random.default_rng(3)
    device = {a.name: random.integers(0, 256, len(a.payload), dtype=np.uint8).tobytes() for a in bundle.arrays}
    report, names = verify(bundle, device, "d.bin"), tuple(device)
    wide = "; ".join(f"{name} from -0.123456789 to 0.123456789" for name in names)
    hypothesis = Hypothesis(Aspect.INITIALIZER, "limit", wide, lambda account: account, buffers=names)
    lines = {f"[[layer]] {layer.name}": "weight_init = 1\nbias_init = 2" for layer in layers}
    explanation = Explanation((Cause(hypothesis, names, lines),), device, names, report.equal, True, lines)
    noted = tuple(Fact(name, "range", "values from -0.123456789 to 0.123456789") for name in names)
    shown = {
        "plan": of_plan.page(bundle.plan),
        "export": of_export.page(bundle, "out", {"m.npz": 1}),
        "verify": of_verify.page(bundle, device, report),
        "diagnose": of_diagnosis.page(bundle, device, Diagnosis(report, (explanation,) * 5)),
        "not explained": of_diagnosis.page(bundle, device, Diagnosis(report, (), noted)),
        "seeds": of_seeds.page(sweep(model, range(2))),
    }
    for name, content in shown.items():
        assert len(content) < PAGE, name
    images = len(Page(shown["verify"]).images)
    assert images == len(bundle.arrays) or (len(layers) == 600 and images > 500)
    assert (b"more buffers are not shown" in shown["verify"]) == (len(layers) == 600)


def test_a_notebook_shows_a_bounded_table():
    layers = [embinit.Linear(name=f"l{i}", in_features=2, out_features=3) for i in range(100)]
    model = embinit.Model("m", layers, seed=1)
    bundle = gather(model.plan())
    device = {entry.name: entry.payload for entry in bundle.entries}
    device["l99.bias"] = bytes(12)
    shown = {"model": model, "plan": model.plan(), "report": verify(bundle, device, "<b>d</b>.bin")}
    for name, each in shown.items():
        content = each._repr_html_()
        page = Page(content.encode())
        assert len(content) < 6000, name
        assert len(page.tables[0]) == 21, name
        assert "more rows are not shown" in page.text, name
    page = Page(shown["report"]._repr_html_().encode())
    assert page.tables[0][1][0] == "l99.bias"
    assert "<b>d</b>.bin differs from the simulation" in page.text
    small = Page(embinit.load(HAR)._repr_html_().encode())
    assert "not shown" not in small.text
    assert ["fc", "Linear", "weight [out 6, in 64] float32; bias [out 6] float32"] in small.tables[0]


def test_a_notebook_shows_causes_and_seeds():
    bundle = gather(embinit.load(HAR).plan())
    device = {entry.name: entry.payload for entry in gather(embinit.load(HAR, seed=43).plan()).entries}
    found = Page(diagnose(bundle, device, "<i>.bin")._repr_html_().encode())
    assert found.tables[0][1] == ["seed", "The device seeds with 43, one more; the model says 42.", "[model] seed = 43"]
    assert "<i>.bin differs from the simulation" in found.text
    right = {entry.name: entry.payload for entry in bundle.entries}
    assert "agrees with the simulation" in Page(diagnose(bundle, right, "d")._repr_html_().encode()).text

    found = sweep(embinit.load(HAR), [*range(30), 0xFFFFFFFF])
    page = Page(found._repr_html_().encode())
    assert [row[0] for row in page.tables[0][1:]] == [entry.name for entry in bundle.entries]
    assert "the same from 2 seeds: 0, 4294967295" in page.texts
    assert len(sweep(embinit.load(HAR), [7] * 3000)._repr_html_()) < 3000
