"""The directory of compiled kernels: found again, shared by processes that start at once, and nobody else's."""

import importlib
import json
import os
import pkgutil
import shutil
import stat
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numba.np import arraymath, linalg

import embinit
from embinit import Generator, Pcg32, Xorshift32, _kernels, cache, initializers
from embinit._kernels import compiler, jit
from embinit.export import render

from support.executors import by_numba

EXAMPLES = Path(__file__).parents[2] / "examples"
PACKAGE = Path(embinit.__file__).parent

#: A kernel that calls another function, and is compiled sooner than those of the package.
DRAW = """
import json, os, pathlib, sys, time
from numba.core import event
from embinit._kernels import compiler, jit

@jit.inlined
def step(x):
    return (x ^ x << 13) & 0xFFFFFFFF

@jit.kernel
def drawn(seed):
    return step(step(seed))

if len(sys.argv) > 1:  # wait, where the cache has nothing, for another process that sees so, too
    load, folder = compiler._Cache.load_overload, pathlib.Path(sys.argv[1])

    def missed(*arguments):
        found = load(*arguments)
        (folder / str(os.getpid())).touch()
        until = time.monotonic() + 60
        while len(list(folder.iterdir())) < 2 and time.monotonic() < until:
            time.sleep(0.001)
        return found

    compiler._Cache.load_overload = missed

with event.install_recorder("numba:compile") as recorder:
    word = drawn(42)
assert "scipy.linalg" not in sys.modules
json.dump([word, len(recorder.buffer), compiler.cache_directory().as_posix()], sys.stdout)
"""
WORD = 42 ^ 42 << 26 & 0xFFFFFFFF


