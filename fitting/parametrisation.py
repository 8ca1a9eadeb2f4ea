"""Unknown parameters of an equation ↔ a vector θ without constraints.

Each unknown is a leaf of an equation, named by its path ("rate", "operator.kernel.exponent"), with
a domain (`jaxkin.domains`) that the equation declares and that says what its free coordinates are.
Entries that a mask keeps fixed are known and are read from the equation; the value of an unknown
entry is never read.

A path may be shortened to an ending that only one leaf has ("kernel.exponent"). Whatever name the
user gives, all that is reported has the full path.

Symbols: θ (p,) free coordinates; x (q,) the unknown entries in a row, one for each name.
"""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float
from scipy.linalg import block_diag

from jaxkin.model import KineticEquation
from jaxkin.numerics.checks import require
from jaxkin.numerics.domains import Domain, Real

Unknown = str | Sequence[str] | Callable[[KineticEquation], Any]


class Field(eqx.Module):
    """One unknown leaf: where it is, its shape and domain, and which entries are unknown.

    Attributes:
        path: dotted path in the equation.
        domain: where its entries live.
        shape: shape of the leaf.
        places: flat indices of the unknown entries, in the order of their names. A symmetric
            pair has one place, i ≤ j.
        known: the leaf with the fixed entries; a neutral constant where unknown.
    """

    path: str = eqx.field(static=True)
    domain: Domain = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)
    places: tuple[int, ...] = eqx.field(static=True)
    known: Array

    @property
    def size(self) -> int:
        """Number of free coordinates."""
        return self.domain.free(len(self.places))

    @property
    def names(self) -> list[str]:
        """Names such as "rate[1,2]"; indices count from 1, as masses do."""
        index = [np.unravel_index(k, self.shape) for k in self.places]
        return [
            self.path + (f"[{','.join(str(int(i) + 1) for i in where)}]" if where else "")
            for where in index
        ]

    def spread(self, values: Array, leaf: Array) -> Array:
        """Return `leaf` with the unknown entries (and their mirror images) set to `values`."""
        places = np.asarray(self.places, dtype=int)
        leaf = leaf.ravel().at[places].set(values.astype(leaf.dtype)).reshape(self.shape)
        return self.domain.mirror(leaf)


