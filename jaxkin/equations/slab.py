"""A gas in a slab: one space dimension, all velocities.

    ∂_t f + v₁ ∂_x f = (what a homogeneous equation says in each place),   0 < x < 1,

for densities of x = x₁ and v alone, every one of integral 1 over x and v; of a mixture of hard
spheres it is the system (1.1) of Ampatzoglou et al. with Definition 2.4. On the state space of an
operator v₁ is a symmetric matrix, or a number at each node: V = V⁺ + V⁻ by the signs of its
eigenvalues (`stream`). For averages f_i over cells of width h = 1/cells,

    ∂_t f_i = −(F_{i+½} − F_{i−½})/h + Q(f_i),   F = V⁺ f⁻ + V⁻ f⁺,
    f⁻_{i+½} = (2f_{i−2} − 13f_{i−1} + 47f_i + 27f_{i+1} − 3f_{i+2})/60,  f⁺ its mirror image,

linear finite volumes of order 5 where f is smooth, with waves near jumps, which do not grow. A face
takes from one cell what it gives the other, so that the mass of each type is kept to rounding, and
momentum and energy where the collision term keeps them. A wall that reflects has the gas's mirror
image behind it; there V⁻ f⁺ is minus the mirror image of V⁺ f⁻, and F has no part even in v₁: mass
and energy do not pass, momentum along the wall neither.
"""

import functools
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.equations.on_operator import OnOperator
from jaxkin.equations.self_similar import SelfSimilarAnnihilation
from jaxkin.equations.slab_density import GHOSTS, SlabDensity, surrounded
from jaxkin.laws.base import require_law
from jaxkin.laws.by_type import ByType, Layers, PlacedLaw, Uniform
from jaxkin.laws.velocities import VelocityLaw
from jaxkin.model import KineticEquation
from jaxkin.numerics.checks import one_of, require, whole
from jaxkin.numerics.domains import Domain
from jaxkin.observables.base import Observable
from jaxkin.observables.profiles import mixture_profiles
from jaxkin.operators.base import need

_BIASED = (2 / 60, -13 / 60, 47 / 60, 27 / 60, -3 / 60)
_LARGE = 2**12  # numbers of a state, from where on cells collide one after another


