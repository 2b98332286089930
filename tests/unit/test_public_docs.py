"""Whatever people call is documented: what it returns, each parameter, its errors, and an example that runs."""

import ast
import importlib
import importlib.util
import inspect
import re
import textwrap
from dataclasses import fields, is_dataclass
from functools import cache

import embinit
import embinit.formats
import embinit.growth
import embinit.initializers
import embinit.many
from embinit.errors import EmbinitError

#: Modules whose functions and classes are public besides embinit's own names.
ROOMS = ["embinit.initializers", "embinit.growth"]
#: Public functions of other modules.
SINGLE = {
    "embinit.formats": ["register", "format_named", "family_named"],
    "embinit.dialects": ["dialect_named", "text_of"],
    "embinit.many": ["init_many", "sweep", "parse_seeds"],
    "embinit.bitgen": ["BitGenerator", "Native", "Outside"],
}
#: Base classes without a use of their own: they need no example.
ABSTRACT = {"Layer", "Stored", "Weighted", "Convolution", "Cell", "Recurrent", "ChannelNorm", "Norm", "BitGenerator",
            "Native", "Constructed", "Description"}  # fmt: skip


def public():
    """Yield every public name with what it names."""
    for name in embinit.__all__:
        value = getattr(embinit, name)
        if not inspect.ismodule(value):
            yield f"embinit.{name}", value
    for room in ROOMS:
        module = importlib.import_module(room)
        for name, value in vars(module).items():
            own = f"{getattr(value, '__module__', None)}.".startswith(f"{room}.")
            if own and callable(value) and not name.startswith("_"):
                yield f"{room}.{name}", value
    for room, names in SINGLE.items():
        for name in names:
            yield f"{room}.{name}", getattr(importlib.import_module(room), name)
    for bridge, package in {"torch": "torch", "keras": "keras", "jax": "flax"}.items():
        if importlib.util.find_spec(package):
            module = importlib.import_module(f"embinit.{bridge}")
            for name in module.__all__:
                yield f"embinit.{bridge}.{name}", getattr(module, name)


NAMES = dict(public())
CLASSES = {
    cls: f"{cls.__module__}.{cls.__qualname__}"
    for value in NAMES.values()
    if inspect.isclass(value)
    for cls in value.__mro__
    if cls.__module__.startswith("embinit") and not cls.__name__.startswith("_")
}
METHODS = {
    f"{CLASSES[cls]}.{name}": (cls, name)
    for cls in CLASSES
    for name, value in vars(cls).items()
    if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, classmethod | staticmethod))
}
PROPERTIES = {
    f"{CLASSES[cls]}.{name}": value
    for cls in CLASSES
    for name, value in vars(cls).items()
    if not name.startswith("_") and isinstance(value, property)
}
SECTION = re.compile(r"^(Parameters|Attributes|Returns|Yields|Raises|Examples)\n-+\n", re.MULTILINE)


def sections(doc):
    """Return the sections of a docstring by title, and what comes before them as ''."""
    parts = SECTION.split(textwrap.dedent(inspect.cleandoc(doc or "")))
    return {"": parts[0]} | dict(zip(parts[1::2], parts[2::2], strict=True))


def documented(doc, *, record=False):
    """Return the names in the Parameters of a docstring or, of a record that nobody builds, in its Attributes."""
    found = sections(doc)
    text = found.get("Parameters") or (found.get("Attributes", "") if record else "")
    heads = re.findall(r"^([*\w][\w, *]*)$", text, re.MULTILINE)
    return [name.strip().lstrip("*") for head in heads for name in head.split(",")]


def parameters(function):
    """Return the names of a callable's parameters, without self."""
    return [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]


def has_summary(doc):
    """Whether a docstring begins with a sentence."""
    summary = inspect.cleandoc(doc or "").split("\n\n")[0]
    return summary.endswith(".") and len(summary.split()) > 1


def base_method(cls, name):
    """Return the method of the most basic class that has it: there it is documented for all."""
    return next(vars(each)[name] for each in reversed(cls.__mro__) if name in vars(each))


def function_of(value):
    return getattr(value, "__func__", value)


def named(name):
    """Return what a public name, or that of a class, a method or a property of one, stands for."""
    if name in METHODS:
        cls, method = METHODS[name]
        return vars(cls)[method]
    return NAMES.get(name) or PROPERTIES.get(name) or next(cls for cls, path in CLASSES.items() if path == name)


def test_everything_public_begins_with_a_sentence():
    every = {*NAMES, *METHODS, *PROPERTIES, *CLASSES.values()}

    assert [name for name in sorted(every) if not has_summary(named(name).__doc__)] == []


def test_functions_and_methods_say_what_they_take():
    functions = {name: value for name, value in NAMES.items() if not inspect.isclass(value)}
    functions |= {name: function_of(base_method(cls, method)) for name, (cls, method) in METHODS.items()}
    takes = {name: (documented(each.__doc__), parameters(each)) for name, each in functions.items()}

    assert {name: said for name, said in takes.items() if said[0] != said[1]} == {}


