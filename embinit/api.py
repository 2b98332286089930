"""What people import: a model, and everything that can be done with one."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import NDArray

from embinit import modelfile
from embinit.errors import EmbinitError
from embinit.markup import notebook
from embinit.model import Description
from embinit.plan import Plan, plan

if TYPE_CHECKING:
    import keras
    from torch.nn import Module

    from embinit.many import Client
    from embinit.store import Buffer


@dataclass(frozen=True)
class Model(Description):
    """A network as its device initializes it: build one to learn which bits the init code leaves in every buffer.

    Everything is checked here, so that whatever cannot be simulated exactly is refused before anything is drawn.

    Parameters
    ----------
    name
        The model's name: a C identifier, which generated files and functions carry.
    layers
        The layers, such as `Linear`, in the order in which the device constructs them.
    seed
        What the device seeds its generator with: an integer in the dialect's range. In some dialects 0 asks for a
        random one.
    dialect
        The framework whose conventions the device follows: a name such as "odt" or "torch" (`embinit dialects` lists
        them), or a dialect that `load_dialect` returned.
    target
        The device build: a name such as "cortex-m4f" (`embinit targets` lists them), or a chip's, such as "stm32f4".
    multiply_add
        What the compiler makes of a * b + c, if not what the target says: "separate", "fused" or "fused-expression".
    libm
        The class of the C library's logf and cosf, if not the target's: "double", "fdlibm" or "fdlibm-fused".
    rand
        Whose rand() the firmware links, if not the target's: a name such as "newlib".
    memory_limit
        The most bytes that all buffers together may take; 1 GiB by default.
    jit
        Whether the weights are initialized under jax.jit, in dialects flax-nnx and flax-linen: some normal values round
        differently there.
    libc
        The C library whose libm class and rand() the firmware has, if not the target's: a name such as "picolibc".
    state
        The state in which the device's generator begins; None for the one that the seed gives.
    skip_words
        How many words the device drops before it draws anything.
    order
        Layers, or buffers as "fc.weight", in the order of their draws; those that are not named follow. None for the
        order of layers.

    Raises
    ------
    EmbinitError
        If any of this is out of range, unknown, or cannot be simulated exactly; the message names layer, rule and
        value.

    Examples
    --------
    >>> import embinit
    >>> fc = embinit.Linear(name="fc", in_features=2, out_features=1)
    >>> model = embinit.Model("tiny", [fc], dialect="odt", target="cortex-m4f", seed=42)
    >>> {name: values.tolist() for name, values in model.init().items()}
    {'fc.weight': [[-0.7033677697181702, 0.2267153114080429]], 'fc.bias': [-0.550189733505249]}
    """

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the conventions, and the first layers."""
        head = f"{self.name}: dialect {self.dialect}, target {self.target}, seed {self.seed}"
        parts: dict[str, list[str]] = {layer.name: [] for layer in self.layers}
        for tensor in self.tensors:
            shape = ", ".join(f"{axis} {size}" for axis, size in zip(tensor.axes, tensor.shape, strict=True))
            parts[tensor.layer.name].append(f"{tensor.part} [{shape}] {tensor.format}")
        cells = [("layer", "type", "buffers")]
        for layer in self.layers:
            first, more = parts[layer.name][:4], parts[layer.name][4:]
            cells += [(layer.name, layer.type, "; ".join(first) + (f"; {len(more)} more" if more else ""))]
        return notebook(head, cells, [f"{len(self.tensors)} buffers, {sum(t.bytes for t in self.tensors)} bytes"])

    @classmethod
    def from_torch(cls, module: "Module", seed: int, name: str = "module", **keys: Any) -> Self:
        """Return the model of a torch.nn.Module, to see what a device would draw for it (extra `torch`).

        Parameters
        ----------
        module
            The module; each of its submodules with parameters becomes a layer.
        seed
            What the device seeds its generator with.
        name
            The model's name.
        **keys
            Other parameters of `Model`, such as dialect and target, and order as in `embinit.torch.init_`.

        Raises
        ------
        EmbinitError
            If PyTorch is missing, or the module has parameters that embinit cannot draw as PyTorch does.

        Examples
        --------
        >>> import embinit
        >>> import torch
        >>> model = embinit.Model.from_torch(torch.nn.Linear(2, 1), seed=42)
        >>> model.init()["linear.weight"].tolist()
        [[-0.7033677697181702, 0.2267153263092041]]
        """
        from embinit.torch import model_of

        return cls.of(model_of(module, seed, name, **keys))

    @classmethod
    def from_keras(cls, keras_model: "keras.Model", seed: int, name: str = "model", **keys: Any) -> Self:
        """Return the model of a built Keras model, to see what a device would draw for it (extra `keras`).

        Parameters
        ----------
        keras_model
            A Sequential or functional model; each of its layers with weights becomes a layer.
        seed
            What keras.utils.set_random_seed is called with before the model is made.
        name
            The model's name.
        **keys
            Other parameters of `Model`, such as target, and order as in `embinit.keras.model_of`.

        Raises
        ------
        EmbinitError
            If Keras is missing, or the model has weights that embinit cannot draw as Keras does.

        Examples
        --------
        >>> import embinit
        >>> import keras
        >>> net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="out")])
        >>> [row.name for row in embinit.Model.from_keras(net, seed=42).plan().rows]
        ['out.weight', 'out.bias']
        """
        from embinit.keras import model_of

        return cls.of(model_of(keras_model, seed, name, **keys))

    @classmethod
    def from_flax(cls, module: Any, seed: int, *inputs: Any, name: str = "module", **keys: Any) -> Self:
        """Return the model of a Flax module, to see what a device would draw for it (extra `jax`).

        Parameters
        ----------
        module
            A linen module; or for nnx, a function that returns the module that it makes with the rngs it is given, or
            the module that nnx.Rngs(seed) made.
        seed
            What the device seeds its generator with.
        *inputs
            What a linen module is initialized with besides the key.
        name
            The model's name.
        **keys
            Other parameters of `Model`, such as target and jit, and order and init as in `embinit.jax.compare`.

        Raises
        ------
        EmbinitError
            If JAX or Flax is missing, or the module has parameters that embinit cannot draw as Flax does.

        Examples
        --------
        >>> import embinit
        >>> from flax import linen
        >>> import jax
        >>> model = embinit.Model.from_flax(linen.Dense(1), 42, jax.numpy.ones((1, 2)))
        >>> model.init()["linear.weight"].shape
        (2, 1)
        """
        from embinit.jax import model_of

        return cls.of(model_of(module, seed, *inputs, name=name, **keys))

    @classmethod
    def of(cls, description: Description) -> Self:
        """Return the model of a description: `model_of` of embinit.torch, embinit.keras and embinit.jax returns
        descriptions, which have no `plan`, `init` or `stored`.

        Parameters
        ----------
        description
            Layers, dialect, target and seed, as data.

        Examples
        --------
        >>> import embinit
        >>> fc = embinit.Linear(name="fc", in_features=2, out_features=1)
        >>> model = embinit.Model("tiny", [fc], seed=42)
        >>> embinit.Model.of(model) == model
        True
        """
        return cls(**{f.name: getattr(description, f.name) for f in fields(description) if f.init})

    def plan(self) -> Plan:
        """Return the plan: one row per buffer that says what is drawn for it, from which words, before anything is
        drawn.

        Examples
        --------
        >>> import embinit
        >>> fc = embinit.Linear(name="fc", in_features=3, out_features=2)
        >>> [(row.name, row.first_draw, row.draws) for row in embinit.Model("tiny", [fc], seed=1).plan().rows]
        [('fc.weight', 0, 6), ('fc.bias', 6, 2)]
        """
        return self._plan

    @cached_property
    def _plan(self) -> Plan:
        return plan(self)

    def init(self, out: Mapping[str, NDArray[Any]] | None = None) -> dict[str, NDArray[Any]]:
        """Return the values that the device's init code draws, by buffer name, each array in the buffer's shape.

        These are float32 values before they are rounded to the buffer's format (float64 in dialects that draw doubles,
        and int64 codes in portable-int): `stored` returns what the buffers hold in the end.

        Parameters
        ----------
        out
            Arrays to fill instead of new ones, by buffer name, as an earlier call returned them.

        Raises
        ------
        EmbinitError
            If an array of out has another shape or type than its buffer, or memory runs out.

        Examples
        --------
        >>> import embinit
        >>> fc = embinit.Linear(name="fc", in_features=2, out_features=1)
        >>> values = embinit.Model("tiny", [fc], seed=42).init()
        >>> values["fc.weight"].view("uint32").tolist()
        [[3207860201, 1047013392]]
        """
        from embinit.fill import fill

        return fill(self.plan(), out).arrays

    def stored(self) -> "dict[str, Buffer]":
        """Return what the device's init code leaves in each buffer, in its format: codes, scales and zero points.

        Returns
        -------
        dict
            A `Buffer` for each buffer name.

        Raises
        ------
        EmbinitError
            If a format cannot hold the values that were drawn; the message says which.

        Examples
        --------
        >>> import embinit
        >>> fc = embinit.Linear(name="fc", in_features=2, out_features=1, weight_format="q7")
        >>> embinit.Model("tiny", [fc], seed=42).stored()["fc.weight"].data.tolist()
        [[-90, 29]]
        """
        from embinit.fill import fill
        from embinit.store import store

        return store(fill(self.plan()))

    def to_toml(self) -> str:
        """Return the text of a model file from which `load` reads this model again.

        Raises
        ------
        EmbinitError
            If its dialect is declared in Python and not registered, so that no file can name it.

        Examples
        --------
        >>> import embinit
        >>> fc = embinit.Linear(name="fc", in_features=2, out_features=1)
        >>> print(embinit.Model("tiny", [fc], seed=42).to_toml(), end="")
        [model]
        name = "tiny"
        dialect = "odt"
        target = "host"
        seed = 42
        <BLANKLINE>
        [[layer]]
        name = "fc"
        type = "Linear"
        in_features = 2
        out_features = 1
        """
        from embinit.modelwriter import text_of

        return text_of(self)

    def save(self, path: str | Path) -> None:
        """Write the model file of this model, for `load` and the commands; a file that is there is replaced.

        Parameters
        ----------
        path
            The model file.

        Raises
        ------
        EmbinitError
            If no file can say the model (see `to_toml`), the text exceeds the limit of model files, or it cannot be
            written.

        Examples
        --------
        >>> import embinit, pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "tiny.toml"
        >>> fc = embinit.Linear(name="fc", in_features=2, out_features=1)
        >>> model = embinit.Model("tiny", [fc], seed=42)
        >>> model.save(path)
        >>> embinit.load(path) == model
        True
        """
        content = self.to_toml().encode()
        if len(content) > modelfile.MAX_FILE:
            raise EmbinitError(f"{path}: a model file must have at most {modelfile.MAX_FILE} bytes, got {len(content)}")
        from embinit.files import write_file

        write_file(Path(path), content)

    def export(
        self, directory: str | Path, formats: Iterable[str] | None = None, amalgamated: bool = False
    ) -> dict[str, int]:
        """Write the bundle of golden vectors, C and tests, and return its files' names and sizes.

        Parameters
        ----------
        directory
            Where to write it; a bundle of the same model that is there is replaced.
        formats
            Names of formats: npz, h, bin, c, test; h-source, h-incbin or h-embed in place of h; unity, ztest, gtest,
            cpputest, plain, main, rs, safetensors. None for the first five, without c and test if the model has no C.
        amalgamated
            Whether the C includes embinit.h alone, as the library in one source and one header needs.

        Raises
        ------
        EmbinitError
            If a format is unknown, or the directory cannot be written or holds another model's bundle; in no case is
            anything written.

        Examples
        --------
        >>> import embinit, tempfile
        >>> fc = embinit.Linear(name="fc", in_features=2, out_features=1)
        >>> sizes = embinit.Model("tiny", [fc], seed=42).export(tempfile.mkdtemp(), ["bin"])
        >>> sizes["tiny.bin"]
        12
        """
        from embinit.export import export

        return export(self.plan(), directory, formats, amalgamated)

    def __repr__(self) -> str:
        held = f"{len(self.layers)} layers, {len(self.tensors)} buffers of {sum(t.bytes for t in self.tensors)} bytes"
        return f"<Model {self.name}: {held}; dialect {self.dialect}, target {self.target}, seed {self.seed}>"

    def init_many(
        self,
        seeds: Iterable[int],
        statistics: bool = False,
        client: "Client | None" = None,
        progress: bool = False,
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield each seed with what `init` returns for it, or with statistics of it, much faster than a model for each
        seed would.

        Parameters
        ----------
        seeds
            The seeds, each in the dialect's range.
        statistics
            Whether to yield embinit.many.Statistics of each stored buffer instead of its values.
        client
            A dask.distributed Client, whose workers then do the drawing; by default threads of this process do.
        progress
            Whether to show a line on stderr, if that is a terminal and it takes more than a second.

        Yields
        ------
        tuple
            The seed, and a dict by buffer name.

        Raises
        ------
        EmbinitError
            For a seed that the dialect does not take, or that asks for a random one.

        Examples
        --------
        >>> import embinit
        >>> fc = embinit.Linear(name="fc", in_features=2, out_features=1)
        >>> model = embinit.Model("tiny", [fc], seed=0)
        >>> [(seed, values["fc.bias"].tolist()) for seed, values in model.init_many([42, 43])]
        [(42, [-0.550189733505249]), (43, [0.00921487808227539])]
        """
        from embinit.many import init_many

        return init_many(self, seeds, statistics, client, progress)


def load(path: str | Path, **overrides: Any) -> Model:
    r"""Read a model file (TOML), or the model that a bundle's manifest holds, and return its Model.

    Parameters
    ----------
    path
        The model file; or a bundle, by its directory or its manifest.json.
    **overrides
        Keys of its [model] table to replace, such as seed=7 or target="host".

    Raises
    ------
    EmbinitError
        If the file cannot be read or is not a valid model; the message begins with the file's name.

    Examples
    --------
    >>> import embinit, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "tiny.toml"
    >>> layer = '[[layer]]\nname = "fc"\ntype = "Linear"\nin_features = 2\nout_features = 1'
    >>> _ = path.write_text(f'[model]\nname = "tiny"\ndialect = "odt"\ntarget = "host"\nseed = 1\n{layer}\n')
    >>> embinit.load(path, seed=42).init()["fc.bias"].tolist()
    [-0.550189733505249]
    """
    try:
        return Model(**modelfile.fields_of(modelfile.read(path), overrides, path))
    except EmbinitError as error:
        said = str(error).removeprefix(f"{Path(path).name}: ")  # of a dialect that the model file declares
        raise EmbinitError(f"{path}: {said}") from None


def from_tables(tables: Mapping[str, Any], overrides: Mapping[str, Any]) -> Model:
    """Return the Model that the tables of a model file describe; overrides replace keys of its [model] table."""
    return Model(**modelfile.fields_of(tables, overrides))
