"""The Boltzmann system of a mixture of hard spheres in a slab: one space dimension, all velocities.

    ∂_t f_α + v₁ ∂_x f_α = Σ_β c_{αβ} χ_{αβ} Q_{αβ}(f_α, f_β),   0 < x < 1

(Ampatzoglou et al., (1.1) and Definition 2.4, for densities of x = x₁ and v alone), every f_α of
integral 1 over x and v. Collisions are those of `jaxkin.operators.mixture`, in each place. In its
basis M_s h_a(v/√s) the velocity v₁ is, between functions of degrees up to D,

    V_{ab} = √s √max(a₁, b₁)  where a − b = ±(1, 0, …),

a symmetric matrix (the Galerkin projection), so that the system is hyperbolic. Its eigenvalues are
√s times zeros of Hermite polynomials: of degree D + 1, and fewer. With V = V⁺ + V⁻ by their signs,

    ∂_t f_i = −(F_{i+½} − F_{i−½})/h + Σ_β c Q(f_i),   F = V⁺ f⁻ + V⁻ f⁺,
    f⁻_{i+½} = (2f_{i−2} − 13f_{i−1} + 47f_i + 27f_{i+1} − 3f_{i+2})/60,  f⁺ its mirror image,

for averages f_i over cells of width h = 1/cells: linear finite volumes of order 5 where f is
smooth, with waves near jumps, which do not grow. A face takes from one cell what it gives the
other, so that mass of each type is kept to rounding, and momentum and energy where
c_{αβ}/c_{βα} = N_β/N_α. A wall that reflects has the gas's mirror image behind it, of coefficients
(−1)^{a₁} f_a; there V⁻ f⁺ is minus the mirror image of V⁺ f⁻, and F has no part even in v₁: mass
and energy do not pass, momentum along the wall neither.
"""

import functools
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.laws.by_type import ByType, Layers
from jaxkin.model import KineticEquation
from jaxkin.numerics.checks import one_of, require, whole
from jaxkin.numerics.domains import Domain
from jaxkin.numerics.hermite import multi_indices
from jaxkin.observables import Coordinates, Observable, Weighted
from jaxkin.observables.by_type import mixture_moments
from jaxkin.observables.profiles import ByTypeProfile, mixture_profiles
from jaxkin.observables.velocities import Entropy
from jaxkin.operators.mixture import BoltzmannMixture, Tensor

_BIASED = (2 / 60, -13 / 60, 47 / 60, 27 / 60, -3 / 60)
_GHOSTS = 3  # cells beyond each end