def own_parameters(cls):
    """Return what a class adds to the parameters of its bases."""
    if is_dataclass(cls):
        return [f.name for f in fields(cls) if f.init and f.name in inspect.get_annotations(cls)]
    return parameters(cls) if cls is not EmbinitError and not inspect.isabstract(cls) else []


#: Public classes, and the bases to which they refer.
DESCRIBED = [
    cls
    for cls in CLASSES
    if cls in NAMES.values()
    or any(inspect.isclass(v) and issubclass(v, cls) and f"`{cls.__name__}`" in v.__doc__ for v in NAMES.values())
]


def says_its_parameters(cls):
    """Whether a class has all its parameters, or its own beside the name of the base that has the others."""
    found, own = documented(cls.__doc__, record=is_dataclass(cls)), own_parameters(cls)
    every = {f.name for f in fields(cls) if f.init} if is_dataclass(cls) else set(own)
    if set(found) == every:
        return is_dataclass(cls) or found == own
    source = next(base for base in cls.__mro__[1:] if (every - set(own)) & set(own_parameters(base)))
    return found == own and f"`{source.__name__}`" in cls.__doc__


def test_classes_say_what_they_take():
    assert [CLASSES[cls] for cls in DESCRIBED if not says_its_parameters(cls)] == []


def test_every_name_and_every_method_has_an_example():
    without = [name for name, value in NAMES.items() if value.__name__ not in ABSTRACT and ">>> " not in value.__doc__]
    without += [
        name
        for name, (cls, method) in METHODS.items()
        if ">>> " not in base_method(cls, method).__doc__ and f".{method}(" not in cls.__doc__
    ]
    assert without == []


# ---- Errors ----


def raises(function, cls=None, seen=None):
    """Whether a function raises EmbinitError in its own code, its private helpers, its checks or a constructor."""
    seen = set() if seen is None else seen
    function = inspect.unwrap(function_of(function))
    written = inspect.isfunction(function) and function.__code__.co_filename != "<string>"  # not by dataclass
    if not written or function in seen or not function.__module__.startswith("embinit"):
        return False
    seen.add(function)
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.exc is not None and "EmbinitError" in ast.unparse(node.exc):
            return True
        if isinstance(node, ast.Call) and _called_raises(node.func, function, cls, seen):
            return True
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
            setter = inspect.getattr_static(cls, node.attr, None) if cls else None
            if isinstance(setter, property) and setter.fset and raises(setter.fset, cls, seen):
                return True
    return False


def _called_raises(called, function, cls, seen):
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    if not re.match(r"_[a-z]|check|set_finite|load_|copied$|encoded$", name) and not name[:1].isupper():
        return False
    if isinstance(called, ast.Name):
        value = function.__globals__.get(name)
        if inspect.isclass(value):
            return constructor_raises(value, seen)
        return value is not None and raises(value, None, seen)
    if cls is not None and ast.unparse(called.value) in ("self", "super()", "cls"):
        value = inspect.getattr_static(cls, name, None)
        return value is not None and raises(value, cls, seen)
    return False


def constructor_raises(cls, seen=None):
    """Whether building an object may raise EmbinitError."""
    seen = set() if seen is None else seen
    if not cls.__module__.startswith("embinit") or issubclass(cls, BaseException):
        return False
    names = ("__init__", "__post_init__", "_check")
    return any(raises(vars(base)[name], cls, seen) for base in cls.__mro__ for name in names if name in vars(base))


def says_errors(cls):
    """Whether a class lists its errors, or says that they are those of a base that does."""
    doc = inspect.cleandoc(cls.__doc__ or "")
    if "Raises" in sections(doc):
        return True
    named = re.search(r"errors are those of\s+`(\w+)`", doc)
    return named is not None and any(says_errors(base) for base in cls.__mro__[1:] if base.__name__ == named[1])


@cache
def raising():
    """Return the docstrings of the functions and methods that raise, by name."""
    functions = {
        name: value.__doc__
        for name, value in NAMES.items()
        if inspect.isfunction(value) and parameters(value) and raises(value)
    }
    methods = {
        name: base_method(cls, method).__doc__
        for name, (cls, method) in METHODS.items()
        if parameters(function_of(vars(cls)[method])) and raises(vars(cls)[method], cls)
    }
    return functions | methods


def test_what_may_raise_says_so():
    silent = [name for name, doc in raising().items() if not sections(doc).get("Raises", "").startswith("EmbinitError")]

    assert silent == []


def test_classes_that_may_refuse_say_so():
    refusing = [cls for cls in DESCRIBED if constructor_raises(cls) and not inspect.isabstract(cls)]

    assert len(refusing) > 20
    assert [CLASSES[cls] for cls in refusing if not says_errors(cls)] == []


def test_the_errors_of_a_base_count_if_a_class_names_it():
    class Silent(embinit.Linear):
        """A layer whose parameters are those of `Linear`."""

    class Named(embinit.Linear):
        """A layer whose parameters and errors are those of `Linear`."""

    assert [says_errors(cls) for cls in (Silent, Named)] == [False, True]


def test_the_walk_finds_what_raises():
    assert {"embinit.encode", "embinit.load", "embinit.growth.grow", "embinit.initializers.constant"} <= set(raising())
    assert {"embinit.initializers.zeros", "embinit.growth.behind_init"}.isdisjoint(raising())
