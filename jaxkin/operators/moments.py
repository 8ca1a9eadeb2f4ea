"""Collision terms of Maxwell type and of any order, by moments.

    ∂f/∂t = Σ_K β_K Q_K(f, …, f)                                           (Cárdenas et al., (1.1))

for collision laws whose rate does not depend on the velocities (Maxwell molecules). With
φ(k) = E e^{−ik·v}, and T_{iℓ} the d×d block of a law that carries v_ℓ to the new velocity of
particle i,

    ∂φ(k)/∂t = rate · Σ_K β_K K (mean over i ≤ K of E_ω Π_{ℓ≤K} φ(T_{iℓ}ᵀk) − φ(k)),

without a determinant, so that laws need not be isometries; the mean over i is idle under (H3).
Moments m_a = E v^a of degree n obey equations in which none of a higher degree occurs
(`jaxkin.physics.collisions.slots`): for |a| ≤ D the system is closed, and exact for any law that
has these moments, heavy tails included. Nothing is truncated; only an angle that is no
polynomial needs a rule with an error, which `angle_error` estimates.

Clock of Cárdenas et al.: collisions come at rate N, and a particle is in a collision of order K at
rate K β_K. By the clock of pairs (Paul et al.) with constant B̄ = C a particle
collides at rate C: binary laws and rate = C/2.

Symbols: m_a raw moments, a multi-index of degree |a|, D `degree`, β_K `weights`, ω the angle.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.laws.base import require_law
from jaxkin.laws.velocities import VelocityLaw
from jaxkin.numerics.checks import is_traced, require, require_finite, whole
from jaxkin.numerics.domains import Domain, Positive, Simplex
from jaxkin.numerics.hermite import multi_indices
from jaxkin.observables.base import Observable
from jaxkin.observables.velocities import VELOCITY_MOMENTS
from jaxkin.operators.base import Collisions, Operator
from jaxkin.operators.moments_density import MomentsDensity, mean_and_temperature, powers
from jaxkin.physics.collisions.collision_laws import CollisionLaw
from jaxkin.physics.collisions.law_mixtures import as_laws, as_weights
from jaxkin.physics.collisions.slots import Gain, gain
from jaxkin.physics.masses import common_dtype


class Moments(Operator):
    """Moments of (1.1) up to a degree; the state is the vector of raw moments m_a.

    The moments are in the order of `indices()`; the first is the mass. A gas completes a method,
    `Moments(degree=8)`, with its laws, weights and rate.

    Args:
        laws: one collision law, or several; each linear in the velocities up to a constant,
            or with `slots` of its own. None for a method.
        weights: β_K, one for each law, not negative, of sum 1; None for a single law.
        dimension: d; None for 3, or for that of the gas.
        degree: D ≥ 2; the observables of a gas need 6.
        rate: collisions per particle and time; 1 by the clock of Cárdenas et al.
        nodes: angles at most, for laws that have no exact rule.

    Raises:
        ValueError: an argument is out of range; the message names the remedy.
    """

    laws: tuple[CollisionLaw, ...]
    weights: Float[Array, " laws"] | None
    rate: Float[Array, ""]
    dimension: int = eqx.field(static=True)  # None in a method
    degree: int = eqx.field(static=True)
    nodes: int = eqx.field(static=True)

    def __init__(
        self,
        laws: CollisionLaw | Sequence[CollisionLaw] | None = None,
        weights: Any = None,
        *,
        dimension: int | None = None,
        degree: int = 6,
        rate: Any = 1.0,
        nodes: int = 2**14,
    ):
        self.degree, self.nodes = whole(degree, "degree", 2), whole(nodes, "nodes")
        dtype = common_dtype(*[x for x in (weights, rate) if x is not None])
        if dimension is not None or laws is not None:
            dimension = whole(3 if dimension is None else dimension, "dimension")
        self.dimension = dimension  # type: ignore[assignment]
        self.laws, self.weights = (), None
        if laws is not None:
            assert dimension is not None
            self.laws = as_laws(laws, dimension, dtype)
            self.weights = as_weights(weights, len(self.laws), dtype)
        self.rate = jnp.asarray(rate, dtype)
        require(self.rate.ndim == 0, "rate", "be a number", f"its shape is {self.rate.shape}")
        require_finite(self.rate, "rate", minimum=0.0)

    def complete(self, collisions: Collisions) -> "Moments":
        """Return the operator with the laws of the gas.

        Raises:
            ValueError: rates depend on the velocities; or the method has laws of its own.
        """
        require(
            not self.laws,
            "method",
            "leave the collision laws to the gas",
            "`Moments` has laws of its own",
            "Make it without laws.",
        )
        require(
            self.dimension in (None, collisions.dimension),
            "method",
            f"have the dimension of the gas, {collisions.dimension}",
            f"that of `Moments` is {self.dimension}",
            "Leave `dimension` out.",
        )
        require(
            collisions.laws is not None,
            "method",
            "be `Fourier`, `Hermite` or `Sonine` where the rate of collisions depends on the speed",
            "it is `Moments`, which close for constant rates alone",
        )
        return Moments(
            collisions.laws,
            collisions.weights,
            dimension=collisions.dimension,
            degree=self.degree,
            rate=collisions.rate,
            nodes=self.nodes,
        )

    def ready(self) -> None:
        """Raise `ValueError` if the laws are missing."""
        require(
            len(self.laws) > 0,
            "operator",
            "have collision laws",
            "`Moments` was made without them",
            "Give it the laws, or hand it to `kinetic_limit` of a gas, which does.",
        )

    def indices(self) -> np.ndarray:
        """Return the multi-indices a of the moments, (N, d), by degree."""
        return multi_indices(self.dimension, self.degree)

    @property
    def dtype(self) -> Any:
        """The floating type of the parameters."""
        return self.rate.dtype

    # The collision term.

    def prepare(self) -> tuple[Gain, ...]:
        """Return the gain of each law; kept for laws without array parameters."""
        self.ready()
        return self._gains(self.degree, self.nodes)

    def _gains(self, degree: int, nodes: int) -> tuple[Gain, ...]:
        dtype = self.dtype
        return tuple(gain(law, self.dimension, degree, nodes, dtype) for law in self.laws)

    def collision(self, f: Array, prepared: tuple[Gain, ...]) -> Array:
        """Return rate · Σ_K β_K K (m⁺ − m)."""
        change = jnp.zeros_like(f)
        weights = jnp.ones(0) if self.weights is None else self.weights
        for law, weight, gained in zip(self.laws, weights, prepared, strict=True):
            change = change + weight * law.order * (gained(f) - f)
        return self.rate * change

    def angle_error(self) -> float:
        """Return by how much the tensors C change, at most, with a finer rule for the angle.

        The finer one is exact to two degrees more and has up to four times the nodes. It is
        rounding where rules are exact: all laws of `jaxkin.collision_laws` but `Deflection`, and
        those with functions of one's own. A `Deflection` by a table (`angles.Bounded`) is as good
        as Gauss–Legendre is for its quantile: 1e-4 and worse where b has jumps.
        """
        worst = 0.0
        for coarse, fine in zip(
            self.prepare(), self._gains(self.degree + 2, 4 * self.nodes), strict=True
        ):
            # The finer rule also counts monomials of higher degree; those blocks come last.
            for C, D in zip(coarse.tensor, fine.tensor, strict=False):
                worst = max(worst, float(jnp.max(jnp.abs(jnp.asarray(C) - D))))
        return worst

    def conserves(self) -> tuple[str, ...]:
        """Return the density alone: laws need not keep momentum or energy."""
        return ("density",)

    # The state space.

    def check(self, law: Any) -> None:
        """Raise `ValueError` unless the law has this dimension, a quadrature and a temperature."""
        moments = self.project(law)
        if is_traced(moments):
            return
        require(jnp.all(jnp.isfinite(moments)), "law", "have finite moments", "one is not finite")
        _, temperature = mean_and_temperature(moments, self.dimension, self.degree)
        require(temperature > 0, "law", "have a positive temperature", f"that is {temperature:.3g}")

    def project(self, law: Any) -> Float[Array, " N"]:
        """Return the moments of the law, by its `quadrature`."""
        require_law(law, VelocityLaw, dimension=self.dimension, needs=("quadrature",))
        nodes, weights = law.quadrature(self.degree // 2 + 2)
        return (weights @ powers(nodes, self.indices())).astype(self.dtype)

    def measure(self, state: Float[Array, " N"]) -> MomentsDensity:
        """Return what the moments tell."""
        return MomentsDensity(state, self.dimension, self.degree)

    def observables(self) -> tuple[Observable, ...]:
        """Return those of density, momentum, energy, … whose degree is kept."""
        return tuple(o for o in VELOCITY_MOMENTS if (o.degree or 0) <= self.degree)

    def domains(self) -> dict[str, Domain]:
        """Return the domain of each parameter that can be fitted."""
        return {"weights": Simplex(), "rate": Positive()}
