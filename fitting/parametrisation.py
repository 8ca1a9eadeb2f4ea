"""Free coordinates: unknown parameters in their domain ↔ a vector θ without constraints.

    positive             x = e^θ
    symmetric positive   x_ij = x_ji = e^θ_ij, i ≤ j
    interval             x = 1/(1 + e^−θ), in (0, 1)
    simplex              x_k = e^θ_k/Σe^θ, θ_last = 0
    real                 x = θ

A rate is a scale, so that its logarithm is the natural coordinate: steps are relative, and the
scatter of an estimate is nearer to Gaussian there. Intervals and simplices are bounded: about x in
(0, L) somebody who knows nothing errs by L/√12, the standard deviation of the uniform law (on the
simplex, of a component of it), and an estimate that is no better says nothing.

Unknowns are leaves of an equation, named by path ("rate", "kernel.exponent"). Entries that a mask
keeps fixed are known and are read from the equation; the value of an unknown entry is never read.

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
from jaxkin.numerics.checks import require, require_finite

Unknown = str | Sequence[str] | Callable[[KineticEquation], Any]

DOMAINS = ("positive", "symmetric positive", "interval", "simplex", "real")
NEUTRAL = {"positive": 1.0, "symmetric positive": 1.0, "interval": 0.5, "real": 0.0}


class Field(eqx.Module):
    """One unknown leaf: where it is, its shape and domain, and which entries are unknown.

    Attributes:
        path: dotted path in the equation.
        domain: one of `DOMAINS`.
        shape: shape of the leaf.
        places: flat indices of the unknown entries, in the order of their names. A symmetric
            pair has one place, i ≤ j.
        known: the leaf with the fixed entries; a neutral constant where unknown.
    """

    path: str = eqx.field(static=True)
    domain: str = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)
    places: tuple[int, ...] = eqx.field(static=True)
    known: Array

    @property
    def size(self) -> int:
        """Number of free coordinates."""
        return len(self.places) - (self.domain == "simplex")

    @property
    def names(self) -> list[str]:
        """Names such as "rate[1,2]"; indices count from 1, as masses do."""
        index = [np.unravel_index(k, self.shape) for k in self.places]
        return [
            self.path + (f"[{','.join(str(int(i) + 1) for i in where)}]" if where else "")
            for where in index
        ]

    def natural(self, theta: Float[Array, " p"]) -> Float[Array, " q"]:
        """Return the unknown entries at θ."""
        if self.domain in ("positive", "symmetric positive"):
            return jnp.exp(theta)
        if self.domain == "interval":
            return jax.nn.sigmoid(theta)
        if self.domain == "simplex":
            return jax.nn.softmax(jnp.append(theta, 0))
        return theta

    def coordinates(self, natural: Float[Array, " q"]) -> Float[Array, " p"]:
        """Return θ of the unknown entries: the inverse of `natural`."""
        if self.domain in ("positive", "symmetric positive"):
            return jnp.log(natural)
        if self.domain == "interval":
            return jnp.log(natural) - jnp.log1p(-natural)
        if self.domain == "simplex":
            return jnp.log(natural[:-1]) - jnp.log(natural[-1])
        return natural

    @property
    def ignorance(self) -> float:
        """Standard deviation of an entry under the uniform law on its domain; ∞ if unbounded."""
        if self.domain == "interval":
            return 12**-0.5
        if self.domain == "simplex":
            k = len(self.places)
            return ((k - 1) / (k + 1)) ** 0.5 / k
        return np.inf

    def slope(self, theta: Float[Array, " p"]) -> Float[Array, " p"]:
        """Return ∂x_k/∂θ_k where x is bounded, else 1."""
        if not np.isfinite(self.ignorance):
            return jnp.ones_like(theta)
        x = self.natural(theta)[: self.size]
        return x * (1 - x)

    def bend(self, theta: Float[Array, " p"], gradient: Float[Array, " p"]) -> Float[Array, "p p"]:
        """Return the positive part of Σ_k ∂Q/∂x_k ∂²x_k, from ∂Q/∂θ."""
        if self.domain.endswith("positive"):
            return jnp.diag(jnp.maximum(gradient, 0))
        if not np.isfinite(self.ignorance):
            return jnp.zeros((theta.size, theta.size), theta.dtype)
        x = self.natural(theta)[: self.size]
        if self.domain == "interval":
            return jnp.diag(jnp.maximum(gradient * (1 - 2 * x), 0))
        cross = jnp.outer(gradient, x)
        size, direction = jnp.linalg.eigh(jnp.diag(gradient) - cross - cross.T)
        return direction * jnp.maximum(size, 0) @ direction.T

    def spread(self, values: Array, leaf: Array) -> Array:
        """Return `leaf` with the unknown entries (and their mirror images) set to `values`."""
        places = np.asarray(self.places, dtype=int)
        leaf = leaf.ravel().at[places].set(values.astype(leaf.dtype)).reshape(self.shape)
        if self.domain != "symmetric positive":
            return leaf
        upper = np.triu(np.ones(self.shape, bool))
        return jnp.where(upper, leaf, leaf.T)


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
        return jnp.concatenate([f.natural(t) for f, t in zip(self.fields, pieces, strict=True)])

    def coordinates(self, natural: Float[Array, " q"]) -> Float[Array, " p"]:
        """Return θ of the unknown entries."""
        pieces = self._split(natural, [len(f.places) for f in self.fields])
        return jnp.concatenate([f.coordinates(x) for f, x in zip(self.fields, pieces, strict=True)])

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

    @property
    def logarithmic(self) -> Bool[np.ndarray, " p"]:
        """Which coordinates are logarithms."""
        kinds = [np.full(f.size, f.domain.endswith("positive")) for f in self.fields]
        return np.concatenate(kinds)

    @property
    def anchored(self) -> Bool[np.ndarray, " p"]:
        """Which coordinates are anchored near the start, until the data identify them."""
        return np.concatenate([np.full(f.size, f.domain != "real") for f in self.fields])

    @property
    def ignorance(self) -> Float[np.ndarray, " q"]:
        """Standard deviation of each entry for who knows nothing; ∞ where it is not bounded."""
        return np.concatenate([np.full(len(f.places), f.ignorance) for f in self.fields])

    @property
    def belongs(self) -> Bool[np.ndarray, "p q"]:
        """Which coordinates make which entries: all of a simplex, else one to one."""
        blocks = [
            np.ones((f.size, len(f.places)), bool) if f.domain == "simplex" else np.eye(f.size) > 0
            for f in self.fields
        ]
        return block_diag(*blocks).astype(bool)

    def slope(self, theta: Float[Array, " p"]) -> Float[Array, " p"]:
        """Return ∂x_k/∂θ_k of bounded entries, 1 for the others."""
        pieces = self._split(theta, [f.size for f in self.fields])
        return jnp.concatenate([f.slope(t) for f, t in zip(self.fields, pieces, strict=True)])

    def bend(self, theta: Float[Array, " p"], gradient: Float[Array, " p"]) -> Float[Array, "p p"]:
        """Return the positive part of ∂Q/∂x·∂²x/∂θ², which Gauss–Newton leaves out."""
        sizes = [f.size for f in self.fields]
        pieces = zip(
            self.fields, self._split(theta, sizes), self._split(gradient, sizes), strict=True
        )
        return jax.scipy.linalg.block_diag(*[f.bend(t, g) for f, t, g in pieces])

    @property
    def positive(self) -> Bool[np.ndarray, " q"]:
        """Which named entries are positive by their domain."""
        kinds = [np.full(len(f.places), f.domain.endswith("positive")) for f in self.fields]
        return np.concatenate(kinds)


def parametrise(
    equation: KineticEquation, unknown: Unknown, *, free: Any = None, start: Any = None
) -> tuple[Parametrisation, Float[Array, " p"]]:
    """Return the parametrisation of the unknown leaves, and where the search starts.

    Args:
        equation: declares its `domains()`; a leaf without a domain is "real".
        unknown: a field's name, a dotted path, several, or a function that returns whole leaves.
        free: mask of the entries to fit, in the shape of the leaf (or a dictionary by path).
        start: initial value, broadcast to the leaf (or a dictionary by path); None: a neutral
            constant, 1 for what is positive.

    Raises:
        ValueError: `unknown` names no field, or the mask or the start does not fit.
    """
    known = leaf_paths(equation)
    paths = _paths(equation, unknown, known)
    free, start = _by_path(free, paths, "free"), _by_path(start, paths, "start")
    fields, first = [], []
    for path in paths:
        leaf, domain = known[path], equation.domains().get(path, "real")
        require(
            domain in DOMAINS,
            "equation",
            f"declare domains among {DOMAINS}",
            f"`{path}` has the domain {domain!r}",
        )
        mask = _mask(free.get(path), leaf.shape, domain, path)
        places = tuple(int(k) for k in np.flatnonzero(mask))
        neutral = NEUTRAL.get(domain, 1 / max(leaf.size, 1))
        # Only what is known survives: an unknown entry is overwritten before anybody reads it.
        symmetric = mask | mask.T if domain == "symmetric positive" else mask
        kept = jnp.where(symmetric, jnp.asarray(neutral, leaf.dtype), leaf)
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
        paths = [unknown] if isinstance(unknown, str) else list(unknown)
        for path in paths:
            require(
                path in known,
                "unknown",
                listed,
                f"it is {path!r}",
                "Name one of them, or several in a tuple.",
            )
    require(len(paths) > 0, "unknown", listed, "it is empty")
    require(len(set(paths)) == len(paths), "unknown", "name every field once", f"it is {paths}")
    return paths


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
    require(
        set(value) <= set(paths),
        name,
        f"name unknown fields among {paths}",
        f"it names {sorted(set(value) - set(paths))}",
    )
    return value


def _mask(mask: Any, shape: tuple[int, ...], domain: str, path: str) -> np.ndarray:
    if mask is None:
        mask = np.ones(shape, bool)
    mask = np.asarray(mask, dtype=bool)
    require(
        mask.shape == tuple(shape),
        "free",
        f"have the shape {tuple(shape)} of `{path}`",
        f"its shape is {mask.shape}",
    )
    require(
        domain != "simplex" or mask.all(),
        "free",
        "free every entry of a simplex",
        f"it fixes some of `{path}`",
        "Their sum is 1: leave `free` out for this field.",
    )
    if domain == "symmetric positive":
        require(
            np.array_equal(mask, mask.T),
            "free",
            "be symmetric",
            f"`{path}` is, and it is not",
            "Free the entries (i, j) and (j, i) together.",
        )
        mask = np.triu(mask)
    return mask


def _first(
    start: Any, leaf: Array, domain: str, places: tuple[int, ...], neutral: float, path: str
) -> Array:
    value = neutral if start is None else start
    require(
        np.ndim(value) == 0 or np.shape(value) == tuple(leaf.shape),
        "start",
        f"be a number or have the shape {tuple(leaf.shape)} of `{path}`",
        f"its shape is {np.shape(value)}",
    )
    require_finite(value, "start")
    if domain != "real":
        require_finite(value, "start", minimum=0.0, strict=True)
    if domain == "interval":
        require(np.asarray(value) < 1, "start", "lie below 1", f"it is {value}")
    spread = jnp.broadcast_to(jnp.asarray(value, leaf.dtype), leaf.shape)
    return spread.ravel()[np.asarray(places, dtype=int)]


def _all_leaves(tree: Any) -> dict[str, Any]:
    flat = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {jax.tree_util.keystr(path).removeprefix("."): leaf for path, leaf in flat}
