"""Imports go one way, importing switches nothing on, and what is public is documented."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import fitting
import jaxkin
import jaxkin.testing

ROOT = Path(jaxkin.__file__).parent
# A module may import from its own level and from those above it in this list.
LEVELS = [
    ("jaxkin.numerics",),
    ("jaxkin.logs", "jaxkin.trajectory", "jaxkin.observables"),
    ("jaxkin.physics", "jaxkin.model"),
    ("jaxkin.laws",),
    ("jaxkin.operators", "jaxkin.drivers"),
    ("jaxkin.equations",),
    ("jaxkin.particles", "jaxkin.schemes"),
    ("jaxkin.hierarchy",),
    ("jaxkin.testing",),
    ("fitting",),
]


def level(module):
    """The place of a module in the order; None for a stranger such as numpy."""
    for k, names in enumerate(LEVELS):
        if any(module == name or module.startswith(name + ".") for name in names):
            return k
    return len(LEVELS) if module == "jaxkin" or module.startswith("jaxkin.") else None


def sources():
    for package in (ROOT, Path(fitting.__file__).parent):
        for path in sorted(package.rglob("*.py")):
            name = ".".join(path.relative_to(package.parent).with_suffix("").parts)
            yield name.removesuffix(".__init__"), path


def imported(path):
    """Every module that a source imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: name modules in full"
            # `from jaxkin import laws` names a module, `from jaxkin.laws import MassLaw` does not.
            named = [f"{node.module}.{alias.name}" for alias in node.names]
            modules = {name for name, _ in sources()}
            yield from (n if n in modules else node.module for n in named)


def test_imports_go_one_way():
    """The whole package `jaxkin` stands last: only users may import it."""
    seen, wrong = 0, []
    for name, path in sources():
        if name == "jaxkin":
            continue
        assert level(name) is not None and level(name) < len(LEVELS), f"give {name} a level"
        for other in imported(path):
            if level(other) is not None:
                seen += 1
                if level(other) > level(name):
                    wrong.append(f"{name} imports {other}")
    assert not wrong, "\n".join(wrong)
    assert seen > 80


# Public as jk.laws, …; and `jaxkin.testing`, which nobody needs who does not ask for it.
FAMILIES = ("jaxkin.laws", "jaxkin.observables", "jaxkin.operators", "jaxkin.testing")


def test_only_init_collects():
    """A package imports nothing on its own; the public families collect their own files."""
    for name, path in sources():
        if path.name == "__init__.py" and name not in ("jaxkin", "fitting"):
            own = name + "." if name in FAMILIES else None
            assert all(own and other.startswith(own) for other in imported(path)), name


def test_importing_switches_nothing_on():
    """In a process of its own: no double precision, no extras, no device."""
    code = (
        "import sys, jaxkin, fitting, jax\n"
        "assert not jax.config.jax_enable_x64\n"
        "assert not {'matplotlib', 'xarray', 'tqdm', 'scipy.stats'} & set(sys.modules) "
        "- {'scipy.stats'}\n"
        "from jax._src import xla_bridge\n"
        "assert not xla_bridge._backends, 'a device was touched'\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT.parent
    )
    assert done.returncode == 0, done.stderr


PUBLIC_FAMILIES = (
    jaxkin.laws,
    jaxkin.observables,
    jaxkin.angles,
    jaxkin.collision_laws,
    jaxkin.interactions,
    jaxkin.coagulation_kernels,
    jaxkin.testing,
)


def public():
    for package in (jaxkin, fitting):
        assert package.__all__ == sorted(package.__all__)
        for name in package.__all__:
            yield f"{package.__name__}.{name}", getattr(package, name)
    for family in PUBLIC_FAMILIES:
        own = family.__name__ if hasattr(family, "__path__") else family.__name__.rpartition(".")[0]
        for name, value in vars(family).items():
            module = getattr(value, "__module__", None) or ""
            if (module + ".").startswith(own + ".") and not name.startswith("_"):
                yield f"{family.__name__}.{name}", value


PUBLIC = dict(public())


@pytest.mark.parametrize("name", PUBLIC)
def test_everything_public_is_documented(name):
    """A docstring of its own, not one that the machinery supplies, on methods too."""
    value = PUBLIC[name]
    assert inspect.getdoc(value), name
    if inspect.isclass(value):
        assert value.__doc__ and not value.__doc__.startswith(f"{value.__name__}("), name
        for method, body in vars(value).items():
            function = inspect.unwrap(getattr(body, "method", body))
            if not method.startswith("_") and inspect.isfunction(function):
                assert inspect.getdoc(getattr(value, method)), f"{name}.{method}"


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_arguments_are_documented(name):
    """Under `Args:`; records that a user reads and does not make have `Attributes:`."""
    value = PUBLIC[name]
    if callable(value) and inspect.signature(value).parameters:
        lines = [line.strip() for line in (inspect.getdoc(value) or "").splitlines()]
        assert {"Args:", "Attributes:"} & set(lines), name


def test_every_module_says_what_it_is():
    for name, path in sources():
        if path.read_text().strip():
            assert ast.get_docstring(ast.parse(path.read_text())), name