class BoltzmannSlab(KineticEquation):
    """The Boltzmann system for k types of hard spheres in a slab of width 1.

    A state has shape (cells, k, N): averages over cells of the Hermite coefficients of `mixture`,
    whose first ones, the densities, have mean 1. Explicit steps are bounded by about h over the
    largest eigenvalue, √s·3.75 for D = 6; work grows as cells times that of the mixture.

    The degree bounds how fine a structure free flight may make: a wave of length λ is wrong after
    a time t with 2πt√s/λ near √D, unless collisions have smoothed f by then. Raise the degree
    until what you look at no longer changes. Take it odd: with an even one, V has an eigenvalue 0
    among the functions that density and energy see, and there a jump stays where it is until
    collisions take it away.

    Args:
        mixture: the operator of collisions, with masses, constants, dimension and degree.
        cells: how many cells, at least 6.
        boundary: "periodic", or "reflecting" walls at 0 and 1.
        bins: slices of the profiles in `observables()`, a divisor of `cells`; None for `cells`.

    Raises:
        ValueError: an argument is out of range.
    """

    mixture: BoltzmannMixture
    cells: int = eqx.field(static=True)
    boundary: str = eqx.field(static=True)
    bins: int = eqx.field(static=True)

    def __init__(
        self,
        mixture: BoltzmannMixture,
        *,
        cells: int = 32,
        boundary: Literal["periodic", "reflecting"] = "periodic",
        bins: int | None = None,
    ):
        require(
            isinstance(mixture, BoltzmannMixture),
            "mixture",
            "be a `BoltzmannMixture`",
            f"it is a {type(mixture).__name__}",
        )
        # A face sees six cells; with fewer some would count twice.
        self.mixture, self.cells = mixture, whole(cells, "cells", 2 * _GHOSTS)
        one_of(boundary, "boundary", ("periodic", "reflecting"))
        self.boundary = boundary
        self.bins = self.cells if bins is None else whole(bins, "bins")
        self._check_bins(self.bins)

    def _check_bins(self, bins: int) -> None:
        require(
            self.cells % bins == 0,
            "bins",
            f"divide the {self.cells} cells of the slab",
            f"it is {bins}",
            "Take as many `cells` as a multiple of it.",
        )

    @property
    def centers(self) -> Float[np.ndarray, " cells"]:
        """x at the centers of the cells."""
        return (np.arange(self.cells) + 0.5) / self.cells

    # The operator.

    def prepare(self) -> Tensor:
        """Return the tensor of collisions."""
        return self.mixture.prepare()

    def rate_of_change(self, t: Any, state: Array, prepared: Tensor) -> Array:
        """Return −v₁ ∂_x f_α + Σ_β c_{αβ} Q_{αβ}(f_α, f_β)."""
        return self.transport(state) + self.mixture.collision(state, prepared)

    def transport(self, f: Float[Array, "cells k N"]) -> Float[Array, "cells k N"]:
        """Return −v₁ ∂_x f, −(F_{i+½} − F_{i−½})/h."""
        return -self.cells * jnp.diff(self.flux(f), axis=0)

    def flux(self, f: Float[Array, "cells k N"]) -> Float[Array, "cells+1 k N"]:
        """Return F = V⁺ f⁻ + V⁻ f⁺ at all faces, both ends included."""
        wide, faces = self._surrounded(f), self.cells + 1
        before = sum(c * wide[m : m + faces] for m, c in enumerate(_BIASED))
        after = sum(c * wide[5 - m : 5 - m + faces] for m, c in enumerate(_BIASED))
        scale = jnp.asarray(np.sqrt(self.mixture.widths)[:, None], f.dtype)
        right, left = (
            jnp.asarray(part, f.dtype) for part in _moving(self.mixture.degree, self._dimension)
        )
        multiply = functools.partial(jnp.matmul, precision="highest")
        return scale * (multiply(before, right) + multiply(after, left))  # both are symmetric

    def _surrounded(self, f: Array) -> Array:
        if self.boundary == "periodic":
            return jnp.concatenate([f[-_GHOSTS:], f, f[:_GHOSTS]])
        first = multi_indices(self._dimension, self.mixture.degree)[:, 0]
        mirror = jnp.asarray((-1.0) ** first, f.dtype)
        return jnp.concatenate([mirror * f[_GHOSTS - 1 :: -1], f, mirror * f[: -_GHOSTS - 1 : -1]])

    @property
    def _dimension(self) -> int:
        return self.mixture.dimension

    # The protocol.

    def _layers(self, law: Any) -> list[Layers]:
        k = len(self.mixture.masses)
        require(
            hasattr(law, "check_mixture"),
            "law",
            f"be `ByType` with {k} laws, one for each type",
            f"it is {type(law).__name__}",
        )
        law.check_mixture(k, self._dimension)
        for kind, each in enumerate(law.laws):
            require(
                hasattr(each, "layers"),
                "law",
                "offer `layers`, its averages over cells, for each type",
                f"that of type {kind + 1} is {type(each).__name__}",
            )
        edges = np.arange(self.cells + 1) / self.cells
        return [each.layers(edges) for each in law.laws]

    def check(self, law: Any) -> None:
        """Raise `ValueError` if the law is not `ByType` or, in some layer, is not resolved.

        The criterion is that of `BoltzmannMixture.check`.
        """
        layers = self._layers(law)
        for i in range(max(map(len, layers))):
            self.mixture.check(ByType(*(each[min(i, len(each) - 1)][1] for each in layers)))

    def project(self, law: Any) -> Float[Array, "cells k N"]:
        """Return averages over cells of ∫ f_α h_a(v/√s_α) dv, exact for laws with a quadrature.

        Raises:
            ValueError: the law is not `ByType` with k laws that offer `layers`.
        """

        def coefficients(kind: int, velocity: Any) -> Array:
            nodes, weights = velocity.quadrature(self.mixture.degree // 2 + 2)
            return weights @ self.mixture.basis(nodes, kind)

        types = [
            sum(jnp.outer(profile, coefficients(kind, velocity)) for profile, velocity in layers)
            for kind, layers in enumerate(self._layers(law))
        ]
        return jnp.stack(types, 1).astype(self.mixture.constants.dtype)

    def measure(self, state: Float[Array, "cells k N"]) -> Weighted:
        """Return the weighted velocities of `BoltzmannMixture.measure` in each cell.

        Positions are centers of cells, (x, NaN, …): the other components are not known. What is
        smooth in x is integrated to second order in 1/cells; profiles (`observe`) are exact.
        """
        one = self.mixture.measure(state[0]).coordinates
        weight = jax.vmap(lambda f: self.mixture.measure(f).weight)(state) / self.cells
        position = np.full((weight.size, self._dimension), np.nan)
        position[:, 0] = np.repeat(self.centers, weight.shape[1])
        all_ = jax.tree.map(lambda x: jnp.tile(x, (self.cells,) + (1,) * (x.ndim - 1)), one)
        return Weighted(
            weight.reshape(-1),
            Coordinates(all_.mass, jnp.asarray(position, state.dtype), all_.velocity, all_.type),
        )

    def observe(self, state: Float[Array, "cells k N"], observable: Observable) -> Array:
        """Evaluate one observable; of a profile, from the means of cells over each slice.

        The entropy is ∫∫ f_α log f_α dv dx of each type, of the averages over cells.

        Raises:
            ValueError: the slices of a profile do not divide the cells.
        """
        if isinstance(observable, Entropy):
            return jax.vmap(lambda f: self.mixture.observe(f, observable))(state).mean(0)
        if not isinstance(observable, ByTypeProfile):
            return super().observe(state, observable)
        self._check_bins(observable.bins)
        means = state.reshape(observable.bins, -1, *state.shape[1:]).mean(1)
        return observable.of_slices(jax.vmap(self.mixture.measure)(means))

    def observables(self) -> tuple[Observable, ...]:
        """Return `mixture_moments` over the slab and `mixture_profiles`."""
        return _observables(len(self.mixture.masses), self.bins)

    def domains(self) -> dict[str, Domain]:
        """Return the domain of each parameter that can be fitted."""
        return {f"mixture.{name}": domain for name, domain in self.mixture.domains().items()}

    def conditions(self) -> dict[str, Array]:
        """Return the conditions that diameters set to the constants."""
        return self.mixture.conditions()


@functools.lru_cache(maxsize=8)
def _moving(degree: int, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Return V⁺ and V⁻ for s = 1, (N, N): what moves to the right, and to the left."""
    a = multi_indices(dimension, degree)
    apart = np.abs(a[:, None] - a)
    near = (apart[..., 0] == 1) & (apart[..., 1:] == 0).all(-1)
    speed = np.where(near, np.sqrt(np.maximum(a[:, None, 0], a[:, 0])), 0.0)
    values, vectors = np.linalg.eigh(speed)
    right = (vectors * np.maximum(values, 0)) @ vectors.T
    return right, speed - right


@functools.cache  # the same observables for the same arguments, so that nothing compiles again
def _observables(types: int, bins: int) -> tuple[Observable, ...]:
    return mixture_moments(types) + mixture_profiles(types, bins)