class Parametrisation(eqx.Module):
    """All unknown leaves of an equation as one vector θ."""

    fields: tuple[Field, ...]

    @property
    def size(self) -> int:
        """Number p of free coordinates."""
        return sum(f.size for f in self.fields)

    @property
    def names(self) -> list[str]:
        """Names of the q unknown entries."""
        return [name for f in self.fields for name in f.names]

    def _split(self, vector: Array, sizes: list[int]) -> list[Array]:
        return jnp.split(vector, np.cumsum(sizes)[:-1])

    def natural(self, theta: Float[Array, " p"]) -> Float[Array, " q"]:
        """Return the unknown entries at θ, one for each name."""
        pieces = self._split(theta, [f.size for f in self.fields])
        return jnp.concatenate(
            [f.domain.natural(t) for f, t in zip(self.fields, pieces, strict=True)]
        )

    def coordinates(self, natural: Float[Array, " q"]) -> Float[Array, " p"]:
        """Return θ of the unknown entries."""
        pieces = self._split(natural, [len(f.places) for f in self.fields])
        return jnp.concatenate(
            [f.domain.coordinates(x) for f, x in zip(self.fields, pieces, strict=True)]
        )

    def leaves(self, values: Any, base: float | None = None) -> dict[str, Array]:
        """Return whole leaves with the unknown entries set to `values`.

        Args:
            values: (q,) one value for each name.
            base: fills the other entries; None: their known values.
        """
        pieces = self._split(jnp.asarray(values), [len(f.places) for f in self.fields])
        return {
            f.path: f.spread(x, f.known if base is None else jnp.full(f.shape, base, x.dtype))
            for f, x in zip(self.fields, pieces, strict=True)
        }

    def assemble(self, theta: Float[Array, " p"], equation: KineticEquation) -> KineticEquation:
        """Return the equation with the unknown entries at θ."""
        return self.place(self.natural(theta), equation)

    def place(self, values: Any, equation: KineticEquation) -> KineticEquation:
        """Return the equation with the unknown entries, (q,) one for each name, set to `values`."""
        leaves = self.leaves(values)
        return eqx.tree_at(
            lambda e: [_all_leaves(e)[path] for path in leaves], equation, list(leaves.values())
        )

    def _coordinates_that(self, trait: str) -> Bool[np.ndarray, " p"]:
        return np.concatenate([np.full(f.size, getattr(f.domain, trait)) for f in self.fields])

    @property
    def logarithmic(self) -> Bool[np.ndarray, " p"]:
        """Which coordinates are logarithms."""
        return self._coordinates_that("logarithmic")

    @property
    def anchored(self) -> Bool[np.ndarray, " p"]:
        """Which coordinates are anchored near the start, until the data identify them."""
        return self._coordinates_that("anchored")

    @property
    def ends(self) -> Bool[np.ndarray, " p"]:
        """Which coordinates run to infinity where an entry comes to an end of its domain."""
        return self._coordinates_that("ends")

    @property
    def ignorance(self) -> Float[np.ndarray, " q"]:
        """Standard deviation of each entry for who knows nothing; ∞ where it is not bounded."""
        sizes = [len(f.places) for f in self.fields]
        each = [np.full(k, f.domain.ignorance(k)) for f, k in zip(self.fields, sizes, strict=True)]
        return np.concatenate(each)

    @property
    def belongs(self) -> Bool[np.ndarray, "p q"]:
        """Which coordinates make which entries: all of a simplex, else one to one."""
        blocks = [
            np.ones((f.size, len(f.places)), bool) if f.domain.joined else np.eye(f.size) > 0
            for f in self.fields
        ]
        return block_diag(*blocks).astype(bool)

    @property
    def bounds(self) -> Float[np.ndarray, "q 2"]:
        """The ends of the domain of each entry."""
        return np.concatenate([np.tile(f.domain.bounds, (len(f.places), 1)) for f in self.fields])

    def slope(self, theta: Float[Array, " p"]) -> Float[Array, " p"]:
        """Return ∂x_k/∂θ_k in units of its domain, or 1 where that has no ends."""
        pieces = self._split(theta, [f.size for f in self.fields])
        return jnp.concatenate(
            [f.domain.slope(t) for f, t in zip(self.fields, pieces, strict=True)]
        )

    def bend(self, theta: Float[Array, " p"], gradient: Float[Array, " p"]) -> Float[Array, "p p"]:
        """Return the positive part of ∂Q/∂x·∂²x/∂θ², which Gauss–Newton leaves out."""
        sizes = [f.size for f in self.fields]
        pieces = zip(
            self.fields, self._split(theta, sizes), self._split(gradient, sizes), strict=True
        )
        return jax.scipy.linalg.block_diag(*[f.domain.bend(t, g) for f, t, g in pieces])

    @property
    def positive(self) -> Bool[np.ndarray, " q"]:
        """Which named entries have errors that are relative, of a logarithm."""
        kinds = [np.full(len(f.places), f.domain.logarithmic) for f in self.fields]
        return np.concatenate(kinds)


def parametrise(
    equation: KineticEquation, unknown: Unknown, *, free: Any = None, start: Any = None
) -> tuple[Parametrisation, Float[Array, " p"]]:
    """Return the parametrisation of the unknown leaves, and where the search starts.

    Args:
        equation: declares its `domains()`; a leaf without a domain is `Real`.
        unknown: a field's name, a path or the ending of one, several, or a function that returns
            whole leaves.
        free: mask of the entries to fit, in the shape of the leaf (or a dictionary by path).
        start: initial value, broadcast to the leaf (or a dictionary by path); None: the neutral
            value of the domain, such as 1 for what is positive.

    Raises:
        ValueError: `unknown` names no field, or the ending of several; the mask or the start does
            not fit, or the start is not inside of the domain.
    """
    known = leaf_paths(equation)
    paths = _paths(equation, unknown, known)
    free, start = _by_path(free, paths, "free"), _by_path(start, paths, "start")
    fields, first = [], []
    for path in paths:
        leaf, domain = known[path], equation.domains().get(path, Real())
        require(
            isinstance(domain, Domain),
            "equation",
            "declare domains that are objects",
            f"`{path}` has the domain {domain!r}",
            "Take those of `jaxkin.domains`, such as Positive().",
        )
        mask = domain.choose(_mask(free.get(path), leaf.shape, path), path)
        places = tuple(int(k) for k in np.flatnonzero(mask))
        neutral = domain.neutral(leaf.size)
        kept = jnp.asarray(leaf).ravel().at[np.asarray(places, int)].set(neutral)
        # Only what is known survives: an unknown entry is overwritten before anybody reads it.
        kept = domain.mirror(kept.reshape(leaf.shape))
        fields.append(Field(path, domain, tuple(leaf.shape), places, kept))
        first.append(_first(start.get(path), leaf, domain, places, neutral, path))
    parametrisation = Parametrisation(tuple(fields))
    require(parametrisation.size > 0, "free", "free at least one entry", "it fixes all")
    return parametrisation, parametrisation.coordinates(jnp.concatenate(first))


