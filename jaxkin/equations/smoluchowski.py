"""Smoluchowski's equation: diffusing masses that coagulate (Hammond, (1.2)–(1.4), (2.1)).

For masses n = 1 … M on the unit torus,

    ∂f_n/∂t = d(n)Δf_n + ½Σ_{m<n} β(m, n−m) f_m f_{n−m} − f_n Σ_{m≤M} β(m, n) f_m,
    ∂o/∂t   = ½Σ_{m+k>M} (m + k) β(m, k) f_m f_k.

The infinite system is cut at M. Products heavier than M are kept as the mass density o
(overflow), which neither reacts nor moves, so that ∫(Σ_n n f_n + o) is conserved to rounding. An
unordered pair (n, n) coagulates at rate β(n, n): alone, ∂f_1/∂t = −β(1,1)f_1² and
∂f_2/∂t = +½β(1,1)f_1². A particle of mass n moves as B(2d(n)t).

With `reaction="annihilation"` both partners of a reaction vanish: only the loss term stays, and
(3.1)–(3.2) is the case M = 1. Mass is then lost.

Spatially uniform densities obey the ODE (2.1) (`modes=None`). Otherwise fields live on `modes`
points in each direction, of which the 2/3 rule keeps the modes |k_i| ≤ (modes − 1)//3 exactly
free of aliasing; diffusion is integrated exactly and the reaction to order 5 (`Lawson`).

Symbols: f_n density of mass n, d(n) diffusivity, β(n, m) rate, M largest class, o overflow.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import diffrax
import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from jaxkin.laws import MassLaw, require_law
from jaxkin.model import KineticEquation
from jaxkin.numerics import torus
from jaxkin.numerics.checks import require, whole
from jaxkin.numerics.domains import Domain, Positive, SymmetricPositive
from jaxkin.numerics.lawson import Lawson
from jaxkin.observables.base import Observable
from jaxkin.observables.census import census
from jaxkin.observables.mass_density import MassDensity
from jaxkin.physics.masses import common_dtype, over_masses, over_pairs


class Prepared(eqx.Module):
    """What the right-hand side needs, computed from the parameters inside the run."""

    rate: Float[Array, "masses masses"]
    escaping: Float[Array, "masses masses"]
    eigenvalues: Float[Array, "classes *frequencies"] | None


class Smoluchowski(KineticEquation):
    """Smoluchowski's equation on the unit torus, with an inert overflow class.

    The state is one array: (M + 1,) for the ODE and (M + 1, P, …, P) on a grid; row n − 1 holds
    f_n and the last row the overflow.

    Args:
        rate: β, symmetric and not negative: a number, an (M, M) array, or a function of two
            masses. Volume per time, in units of the torus.
        diffusivity: d(n), not negative: a number, an (M,) array, or a function of the mass.
            Only fields on a grid feel it.
        max_mass: M; needed unless an array tells it.
        dimension: of the torus, at least 1.
        modes: points in each direction (at least 4), or None for uniform densities.
        reaction: "coagulation" or "annihilation".

    Raises:
        ValueError: an argument is out of range, or `rate` is not symmetric.
    """

    rate: Float[Array, "masses masses"]
    diffusivity: Float[Array, " masses"]
    dimension: int = eqx.field(static=True)
    modes: int | None = eqx.field(static=True)
    reaction: str = eqx.field(static=True)

    def __init__(
        self,
        rate: ArrayLike | Callable[[Array, Array], ArrayLike],
        diffusivity: ArrayLike | Callable[[Array], ArrayLike] = 1.0,
        *,
        max_mass: int | None = None,
        dimension: int = 3,
        modes: int | None = None,
        reaction: str = "coagulation",
    ):
        if max_mass is None:
            known = [np.shape(a)[0] for a in (rate, diffusivity) if not callable(a) and np.ndim(a)]
            require(
                len(known) > 0,
                "max_mass",
                "be given",
                "neither `rate` nor `diffusivity` is an array that tells it",
                "Name the largest mass, max_mass=8 say.",
            )
            max_mass = known[0]
        max_mass = whole(max_mass, "max_mass")
        dimension = whole(dimension, "dimension")
        require(
            modes is None or (isinstance(modes, int) and modes >= 4),
            "modes",
            "be None or an integer of at least 4",
            f"it is {modes!r}",
            "Fewer points keep no mode but the mean; use None for uniform densities.",
        )
        require(
            reaction in ("coagulation", "annihilation"),
            "reaction",
            'be "coagulation" or "annihilation"',
            f"it is {reaction!r}",
        )
        self.dimension, self.modes, self.reaction = dimension, modes, reaction

        dtype = common_dtype(rate, diffusivity)
        self.rate = over_pairs(rate, max_mass, "rate", dtype)
        self.diffusivity = over_masses(diffusivity, max_mass, "diffusivity", dtype)

    @property
    def max_mass(self) -> int:
        """M, the largest mass that reacts."""
        return self.rate.shape[-1]

    def domains(self) -> dict[str, Domain]:
        """Return the domain of each parameter that can be fitted."""
        return {"rate": SymmetricPositive(), "diffusivity": Positive()}

    def prepare(self) -> Prepared:
        """Return β symmetrised, the part of it that leaves the classes, and −d(n)|2πk|².

        Symmetrising changes no admissible β; it makes the derivative by β(n, m) that by β(m, n).
        """
        rate = (self.rate + self.rate.T) / 2
        heavy = np.add.outer(self._masses, self._masses) > self.max_mass
        eigenvalues = None
        if self.modes is not None:
            moving = jnp.append(self.diffusivity, 0).reshape((-1,) + (1,) * self.dimension)
            squared = torus.squared_frequency(self.modes, self.dimension)
            eigenvalues = -moving * jnp.asarray(squared, rate.dtype)
        return Prepared(rate, jnp.where(heavy, rate, 0), eigenvalues)

    def check(self, law: Any) -> None:
        """Raise `ValueError` if the law has no densities of masses, or they do not fit."""
        require_law(law, MassLaw, max_mass=self.max_mass, needs=("density", "uniform"))
        require(
            self.modes is not None or law.uniform,
            "law",
            "be uniform when `modes` is None",
            "its densities vary in space",
            "Give the equation a number of `modes`.",
        )

    def project(self, law: Any) -> Float[Array, "classes *grid"]:
        """Return the densities h_n of the law on the grid, filtered to the kept modes; overflow 0.

        Raises:
            ValueError: the law has no densities of masses, is heavier than M, or is not uniform
                while `modes` is None.
        """
        self.check(law)
        places = jnp.asarray(torus.points(self.modes or 1, self.dimension), self.rate.dtype)
        densities = jnp.moveaxis(law.density(places), -1, 0).astype(self.rate.dtype)
        rows = [(0, self.max_mass + 1 - law.max_mass)] + [(0, 0)] * self.dimension
        state = jnp.pad(densities, rows)
        return state.reshape(-1) if self.modes is None else self._to_grid(self._to_modes(state))

    def rate_of_change(self, t: Any, state: Array, prepared: Prepared) -> Array:
        """Return ∂f/∂t, diffusion and reaction, filtered to the kept modes."""
        reaction = self.react(t, state, prepared)
        if prepared.eigenvalues is None:
            return reaction
        diffusion = prepared.eigenvalues * self._to_modes(state)
        return self._to_grid(diffusion + self._to_modes(reaction))

    def react(self, t: Any, state: Array, prepared: Prepared) -> Array:
        """Return the reaction term Q₁ − Q₂ of (1.3) and (1.4), place by place."""
        f = state[:-1]
        loss = f * jnp.tensordot(prepared.rate, f, axes=1)
        if self.reaction == "annihilation":
            return _with_overflow(-loss, jnp.zeros_like(loss[0]))
        mass = self._masses.astype(f.dtype)
        gain = 0.5 * sum_over_products(prepared.rate, f)
        # ½Σ_{m+k>M} (m + k) β f_m f_k, with the symmetry of β.
        overflow = jnp.tensordot(mass, f * jnp.tensordot(prepared.escaping, f, axes=1), axes=1)
        return _with_overflow(gain - loss, overflow)

    def terms(self) -> diffrax.AbstractTerm:
        """Return what the integrator steps: the reaction; diffusion belongs to `Lawson`."""
        return diffrax.ODETerm(self.react)

    def integrator(self) -> diffrax.AbstractSolver:
        """Return Tsit5, in the interaction picture of the diffusion when there is a grid."""
        if self.modes is None:
            return diffrax.Tsit5()
        return Lawson(
            lambda prepared: prepared.eigenvalues,
            partial(torus.to_modes, dimension=self.dimension),
            partial(torus.to_grid, resolution=self.modes, dimension=self.dimension),
        )

    def measure(self, state: Float[Array, "classes *grid"]) -> MassDensity:
        """Return f_n(x) and the overflow, the mean of its field."""
        return MassDensity(state[:-1], jnp.mean(state[-1]), self.dimension)

    def observables(self) -> tuple[Observable, ...]:
        """Return `counts`, `number`, `mass` and `overflow`."""
        return census(self.max_mass)

    def conserves(self) -> tuple[str | tuple[str, ...], ...]:
        """Return mass and overflow together, unless particles annihilate."""
        return (("mass", "overflow"),) if self.reaction == "coagulation" else ()

    @property
    def _masses(self) -> np.ndarray:
        return np.arange(1, self.max_mass + 1)

    def _to_modes(self, field: Array) -> Array:
        return torus.to_modes(field, self.dimension)

    def _to_grid(self, modes: Array) -> Array:
        assert self.modes is not None
        return torus.to_grid(modes, self.modes, self.dimension)


def sum_over_products(
    rate: Float[Array, "masses masses"], f: Float[Array, "masses *grid"]
) -> Float[Array, "masses *grid"]:
    """Return Σ_{m<n} β(m, n−m) f_m f_{n−m} for n = 1 … M."""
    return _sum_by_shearing(rate, f) if f.ndim == 1 else _sum_by_rows(rate, f)


def _sum_by_shearing(rate: Array, f: Array) -> Array:
    """The pairs of one product mass lie on an antidiagonal of β(m, k) f_m f_k.

    Each row, followed by M zeros, is read with a row length one shorter, which shifts row m by
    m − 1 and makes columns of the antidiagonals: no gather, no scatter, nor in the gradient.
    """
    masses = f.size
    padded = jnp.pad(rate * jnp.outer(f, f), [(0, 0), (0, masses)])
    sheared = padded.reshape(-1)[:-masses].reshape(masses, 2 * masses - 1)[:, : masses - 1]
    return jnp.pad(sheared.sum(0), (1, 0))


def _sum_by_rows(rate: Array, f: Array) -> Array:
    """On a grid pairs of fields would not fit in the cache (×100 in time): add them row by row."""
    total = jnp.zeros_like(f)
    for m in range(1, f.shape[0]):
        products = rate[m - 1, :-m].reshape((-1,) + (1,) * (f.ndim - 1)) * f[m - 1] * f[:-m]
        total = total + jnp.pad(products, [(m, 0)] + [(0, 0)] * (f.ndim - 1))
    return total


def _with_overflow(densities: Array, overflow: Array) -> Array:
    return jnp.concatenate([densities, overflow[None]])