class BoltzmannSlab(KineticEquation):
    """A homogeneous equation in each place of a slab of width 1, with free flight between them.

    A state has shape (cells, …): averages over cells of the states of the homogeneous equation,
    whose densities have mean 1. Explicit steps are bounded by about h over the largest speed, for
    Hermite functions of width s √s·3.75 at D = 6; work grows as cells times that of the equation.

    The resolution in v bounds how fine a structure free flight may make: in Hermite functions a
    wave of length λ is wrong after a time t with 2πt√s/λ near √D, unless collisions have smoothed f
    by then. Raise the degree until what you look at no longer changes. Take it odd: with an even
    one, V has an eigenvalue 0 among the functions that density and energy see, and there a jump
    stays where it is until collisions take it away.

    Args:
        homogeneous: `BoltzmannMixture`, or `Boltzmann` of an operator that can `stream`.
        cells: how many cells, at least 6.
        boundary: "periodic", or "reflecting" walls at 0 and 1.
        bins: slices of the profiles in `observables()`, a divisor of `cells`; None for `cells`.

    Raises:
        ValueError: an argument is out of range, or the operator cannot stream.
    """

    homogeneous: OnOperator
    cells: int = eqx.field(static=True)
    boundary: str = eqx.field(static=True)
    bins: int = eqx.field(static=True)

    def __init__(
        self,
        homogeneous: OnOperator,
        *,
        cells: int = 32,
        boundary: Literal["periodic", "reflecting"] = "periodic",
        bins: int | None = None,
    ):
        require(
            isinstance(homogeneous, OnOperator),
            "homogeneous",
            "be a homogeneous equation on an operator, such as `Boltzmann(operator)`",
            f"it is a {type(homogeneous).__name__}",
        )
        need(homogeneous.operator, ("stream", "mirror"), type(self).__name__)
        require(
            not isinstance(homogeneous, SelfSimilarAnnihilation),
            "homogeneous",
            "have the state of its operator in each place",
            "`SelfSimilarAnnihilation` follows density and temperature of the whole gas",
            "Take `Annihilation`.",
        )
        # A face sees six cells; with fewer some would count twice.
        self.homogeneous, self.cells = homogeneous, whole(cells, "cells", 2 * GHOSTS)
        one_of(boundary, "boundary", ("periodic", "reflecting"))
        self.boundary = boundary
        self.bins = self.cells if bins is None else whole(bins, "bins")
        require(
            self.cells % self.bins == 0,
            "bins",
            f"divide the {self.cells} cells of the slab",
            f"it is {bins}",
            "Take as many `cells` as a multiple of it.",
        )

    @property
    def centers(self) -> Float[np.ndarray, " cells"]:
        """x at the centers of the cells."""
        return (np.arange(self.cells) + 0.5) / self.cells

    @property
    def types(self) -> int:
        """How many types of particles there are."""
        return getattr(self.homogeneous.operator, "types", 1)

    # The equation.

    def prepare(self) -> Any:
        """Return what the homogeneous equation prepares."""
        return self.homogeneous.prepare()

    def rate_of_change(self, t: Any, state: Array, prepared: Any) -> Array:
        """Return −v₁ ∂_x f + Q(f)."""

        def collide(f: Array) -> Array:
            return self.homogeneous.rate_of_change(t, f, prepared)

        large = state[0].size > _LARGE
        changed = jax.lax.map(collide, state) if large else jax.vmap(collide)(state)
        return self.transport(state) + changed

    def transport(self, f: Float[Array, "cells *state"]) -> Float[Array, "cells *state"]:
        """Return −v₁ ∂_x f, −(F_{i+½} − F_{i−½})/h."""
        return -self.cells * jnp.diff(self.flux(f), axis=0)

    def flux(self, f: Float[Array, "cells *state"]) -> Float[Array, "cells+1 *state"]:
        """Return F = V⁺ f⁻ + V⁻ f⁺ at all faces, both ends included."""
        operator = self.homogeneous.operator
        wide, faces = surrounded(f, operator, self.boundary), self.cells + 1
        before = sum(c * wide[m : m + faces] for m, c in enumerate(_BIASED))
        after = sum(c * wide[5 - m : 5 - m + faces] for m, c in enumerate(_BIASED))
        return operator.stream(before, after)  # type: ignore[attr-defined]

    # The protocol.

    def _layers(self, law: Any) -> list[Layers]:
        """Return the layers of each type."""
        operator, edges = self.homogeneous.operator, np.arange(self.cells + 1) / self.cells
        if hasattr(operator, "check_types"):
            operator.check_types(law)
            require_law(law, ByType, of_each=("layers",))
            return [each.layers(edges) for each in law.laws]
        law = law.laws[0] if isinstance(law, ByType) and len(law.laws) == 1 else law
        law = Uniform(law) if isinstance(law, VelocityLaw) else law
        require_law(law, PlacedLaw, needs=("layers",))
        return [law.layers(edges)]

    def check(self, law: Any) -> None:
        """Raise `ValueError` if the law does not fit or, in some layer, is not resolved."""
        layers = self._layers(law)
        for i in range(max(map(len, layers))):
            laws = [each[min(i, len(each) - 1)][1] for each in layers]
            by_type = hasattr(self.homogeneous.operator, "check_types")
            self.homogeneous.check(ByType(*laws) if by_type else laws[0])

    def project(self, law: Any) -> Float[Array, "cells *state"]:
        """Return averages over cells of the states of the law, exact for laws with a quadrature.

        Raises:
            ValueError: the law does not fit, or offers no `layers`.
        """
        operator, layers = self.homogeneous.operator, self._layers(law)
        if hasattr(operator, "coefficients"):
            types = [
                sum(jnp.multiply.outer(p, operator.coefficients(v, kind)) for p, v in each)
                for kind, each in enumerate(layers)
            ]
            state = jnp.stack(types, 1)
            uniform: Any = ByType(*(each[0][1] for each in layers))
        else:
            parts = [jnp.multiply.outer(p, self.homogeneous.project(v)) for p, v in layers[0]]
            state, uniform = sum(parts[1:], parts[0]), layers[0][0][1]
        # The type is that of the equation, whose own parameters may tell it.
        return state.astype(eqx.filter_eval_shape(self.homogeneous.project, uniform).dtype)

    def measure(self, state: Float[Array, "cells *state"]) -> SlabDensity:
        """Return f(x, v)."""
        return SlabDensity(state, self.homogeneous.operator, self.boundary)

    def observables(self) -> tuple[Observable, ...]:
        """Return the observables of the homogeneous equation over the slab, and profiles."""
        return _observables(self.homogeneous.observables(), self.types, self.bins)

    def conserves(self) -> tuple[str | tuple[str, ...], ...]:
        """Return what the homogeneous equation conserves; walls change the momentum."""
        own = self.homogeneous.conserves()
        return own if self.boundary == "periodic" else tuple(x for x in own if x != "momentum")

    def domains(self) -> dict[str, Domain]:
        """Return the domain of each parameter that can be fitted."""
        return {f"homogeneous.{name}": d for name, d in self.homogeneous.domains().items()}

    def conditions(self) -> dict[str, Array]:
        """Return the conditions of the homogeneous equation."""
        return self.homogeneous.conditions()


@functools.cache  # the same observables for the same arguments, so that nothing compiles again
def _observables(own: tuple[Observable, ...], types: int, bins: int) -> tuple[Observable, ...]:
    return own + mixture_profiles(types, bins)