def start(directory, *folder, package=PACKAGE, **variables):
    """Start a process that draws; its cache lies in directory. folder: where two processes wait for each other."""
    environment = {**os.environ, "EMBINIT_CACHE_DIR": str(directory), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    command = [sys.executable, "-c", DRAW, *folder]
    return subprocess.Popen(command, cwd=package.parent, env=environment, stdout=subprocess.PIPE, text=True)


def ended(process):
    """Return what a process drew, how often it compiled, and where its cache lies."""
    text, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    word, compiled, directory = json.loads(text)
    return word, compiled, Path(directory)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Return a cache that two processes found empty at once, and what they say."""
    directory, folder = tmp_path_factory.mktemp("cache"), tmp_path_factory.mktemp("started")
    return directory, [ended(process) for process in [start(directory, folder) for _ in range(2)]]


def test_processes_may_start_on_an_empty_cache_at_once(kept):
    """And another one finds what they left, whatever Numba's own cache is told."""
    directory, ((word, compiled, place), other) = kept
    numbas = {"NUMBA_CACHE_LOCATOR_CLASSES": "no.such.Class", "NUMBA_CACHE_DIR": "/proc/x"}

    assert (word, place) == (WORD, directory / "embinit" / compiler.content_hash()) == (other[0], other[2])
    assert min(compiled, other[1]) > 0
    assert ended(start(directory, **numbas)) == (WORD, 0, place)
    assert [path.name.rpartition("-")[0] for path in place.iterdir()] == ["__main__.drawn"]  # and nothing else


def test_without_a_place_for_it_the_cache_is_private_and_found_again(tmp_path):
    """Also the machine code that Numba does not optimize, which is other machine code that draws the same."""
    (tmp_path / "file").touch()
    variables = {"TMPDIR": str(tmp_path), "NUMBA_OPT": "0"}
    first, second = (ended(start(tmp_path / "file" / "cache", **variables)) for _ in range(2))

    own = first[2].parent
    assert own == tmp_path / f"embinit-{os.getuid()}"
    assert stat.S_IMODE(own.stat().st_mode) == 0o700
    assert first[2].name != compiler.content_hash()
    assert first[0] == WORD
    assert first[1] > 0
    assert second == (WORD, 0, first[2])


@pytest.mark.parametrize("kind", ["of all", "link", "file"])
def test_a_directory_that_others_may_have_written_is_not_read(kind, tmp_path, monkeypatch):
    own = tmp_path / f"embinit-{os.getuid()}"
    if kind == "of all":
        own.mkdir()
        own.chmod(0o777)
    elif kind == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        own.symlink_to(tmp_path / "elsewhere")
    else:
        own.touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    found = cache._private()

    assert found.parent == tmp_path != own
    assert found != own
    assert stat.S_IMODE(found.stat().st_mode) == 0o700


def test_the_package_is_not_written(tmp_path):
    package = tmp_path / "site" / "embinit"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    for path in [package.parent, *package.parent.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = sorted(package.parent.rglob("*"))
    word, _, directory = ended(start(tmp_path / "cache", package=package))
    assert (word, sorted(package.parent.rglob("*"))) == (WORD, before)
    assert directory.name == compiler.content_hash()
    for path in [package.parent, *package.parent.rglob("*")]:
        path.chmod(0o755)


def test_machine_code_of_other_sources_or_settings_lies_elsewhere(tmp_path, monkeypatch):
    kernels = tmp_path / "_kernels"
    shutil.copytree(PACKAGE / "_kernels", kernels, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(compiler, "__file__", str(kernels / "compiler.py"))
    name = compiler.content_hash.__wrapped__
    assert name() == compiler.content_hash()

    for setting in compiler._SETTINGS:
        with monkeypatch.context() as patch:
            patch.setattr(compiler.numba.config, setting, "another")
            assert name() != compiler.content_hash(), setting
    with (kernels / "fma.py").open("a") as file:
        file.write("# another kernel\n")
    assert name() != compiler.content_hash()


def test_scipy_which_no_kernel_needs_is_still_what_numba_looks_for():
    """DRAW asserts that kernels run without it."""
    for module in (arraymath, linalg):
        assert module.ensure_blas.__module__ == "numba.np.linalg"
    assert (find_spec("scipy") is not None) == arraymath._HAVE_BLAS


def test_another_release_of_numba_may_look_for_scipy_elsewhere(monkeypatch):
    from embinit._kernels.compiler import _import_without_scipy

    monkeypatch.delattr("numba.np.linalg.ensure_blas")
    monkeypatch.delattr("numba.np.arraymath.ensure_blas")
    _import_without_scipy()
    assert not hasattr(sys.modules["numba.np.arraymath"], "ensure_blas")


def test_a_full_disk_is_no_error(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)

    assert jit.kernel(successor)(3) == 4


def successor(n):
    return n + 1


def test_without_any_place_each_process_compiles_its_own(monkeypatch):
    def nowhere():
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setenv("EMBINIT_CACHE_DIR", "/proc/nowhere")
    monkeypatch.setattr("tempfile.gettempdir", nowhere)
    assert cache.directory("kernels") is None

    monkeypatch.setattr(compiler, "cache_directory", lambda: None)
    assert jit.kernel(successor)(5) == 6


DAMAGES = {
    "empty": lambda content: b"",
    "one byte": lambda content: content[:1],
    "only a seal": lambda content: content[:32],
    "cut": lambda content: content[: len(content) // 3],
    "last byte lost": lambda content: content[:-1],
    "a byte more": lambda content: content + b"\0",
    "zeros": lambda content: bytes(len(content)),
    "noise": lambda content: np.random.default_rng(1).bytes(len(content)),
    "a flipped bit of the code": lambda content: flipped(content, len(content) * 3 // 4),
    "a flipped bit of the seal": lambda content: flipped(content, 3),
    "a pickle": lambda content: b"cposix\nabort\n(tR.",
}


def flipped(content, place):
    changed = bytearray(content)
    changed[place] ^= 4
    return bytes(changed)


@pytest.fixture
def own_cache(monkeypatch, tmp_path):
    """Have kernels of this process cached in a directory of the test's own."""
    monkeypatch.setattr(compiler, "cache_directory", lambda: tmp_path)
    return tmp_path


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_compiled_again_and_replaced(damage, own_cache):
    assert jit.kernel(successor)(3) == 4
    (path,) = own_cache.iterdir()
    whole = path.read_bytes()
    loaded = jit.kernel(successor)
    assert loaded(3) == 4
    assert sum(loaded.compiled.stats.cache_hits.values()) == 1

    path.write_bytes(DAMAGES[damage](whole))
    again = jit.kernel(successor)
    assert again(3) == 4
    assert sum(again.compiled.stats.cache_misses.values()) == 1
    third = jit.kernel(successor)
    assert third(3) == 4
    assert sum(third.compiled.stats.cache_hits.values()) == 1
    assert [path] == list(own_cache.iterdir())


def predecessor(n):
    return n - 1


def test_another_functions_machine_code_is_not_run(own_cache):
    assert jit.kernel(successor)(3) == 4
    (path,) = own_cache.iterdir()
    assert jit.kernel(predecessor)(3) == 2
    (other,) = set(own_cache.iterdir()) - {path}
    path.write_bytes(other.read_bytes())

    assert jit.kernel(successor)(3) == 4


def test_other_sources_machine_code_is_not_run(own_cache, monkeypatch):
    assert jit.kernel(successor)(3) == 4
    monkeypatch.setattr(compiler, "content_hash", lambda: "another")
    again = jit.kernel(successor)

    assert again(3) == 4
    assert sum(again.compiled.stats.cache_misses.values()) == 1


def test_a_directory_in_place_of_a_file_is_a_miss(own_cache):
    assert jit.kernel(successor)(3) == 4
    (path,) = own_cache.iterdir()
    path.unlink()
    path.mkdir()

    assert jit.kernel(successor)(3) == 4


def test_a_process_on_a_damaged_cache_draws_the_same(tmp_path, kept):
    (whole,) = kept[1][0][2].iterdir()
    damaged = tmp_path / "embinit" / whole.parent.name / whole.name
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(DAMAGES["noise"](whole.read_bytes()))
    noise = damaged.read_bytes()
    word, compiled, directory = ended(start(tmp_path))

    assert word == WORD
    assert compiled > 0
    assert directory == damaged.parent
    assert damaged.read_bytes() != noise


REFUSED = """
import sys
from embinit.__main__ import main
from embinit._kernels.jit import Kernel

Kernel.left = 0
sys.exit(main(["verify", "starter.toml", "--dump", "/dev/null"]))
"""


def test_settings_with_which_nothing_compiles_are_refused_in_one_line():
    """Numba reads them when it is imported, and fails with each of them; with the last one only embinit does."""
    settings = ["NUMBA_OPT=most", "NUMBA_NUM_THREADS=0", "NUMBA_DISABLE_JIT=yes", "NUMBA_DISABLE_JIT=1"]
    started = []
    for setting in settings:
        name, value = setting.split("=")
        command = [sys.executable, "-c", REFUSED]
        environment = {**os.environ, name: value}
        started.append(subprocess.Popen(command, cwd=EXAMPLES, env=environment, stderr=subprocess.PIPE, text=True))

    for setting, process in zip(settings, started, strict=True):
        (line,) = process.communicate()[1].splitlines()
        assert process.returncode == 2
        assert setting.partition("=")[0] in line or "threads" in line


def kernels():
    """Return every kernel of the package by name."""
    names = [f"{_kernels.__name__}.{module.name}" for module in pkgutil.iter_modules(_kernels.__path__)]
    modules = map(importlib.import_module, names)
    return {
        f"{module.__name__}.{name}": value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, jit.Kernel) and value.__module__ == module.__name__
    }


def draw_everything():
    """Call every kernel by the ways that lead to it."""
    for path in EXAMPLES.glob("*.toml"):
        render(embinit.load(path).plan(), ["bin"])
    layer = embinit.Linear(name="fc", in_features=9, out_features=9, weight_init=initializers.normal())
    for dialect in ("gomlx", "gomlx-xla", "kaun", "kaun-alpha3", "jax", "flax-nnx", "keras-tensorflow", "keras-jax"):
        if embinit.dialects.dialect_named(dialect).has("Linear"):
            list(embinit.Model("m", [layer], dialect=dialect, seed=5).init_many([5, 6], statistics=True))
        source = Generator.seeded(5, dialect)
        table = {"name": "random_normal", "stddev": 1.0} if "gomlx" in dialect else "glorot_uniform"
        source.fill(table, np.empty((3, 4), np.float32), 4, 3)
    for dialect in ("odt", "odt-2026-06", "portable", "torch", "torch-nofma"):
        model = embinit.Model("m", [layer], dialect=dialect, seed=5)
        list(model.init_many([5, 6], statistics=True))
        for bitgen in (Xorshift32(5), Pcg32(5), embinit.MT19937(5)):
            source = Generator(bitgen, dialect)
            source.normal(0, 1, np.empty(40, np.float32))
            source.normal(0, 1, np.empty((3, 1), np.float32))
            source.uniform(0, 1, np.empty((3, 4, 5), np.float32)[1:])
            source.bernoulli(0.5, 40)
            source.shuffle([1, 2, 3])
            source.advance(40)
            bitgen.random_raw(3)
            bitgen.jumped(2**40)
    values = np.linspace(-1, 1, 64, dtype=np.float32)
    for name in ("q7", "q15", "q31", "int8", "int4", "sym4", "sym8", "asym8", "affine8", "affine4", "bfp8e5"):
        for rounding in ("half_away", "half_even", "truncate", "floor", "stochastic"):
            try:
                buffer = embinit.encode(values, name, rounding, Generator(Pcg32(1)))
            except embinit.EmbinitError:  # not every format rounds in every way
                continue
            buffer.decode()
            buffer.data.flags.writeable = False
            buffer.decode()


def test_every_kernel_has_one_signature():
    """Two of one kernel, compiled by two processes at once, could take each other's place in Numba's cache."""
    with by_numba():
        draw_everything()

    machine_code = {
        f"{name}{values}": found.compiled
        for name, kernel in kernels().items()
        for values, found in ({(): kernel} if not kernel.places else kernel.variants).items()
    }
    signatures = {name: compiled.signatures for name, compiled in machine_code.items()}
    assert {name: found for name, found in signatures.items() if len(found) > 1} == {}
    assert sum(map(len, signatures.values())) >= 18
    for name, compiled in machine_code.items():  # and each is on disk: no process compiles it again
        for signature, found in compiled.overloads.items():
            assert compiled._cache._path(signature, found.library.codegen).is_file(), name
