"""Tables of few lines, printed whole and in another order: their addresses or indices say so, and they are refused."""

from itertools import permutations

import pytest

import embinit

from support.dumps import BUFFERS, NINE, WORDS, dumped, lines_of, one_line


def words(order, base):
    size = -(-len(WORDS) // len(order))
    lines = lines_of(WORDS, size, lambda i, t: f"{format(8192 + 4 * i, base)}: {' '.join(t)}").splitlines()
    assert len(lines) == len(order)
    return "\n".join(lines[i] for i in order)


@pytest.mark.parametrize("base", ["08x", "010o", "d"])
def test_four_lines_in_any_other_order_are_refused(base, tmp_path):
    for order in list(permutations(range(4)))[1:]:
        with pytest.raises(embinit.EmbinitError) as error:
            dumped(tmp_path, "d.txt", words(order, base))
        one_line(error, "follows that at", "in another order")


@pytest.mark.parametrize("base", ["08x", "010o", "d"])
def test_the_same_lines_in_their_order_are_read(base, tmp_path):
    assert dumped(tmp_path, "d.txt", words(range(4), base)) == BUFFERS


def test_two_lines_that_are_exchanged_are_refused(tmp_path):
    with pytest.raises(embinit.EmbinitError) as error:
        dumped(tmp_path, "d.txt", words((1, 0), "08x"))
    one_line(error, "follows that at", "in another order")


@pytest.mark.parametrize("order", [(2, 1, 0), (1, 0, 2), (2, 0, 1), (0, 2, 1)])
def test_rows_by_index_in_another_order_are_refused(order, tmp_path):
    lines = lines_of(NINE, -(-len(NINE) // 3), lambda i, t: f"w[{i}]: {' '.join(t)}").splitlines()
    with pytest.raises(embinit.EmbinitError) as error:
        dumped(tmp_path, "d.txt", "\n".join(lines[i] for i in order))
    one_line(error, "element [", "in another order")


def test_elements_backwards_are_refused(tmp_path):
    lines = [f"w[{i}] = {t}" for i, t in enumerate(NINE)]
    with pytest.raises(embinit.EmbinitError) as error:
        dumped(tmp_path, "d.txt", "\n".join(reversed(lines)))
    one_line(error, f"element [{len(NINE) - 2}] follows element [{len(NINE) - 1}]")
