"""Pages in a real browser: nothing is wider than a phone, and axe finds nothing, in light and in dark."""

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
from embinit.bundle import gather
from embinit.diagnose import diagnose
from embinit.many import sweep
from embinit.pages import diagnose as of_diagnosis
from embinit.pages import export as of_export
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

RUN = """
<script>%s</script>
<script>axe.run(document).then(found => parent.postMessage(JSON.stringify({
  name: %s, width: innerWidth, wide: document.documentElement.scrollWidth,
  passes: found.passes.map(each => each.id),
  background: getComputedStyle(document.body).backgroundColor,
  violations: found.violations.map(each => each.id + ": " + each.nodes[0].html.slice(0, 200)),
}), "*"));</script>
</body>
"""
FRAMES = """<!DOCTYPE html><html lang="en"><title>pages</title><body>%s<pre id="found"></pre>
<script>
addEventListener("message", each => { document.getElementById("found").textContent += each.data + "\\n"; });
</script>
</body></html>
"""


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
    return {
        "plan": of_plan.page(bundle.plan),
        "export": of_export.page(bundle, "bundle", {"m.npz": 5}),
        "verify": of_verify.page(bundle, random, verify(bundle, random, "d.bin")),
        "diagnose": of_diagnosis.page(bundle, device, diagnose(bundle, device, "d.bin")),
        "seeds": of_seeds.page(sweep(model, [*range(50), 0xFFFFFFFF])),
    }


@pytest.mark.skipif(BROWSER is None, reason="no chromium is installed")
@pytest.mark.skipif(AXE is None, reason="no package with axe-core is installed, such as axe-playwright-python")
@pytest.mark.parametrize(
    ("scheme", "background", "width"),
    [(1, "rgb(243, 245, 247)", 360), (0, "rgb(16, 18, 20)", 1280)],
    ids=["light and narrow", "dark and wide"],
)
def test_axe_finds_nothing(scheme, background, width, tmp_path):
    drawn, frames = pages(), ""
    for name, content in drawn.items():
        text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", content.decode())  # it forbids axe
        text = text.replace("</body>", RUN % (AXE.read_text(encoding="utf-8"), json.dumps(name)))
        frames += f'<iframe title="{name}" width="{width}" height="900" srcdoc="{html.escape(text)}"></iframe>'
    (tmp_path / "frames.html").write_text(FRAMES % frames, encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--virtual-time-budget=600000"]
    options += [f"--blink-settings=preferredColorScheme={scheme}", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [BROWSER, *options, "--dump-dom", (tmp_path / "frames.html").as_uri()],
        capture_output=True, text=True, check=True, timeout=400,
    )  # fmt: skip
    lines = html.unescape(re.search(r'<pre id="found">([^<]*)</pre>', done.stdout)[1]).splitlines()
    found = [json.loads(line) for line in lines]

    assert sorted((each["name"], each["width"]) for each in found) == sorted((name, width) for name in drawn)
    for each in found:
        where = each["name"]
        assert each["violations"] == [], where
        assert each["wide"] <= each["width"], where
        assert each["background"] == background, where
        assert {"color-contrast", "document-title", "html-has-lang", "region"} <= set(each["passes"]), where
    assert any("image-alt" in each["passes"] for each in found)