def leaf_paths(tree: Any) -> dict[str, Array]:
    """Return the floating-point leaves of a pytree by dotted path."""
    return {path: leaf for path, leaf in _all_leaves(tree).items() if eqx.is_inexact_array(leaf)}


def _paths(equation: Any, unknown: Unknown, known: dict[str, Array]) -> list[str]:
    listed = f"be among the fields {sorted(known)} of {type(equation).__name__}"
    if callable(unknown):
        chosen = jax.tree.leaves(unknown(equation))
        by_identity = {id(leaf): path for path, leaf in known.items()}
        for leaf in chosen:
            require(
                id(leaf) in by_identity,
                "unknown",
                "return whole leaves of the equation",
                f"it returned something else ({type(leaf).__name__})",
                "Return the field itself, and use `free` to choose entries of it.",
            )
        paths = [by_identity[id(leaf)] for leaf in chosen]
    else:
        names = [unknown] if isinstance(unknown, str) else list(unknown)
        paths = [_full(name, list(known), "unknown", listed) for name in names]
    require(len(paths) > 0, "unknown", listed, "it is empty")
    require(len(set(paths)) == len(paths), "unknown", "name every field once", f"it is {paths}")
    return paths


def _full(name: Any, paths: list[str], argument: str, must: str) -> str:
    """Return the path that is `name`, or the only one that ends with it."""
    if name in paths:
        return name
    ending = [path for path in paths if path.endswith(f".{name}")]
    require(
        len(ending) < 2,
        argument,
        "be the ending of a single path",
        f"{name!r} ends {ending}",
        "Give more of the path that is meant.",
    )
    require(
        len(ending) == 1,
        argument,
        must,
        f"it is {name!r}",
        "Name one of them, or several in a tuple.",
    )
    return ending[0]


def _by_path(value: Any, paths: list[str], name: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        require(
            len(paths) == 1,
            name,
            "be a dictionary by path when several fields are unknown",
            f"it is a {type(value).__name__}",
            f"Give {{path: …}} for {paths}.",
        )
        return {paths[0]: value}
    full = [_full(key, paths, name, f"name unknown fields among {paths}") for key in value]
    require(len(set(full)) == len(full), name, "name every field once", f"it is {list(value)}")
    return dict(zip(full, value.values(), strict=True))


def _mask(mask: Any, shape: tuple[int, ...], path: str) -> np.ndarray:
    mask = np.ones(shape, bool) if mask is None else np.asarray(mask, dtype=bool)
    require(
        mask.shape == tuple(shape),
        "free",
        f"have the shape {tuple(shape)} of `{path}`",
        f"its shape is {mask.shape}",
    )
    return mask


def _first(
    start: Any, leaf: Array, domain: Domain, places: tuple[int, ...], neutral: float, path: str
) -> Array:
    value = neutral if start is None else start
    require(
        np.ndim(value) == 0 or np.shape(value) == tuple(leaf.shape),
        "start",
        f"be a number or have the shape {tuple(leaf.shape)} of `{path}`",
        f"its shape is {np.shape(value)}",
    )
    # As the leaf holds it: rounding may carry a number to an end.
    spread = jnp.broadcast_to(jnp.asarray(value, leaf.dtype), leaf.shape)
    domain.check_inside(spread, "start")
    return spread.ravel()[np.asarray(places, dtype=int)]


def _all_leaves(tree: Any) -> dict[str, Any]:
    flat = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {jax.tree_util.keystr(path).removeprefix("."): leaf for path, leaf in flat}
