"""The Boltzmann equation of higher-order collisions of Maxwell type, by its moments.

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

import math
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.model import KineticEquation
from jaxkin.numerics.checks import is_traced, require, require_finite, whole
from jaxkin.numerics.domains import Domain, Positive, Simplex
from jaxkin.numerics.hermite import gauss_hermite, hermite_basis, multi_indices
from jaxkin.observables import Coordinates, Observable, Weighted
from jaxkin.observables.velocities import VELOCITY_MOMENTS
from jaxkin.physics.collisions.collision_laws import CollisionLaw
from jaxkin.physics.collisions.law_mixtures import as_laws, as_weights
from jaxkin.physics.collisions.slots import Gain, gain
from jaxkin.physics.masses import common_dtype


class MaxwellBoltzmann(KineticEquation):
    """Moments of (1.1) up to a degree; the state is the vector of raw moments m_a.

    The moments are in the order of `indices()`; the first is the mass, 1.

    Args:
        laws: one collision law, or several; each linear in the velocities but for a constant,
            or with `slots` of its own.
        weights: β_K, one for each law, not negative, of sum 1; None for a single law.
        dimension: d.
        degree: D ≥ 2; the observables of a gas need 6.
        rate: collisions per particle and time; 1 by the clock of Cárdenas et al..
        nodes: angles at most, for laws that have no exact rule.

    Raises:
        ValueError: an argument is out of range; the message names the remedy.
    """

    laws: tuple[CollisionLaw, ...]
    weights: Float[Array, " laws"]
    rate: Float[Array, ""]
    dimension: int = eqx.field(static=True)
    degree: int = eqx.field(static=True)
    nodes: int = eqx.field(static=True)

    def __init__(
        self,
        laws: CollisionLaw | Sequence[CollisionLaw] | None = None,
        weights: Any = None,
        *,
        dimension: int = 3,
        degree: int = 6,
        rate: Any = 1.0,
        nodes: int = 2**14,
    ):
        self.dimension, self.degree = whole(dimension, "dimension"), whole(degree, "degree", 2)
        self.nodes = whole(nodes, "nodes")
        dtype = common_dtype(*[x for x in (weights, rate) if x is not None])
        self.laws = as_laws(laws, self.dimension, dtype)
        self.weights = as_weights(weights, len(self.laws), dtype)
        self.rate = jnp.asarray(rate, dtype)
        require(self.rate.ndim == 0, "rate", "be a number", f"its shape is {self.rate.shape}")
        require_finite(self.rate, "rate", minimum=0.0)

    def indices(self) -> np.ndarray:
        """Return the multi-indices a of the moments, (N, d), by degree."""
        return multi_indices(self.dimension, self.degree)

    # The operator.

    def prepare(self) -> tuple[Gain, ...]:
        """Return the gain of each law; kept for laws without array parameters."""
        return self._gains(self.degree, self.nodes)

    def _gains(self, degree: int, nodes: int) -> tuple[Gain, ...]:
        dtype = self.weights.dtype
        return tuple(gain(law, self.dimension, degree, nodes, dtype) for law in self.laws)

    def rate_of_change(self, t: Any, state: Array, prepared: tuple[Gain, ...]) -> Array:
        """Return rate · Σ_K β_K K (m⁺ − m)."""
        change = jnp.zeros_like(state)
        for law, weight, gained in zip(self.laws, self.weights, prepared, strict=True):
            change = change + weight * law.order * (gained(state) - state)
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

    # The protocol.

    def check(self, law: Any) -> None:
        """Raise `ValueError` unless the law has this dimension, a quadrature and a temperature."""
        law.check_dimension(self.dimension)
        moments = self.project(law)
        if is_traced(moments):
            return
        require(jnp.all(jnp.isfinite(moments)), "law", "have finite moments", "one is not finite")
        temperature = float(self._frame(moments)[1])
        require(temperature > 0, "law", "have a positive temperature", f"that is {temperature:.3g}")

    def project(self, law: Any) -> Float[Array, " N"]:
        """Return the moments of the law, by its `quadrature`."""
        nodes, weights = law.quadrature(self.degree // 2 + 2)
        return (weights @ _powers(nodes, self.indices())).astype(self.weights.dtype)

    def measure(self, state: Array) -> Weighted:
        """Return Gauss–Hermite points of the state's own mean and temperature.

        Their weights are those of the Hermite series of the moments: all polynomials of degree
        ≤ D come out exactly. Weights may be negative.
        """
        mean, temperature = self._frame(state)
        indices, width = self.indices(), jnp.sqrt(temperature)
        # E ξ^a, ξ = (v − u)/√T, by the binomial theorem.
        choose = np.array([[_binomial(a, b) for b in indices] for a in indices], float)
        powers = _powers(
            -mean[None], np.maximum(indices[:, None] - indices, 0).reshape(-1, mean.size)
        )
        table = jnp.asarray(choose, state.dtype) * powers.reshape(choose.shape)
        central = (table @ state) / width ** indices.sum(1)
        points, weights = gauss_hermite(self.degree + 1, self.dimension)
        basis = hermite_basis(jnp.asarray(points, state.dtype), indices)
        series = jnp.asarray(_hermite_coefficients(indices), state.dtype) @ central
        weight = jnp.asarray(weights, state.dtype) * (basis @ series)
        velocity = mean + width * jnp.asarray(points, state.dtype)
        return Weighted(weight, Coordinates(velocity=velocity))

    def _frame(self, state: Array) -> tuple[Array, Array]:
        """Mean velocity and temperature."""
        degrees, d = self.indices().sum(1), self.dimension
        # Of degree 1 the last axis comes first.
        mean = state[np.flatnonzero(degrees == 1)][::-1] / state[0]
        squares = np.flatnonzero((degrees == 2) & (self.indices().max(1) == 2))
        return mean, jnp.sum(state[squares]) / state[0] / d - jnp.sum(mean**2) / d

    def characteristic_function(
        self, state: Float[Array, " N"], k: Float[Array, "n d"]
    ) -> Float[Array, "n 2"]:
        """Return φ(k) = Σ_a (−i)^{|a|} m_a k^a/a!, real and imaginary part, to degree D."""
        indices = self.indices()
        factorials = np.array([math.prod(math.factorial(int(i)) for i in a) for a in indices])
        terms = _powers(jnp.asarray(k, state.dtype), indices) * state / factorials
        signs = np.array([[1, 0], [0, -1], [-1, 0], [0, 1]])[indices.sum(1) % 4]
        return terms @ jnp.asarray(signs, state.dtype)

    def observables(self) -> tuple[Observable, ...]:
        """Return density, momentum, energy, stress, heat flux, and ⟨|v|⁴⟩, ⟨|v|⁶⟩."""
        needed = {"heat_flux": 3, "moments": 6}
        return tuple(o for o in VELOCITY_MOMENTS if needed.get(o.name, 2) <= self.degree)

    def domains(self) -> dict[str, Domain]:
        """Return the domain of each parameter that can be fitted."""
        return {"weights": Simplex(), "rate": Positive()}


def _powers(x: Float[Array, "n d"], indices: np.ndarray) -> Float[Array, "n N"]:
    """x^a for all a; by products, so that gradients at 0 are right."""
    rows = [jnp.ones_like(x)]
    for _ in range(int(indices.max(initial=0))):
        rows.append(rows[-1] * x)
    table = jnp.stack(rows)
    monomials = table[indices[:, 0], :, 0]
    for axis in range(1, indices.shape[1]):
        monomials = monomials * table[indices[:, axis], :, axis]
    return monomials.T


def _binomial(a: np.ndarray, b: np.ndarray) -> int:
    return math.prod(math.comb(int(i), int(j)) for i, j in zip(a, b, strict=True))


def _hermite_coefficients(indices: np.ndarray) -> np.ndarray:
    """(N, N) coefficients of h_a in powers x^b."""
    degree = int(indices.max(initial=0))
    single = np.zeros((degree + 1, degree + 1))
    for n in range(degree + 1):
        row = np.polynomial.hermite_e.herme2poly(np.eye(n + 1)[n])
        single[n, : n + 1] = row / math.sqrt(math.factorial(n))
    return np.prod(single[indices[:, None], indices[None]], 2)
