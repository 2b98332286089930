"""Pages in a real browser: nothing is wider than a phone, axe finds nothing in light and in dark, and a keyboard gets
everywhere.
"""

import html
import json
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import embinit
from embinit import checksums
from embinit.bundle import gather
from embinit.diagnose import diagnose
from embinit.diagnose.by_checksum import diagnose_checksums
from embinit.many import sweep
from embinit.matrix.builds import Build
from embinit.matrix.report import Group, Matrix
from embinit.pages import checksums as of_checksums
from embinit.pages import diagnose as of_diagnosis
from embinit.pages import export as of_export
from embinit.pages import matrix as of_matrix
from embinit.pages import plan as of_plan
from embinit.pages import seeds as of_seeds
from embinit.pages import verify as of_verify
from embinit.verify import verify

BROWSER = next(filter(shutil.which, ("chromium", "chromium-browser", "google-chrome")), None)
#: Packages that bring axe-core, the newest first; none of them is imported.
AXES = [
    Path(found.submodule_search_locations[0]) / "axe.min.js"
    for found in map(find_spec, ("axe_playwright_python", "axe_selenium_python", "axe_core_python"))
    if found is not None and found.submodule_search_locations
]
AXE = next((path for path in AXES if path.is_file()), None)

#: How many pages stand side by side: with more, the browser ends before all of them are done.
AT_ONCE = 3

RUN = """
<script>%s</script>
<script>
for (const folded of document.querySelectorAll("details")) folded.open = true;
const stops = [...document.querySelectorAll("a[href], button:not([hidden]), summary, [tabindex]")];
const unseen = stop => {
  stop.focus({focusVisible: true});
  return document.activeElement !== stop || getComputedStyle(stop).outlineStyle === "none";
};
axe.run(document).then(found => parent.postMessage(JSON.stringify({
  name: %s, width: innerWidth, wide: document.documentElement.scrollWidth,
  passes: found.passes.map(each => each.id),
  stops: stops.length, unseen: stops.filter(unseen).map(each => each.outerHTML.slice(0, 200)),
  background: getComputedStyle(document.body).backgroundColor,
  violations: found.violations.map(each => each.id + ": " + each.nodes[0].html.slice(0, 200)),
}), "*")).catch(error => parent.postMessage(JSON.stringify({name: %s, width: String(error)}), "*"));</script>
</body>
"""
FRAMES = """<!DOCTYPE html><html lang="en"><title>pages</title><body>%s<pre id="found"></pre>
<script>
addEventListener("message", each => { document.getElementById("found").textContent += each.data + "\\n"; });
</script>
</body></html>
"""


def _matrix():
    """Builds of one code in two groups, and one that left nothing."""
    builds = [
        Build("cortex-m4f", "gcc", ("-O2",)),
        Build("cortex-m0", "gcc", ("-O2",)),
        Build("host", "clang", ("-O0",)),
    ]
    groups = (Group("A", (builds[0],)), Group("B", (builds[1],)))
    return Matrix("init_weights", groups, ((builds[2], "clang is not installed"),), tuple(builds))


def pages():
    """Return a page of each kind."""
    layers = [
        embinit.Linear(name="first", in_features=12, out_features=9, weight_format="int8"),
        embinit.Linear(name="second", in_features=9, out_features=4, weight_init=embinit.initializers.kaiming_normal()),
    ]
    model = embinit.Model("m", layers, seed=5)
    bundle, other = gather(model.plan()), gather(embinit.Model("m", layers, seed=6).plan())
    device = {array.name: array.payload for array in other.arrays}
    random = {name: np.random.default_rng(4).bytes(len(held)) for name, held in device.items()}
    many = [embinit.Linear(name=f"layer{i}", in_features=9, out_features=7) for i in range(60)]
    large = gather(embinit.Model("large", many, seed=5).plan())
    left = {array.name: np.random.default_rng(i).bytes(len(array.payload)) for i, array in enumerate(large.arrays)}
    given = checksums.parse([f"second.weight=0x{bundle.entries[2].crc32 ^ 1:08x}"])
    return {
        "plan": of_plan.page(bundle.plan),
        "export": of_export.page(bundle, "bundle", {"m.npz": 5}),
        "verify": of_verify.page(bundle, random, verify(bundle, random, "d.bin")),
        "diagnose": of_diagnosis.page(bundle, device, diagnose(bundle, device, "d.bin")),
        "not explained": of_diagnosis.page(bundle, random, diagnose(bundle, random, "d.bin")),
        "large": of_verify.page(large, left, verify(large, left, "d.bin")),
        "checksums": of_checksums.diagnosed(model, diagnose_checksums(bundle, given)),
        "drifted": of_export.drifted(bundle.plan, "bundle", ["m.npz: differs", "m.bin: is missing"]),
        "matrix": of_matrix.page(_matrix()),
        "seeds": of_seeds.page(sweep(model, [*range(50), 0xFFFFFFFF])),
    }


def _looked_at(drawn, scheme, width, folder):
    """What the browser and axe find in pages that stand in frames beside each other."""
    frames = ""
    for name, content in drawn.items():
        text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", content.decode())  # it forbids axe
        text = text.replace("</body>", RUN % (AXE.read_text(encoding="utf-8"), json.dumps(name), json.dumps(name)))
        frames += f'<iframe title="{name}" width="{width}" height="900" srcdoc="{html.escape(text)}"></iframe>'
    (folder / "frames.html").write_text(FRAMES % frames, encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--virtual-time-budget=600000"]
    options += [f"--blink-settings=preferredColorScheme={scheme}", f"--user-data-dir={folder / 'profile'}"]
    done = subprocess.run(
        [BROWSER, *options, "--dump-dom", (folder / "frames.html").as_uri()],
        capture_output=True, text=True, check=True, timeout=400,
    )  # fmt: skip
    lines = html.unescape(re.search(r'<pre id="found">([^<]*)</pre>', done.stdout)[1]).splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.skipif(BROWSER is None, reason="no chromium is installed")
@pytest.mark.skipif(AXE is None, reason="no package with axe-core is installed, such as axe-playwright-python")
@pytest.mark.parametrize(
    ("scheme", "background", "width"),
    [(1, "rgb(243, 245, 247)", 360), (0, "rgb(16, 18, 20)", 1280)],
    ids=["light and narrow", "dark and wide"],
)
def test_axe_finds_nothing(scheme, background, width, tmp_path):
    drawn = pages()
    names = list(drawn)
    found = []
    for at in range(0, len(names), AT_ONCE):
        some = {name: drawn[name] for name in names[at : at + AT_ONCE]}
        found += _looked_at(some, scheme, width, tmp_path)

    assert {each["name"]: each["width"] for each in found} == dict.fromkeys(drawn, width)
    for each in found:
        where = each["name"]
        assert each["violations"] == [], where
        assert each["wide"] <= each["width"], where
        assert each["background"] == background, where
        assert each["unseen"] == [], where
        assert each["stops"] > 0, where
        assert {"color-contrast", "document-title", "html-has-lang", "region"} <= set(each["passes"]), where
    assert any("image-alt" in each["passes"] for each in found)
