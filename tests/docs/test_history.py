"""The picture of what embinit costs by release, with one line and with several, and the table that it is drawn from."""

import re
import runpy
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from support.pages import DOCS, ROOT

DRAWING = runpy.run_path(str(DOCS / "history.py"))
SVG = "{http://www.w3.org/2000/svg}"
NAMES = ["uniform / PCG64", "encode <sym8> & more / NumPy", "plan / import numba", "of 16 / PCG64"]


def line(number, **ratios):
    about = {"version": f"0.{number}.0", "date": f"2027-01-{number:02}", "machine": "a machine"}
    return {**about, **{name: ratios.get(name, str(0.1 * (i + 1) * number)) for i, name in enumerate(NAMES)}}


@pytest.mark.parametrize("count", [1, 2, 3, 7, 40])
def test_every_ratio_of_every_release_is_a_point_of_its_line(count):
    lines = [line(number) for number in range(1, count + 1)]
    lines[0][NAMES[1]] = "" if count > 1 else "0.2"
    root = ElementTree.fromstring(DRAWING["drawn"](lines))
    _, _, width, height = map(float, root.attrib["viewBox"].split())

    points = [each.attrib["points"].split() for each in root.iter(f"{SVG}polyline")]
    assert list(map(len, points)) == [count, max(count - 1, 1), count, count]
    assert len(list(root.iter(f"{SVG}circle"))) == sum(map(len, points))
    for path in points:
        places = [tuple(map(float, each.split(","))) for each in path]
        assert places == sorted(places)
        assert all(0 < x < width and 0 < y < height for x, y in places)
        if len(places) > 1:  # ratios grow, so lines rise
            assert [y for _, y in places] == sorted((y for _, y in places), reverse=True)
    texts = {each.text: each.attrib for each in root.iter(f"{SVG}text")}
    assert all(any(text.endswith(f"  {name}") for text in texts) for name in NAMES)
    assert lines[-1]["version"] in texts
    places = sorted(float(each["y"]) for text, each in texts.items() if "  " in text)
    assert all(b - a > 16 for a, b in pairwise(places))
    assert all(0 < float(each["x"]) < width and 0 < float(each["y"]) < height for each in texts.values())
    assert sum(bool(re.fullmatch(r"0[.]\d+[.]0", text)) for text in texts) <= 6


def test_many_names_at_one_place_do_not_cover_each_other():
    places = DRAWING["_spread"]({str(i): 460.0 for i in range(20)})
    assert all(b - a >= DRAWING["APART"] for a, b in pairwise(sorted(places.values())))
    assert max(places.values()) <= DRAWING["BOTTOM"]


def test_the_table_has_all_releases():
    rows = DRAWING["table"]([line(1), line(2, **{NAMES[0]: ""})]).splitlines()
    assert rows[0].endswith("| 0.1.0 (2027-01-01) | 0.2.0 (2027-01-02) |")
    assert f"| {NAMES[0]} | 0.1 |  |" in rows


def test_the_table_in_the_project_has_a_line_for_this_version():
    import embinit

    lines = DRAWING["read"](ROOT / "bench" / "history.csv")
    assert lines[-1]["version"] == embinit.__version__
    assert len({each["version"] for each in lines}) == len(lines)
    assert all(0 < value < 100 for points in DRAWING["series"](lines).values() for _, value in points)


def test_a_release_has_one_line_and_new_columns_do_not_move_old_ones(tmp_path):
    record, path = runpy.run_path(str(ROOT / "bench" / "history.py"))["record"], tmp_path / "history.csv"
    for version, ratios in [("1", {"a": 0.5}), ("2", {"a": 0.25, "b": 2.0}), ("1", {"a": 0.125})]:
        record(path, {"version": version, "date": "d", "machine": "a, b"}, ratios)

    assert path.read_text().splitlines() == ["version,date,machine,a,b", '1,d,"a, b",0.125,', '2,d,"a, b",0.25,2']
