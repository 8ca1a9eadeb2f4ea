"""Laws of a velocity v in R^d, for spatially uniform gases of density 1.

A law draws independent velocities and knows their density f₀(v). Units: mass 1, k_B = 1, so that
the temperature is the variance of a component about the mean.
"""

import abc
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
from jaxtyping import Array, Float, PRNGKeyArray

from jaxkin.numerics.checks import is_traced, require, require_finite, whole
from jaxkin.numerics.hermite import gauss_hermite
from jaxkin.numerics.sphere_rules import sphere_product_rule
from jaxkin.observables import Coordinates


class VelocityLaw(eqx.Module):
    """A law of a velocity; its density has integral 1."""

    @property
    @abc.abstractmethod
    def dimension(self) -> int:
        """d."""

    @abc.abstractmethod
    def density(self, velocity: Float[Array, "*n d"]) -> Float[Array, "*n"]:
        """Return f₀(v)."""

    @abc.abstractmethod
    def sample_velocities(self, number: int, *, key: PRNGKeyArray, dtype: Any) -> Array:
        """Draw `number` velocities, (number, d)."""

    def quadrature(self, points: int) -> tuple[Array, Array]:
        """Return nodes (n, d) and weights (n,) that integrate polynomials against f₀.

        Exact to degree 2·points − 3. Equations that keep moments or Hermite coefficients ask for
        it.

        Raises:
            ValueError: the law has no such rule.
        """
        raise ValueError(
            f"Argument `law` must offer `quadrature`, but {type(self).__name__} does not. Write "
            "the method, or use an equation on a grid, `jaxkin.Boltzmann`."
        )

    def sample_particles(
        self, number: int, dimension: int, *, key: PRNGKeyArray, dtype: Any = None
    ) -> Coordinates:
        """Draw `number` independent particles with density f₀."""
        self.check_dimension(dimension)
        return Coordinates(
            velocity=self.sample_velocities(number, key=key, dtype=dtype or jnp.zeros(()).dtype)
        )

    def check_dimension(self, dimension: int) -> None:
        """Raise `ValueError` if the law lives in another dimension than the model."""
        require(
            self.dimension == dimension,
            "law",
            f"be a law in {dimension} dimensions",
            f"it has {self.dimension}",
            "Give the law and the model one dimension.",
        )


def check_velocities(law: Any, dimension: int) -> None:
    """Raise `ValueError` if a law is none of velocities in this dimension."""
    require(
        hasattr(law, "check_dimension"),
        "law",
        "be a law of velocities",
        f"it is a {type(law).__name__}",
        "See `jaxkin.laws`.",
    )
    law.check_dimension(dimension)


class GaussianMixture(VelocityLaw):
    """Σ_k w_k N(u_k, C_k): beams, anisotropic and hot-and-cold gases.

    Args:
        weights: (k,) positive, scaled to sum 1.
        means: (k, d) mean velocities u_k.
        covariances: (k, d, d) positive definite, or (k, d) variances of the components.

    Raises:
        ValueError: shapes disagree, a weight is negative or a covariance not positive definite.
    """

    weights: Float[Array, " k"]
    means: Float[Array, "k d"]
    factors: Float[Array, "k d d"]  # Cholesky factors of the covariances

    def __init__(self, weights: Any, means: Any, covariances: Any):
        weights, means, c = (jnp.asarray(x, dtype=float) for x in (weights, means, covariances))
        require(
            weights.ndim == 1 and means.ndim == 2 and means.shape[0] == weights.size,
            "means",
            "be (k, d) for (k,) weights",
            f"the shapes are {means.shape} and {weights.shape}",
        )
        require_finite(weights, "weights", minimum=0.0)
        require(weights.sum() > 0, "weights", "hold a positive weight", "all are zero")
        require_finite(means, "means")
        k, d = means.shape
        c = jax.vmap(jnp.diag)(c) if c.shape == (k, d) and c.ndim == 2 else c
        require(
            c.shape == (k, d, d),
            "covariances",
            f"have the shape {(k, d, d)} or {(k, d)}",
            f"its shape is {c.shape}",
        )
        factors = jnp.linalg.cholesky(c)
        require(
            is_traced(factors) or bool(jnp.all(jnp.isfinite(factors))),
            "covariances",
            "be positive definite",
            "one of them is not",
        )
        self.weights, self.means, self.factors = weights / weights.sum(), means, factors

    @property
    def dimension(self) -> int:
        """d."""
        return self.means.shape[-1]

    def density(self, velocity: Float[Array, "*n d"]) -> Float[Array, "*n"]:
        """Return f₀(v)."""
        total = jnp.zeros(velocity.shape[:-1], velocity.dtype)
        for weight, mean, factor in zip(self.weights, self.means, self.factors, strict=True):
            away = (velocity - mean.astype(velocity.dtype)).reshape(-1, self.dimension)
            scaled = jax.scipy.linalg.solve_triangular(
                factor.astype(velocity.dtype), away.T, lower=True
            )
            size = weight / ((2 * math.pi) ** (self.dimension / 2) * jnp.prod(jnp.diag(factor)))
            values = size.astype(velocity.dtype) * jnp.exp(-0.5 * jnp.sum(scaled**2, 0))
            total = total + values.reshape(total.shape)
        return total

    def sample_velocities(self, number: int, *, key: PRNGKeyArray, dtype: Any) -> Array:
        """Draw a component for each particle, and a velocity from it."""
        which_key, normal_key = jax.random.split(key)
        normal = jax.random.normal(normal_key, (number, self.dimension), dtype)
        factors, means = self.factors.astype(dtype), self.means.astype(dtype)
        if self.weights.size == 1:  # nothing to draw
            return means[0] + normal @ factors[0].T
        which = jax.random.categorical(which_key, jnp.log(self.weights), shape=(number,))
        factors, means = factors[which], means[which]
        return means + jnp.einsum("nij,nj->ni", factors, normal)

    def quadrature(self, points: int) -> tuple[Array, Array]:
        """Return the Gauss–Hermite rule of each component, side by side."""
        nodes, weights = (jnp.asarray(x) for x in gauss_hermite(points, self.dimension))
        places = self.means[:, None] + jnp.einsum("kij,nj->kni", self.factors, nodes)
        return places.reshape(-1, self.dimension), jnp.outer(self.weights, weights).reshape(-1)


class Maxwellian(GaussianMixture):
    """N(u, T): the equilibrium of mean velocity u and temperature T.

    Args:
        dimension: d.
        temperature: T > 0.
        mean: (d,) u, or 0.
    """

    def __init__(self, dimension: int = 3, temperature: Any = 1.0, mean: Any = 0.0):
        dimension = whole(dimension, "dimension")
        require_finite(temperature, "temperature", minimum=0.0, strict=True)
        mean = jnp.broadcast_to(jnp.asarray(mean, dtype=float), (1, dimension))
        super().__init__([1.0], mean, jnp.broadcast_to(temperature, (1, dimension)))


class BKW(VelocityLaw):
    """The Bobylev–Krook–Wu solution at one time, an exact solution for Maxwell molecules.

        f = (2πK)^{−d/2} e^{−v²/2K} [((d+2)K − d)/(2K) + (1−K) v²/(2K²)],   K = 1 − e^{−rate·t},

    here of variance 1, and stretched to that of `variance`. For scattering isotropic in σ with each
    particle colliding at rate Λ, rate = Λ(d−1)/(4d). It is a mixture of a Gaussian and
    of one with a (d+2)-dimensional radius.

    Args:
        K: in [d/(d+2), 1), where f ≥ 0; see `at` for K from a time.
        dimension: d.
        variance: of each component, positive.
    """

    K: Float[Array, ""]
    variance: Float[Array, ""]
    _dimension: int = eqx.field(static=True)

    def __init__(self, K: Any, dimension: int = 3, variance: Any = 1.0):
        d = whole(dimension, "dimension")
        least = d / (d + 2)
        require(
            (K >= least) & (K < 1),
            "K",
            f"lie in [{least:.4g}, 1), where the density is not negative",
            f"it is {K}",
        )
        require_finite(variance, "variance", minimum=0.0, strict=True)
        self.K, self._dimension = jnp.asarray(K, dtype=float), d
        self.variance = jnp.asarray(variance, dtype=float)

    @classmethod
    def at(cls, time: Any, dimension: int = 3, collision_rate: Any = 1.0) -> "BKW":
        """Return the solution at a time of the gas in which particles collide at a rate."""
        rate = collision_rate * (dimension - 1) / (4 * dimension)
        return cls(-jnp.expm1(-rate * jnp.asarray(time, dtype=float)), dimension)

    @property
    def dimension(self) -> int:
        """d."""
        return self._dimension

    def density(self, velocity: Float[Array, "*n d"]) -> Float[Array, "*n"]:
        """Return f₀(v)."""
        d, K = self._dimension, self.K.astype(velocity.dtype)
        unit = self.variance.astype(velocity.dtype)
        square = jnp.sum(velocity**2, -1) / unit
        shape = ((d + 2) * K - d) / (2 * K) + (1 - K) * square / (2 * K**2)
        return (2 * jnp.pi * K * unit) ** (-d / 2) * jnp.exp(-square / (2 * K)) * shape

    def sample_velocities(self, number: int, *, key: PRNGKeyArray, dtype: Any) -> Array:
        """Draw a direction, and a radius of d or, with probability d(1−K)/(2K), d + 2 normals."""
        d, K = self._dimension, self.K.astype(dtype)
        which_key, normal_key = jax.random.split(key)
        normal = jax.random.normal(normal_key, (number, d + 2), dtype)
        inner = jnp.sum(normal[:, :d] ** 2, 1)
        longer = jax.random.uniform(which_key, (number,), dtype) < d * (1 - K) / (2 * K)
        square = inner + jnp.where(longer, jnp.sum(normal[:, d:] ** 2, 1), 0)
        unit = self.variance.astype(dtype)
        return normal[:, :d] * jnp.sqrt(unit * K * square / inner)[:, None]

    def quadrature(self, points: int) -> tuple[Array, Array]:
        """Return the Gauss–Hermite rule of variance K, weighted by the polynomial factor."""
        d, K = self._dimension, self.K
        nodes, weights = (jnp.asarray(x) for x in gauss_hermite(points, d))
        shape = ((d + 2) * K - d) / (2 * K) + (1 - K) * jnp.sum(nodes**2, 1) / (2 * K)
        return jnp.sqrt(K * self.variance) * nodes, weights * shape

    def rate_of_change(self, velocity: Float[Array, "*n d"], rate: Any) -> Float[Array, "*n"]:
        """Return ∂f/∂t = Q(f, f) at v, for K' = rate·(1 − K)."""
        d, K = self._dimension, self.K.astype(velocity.dtype)
        unit = self.variance.astype(velocity.dtype)
        square = jnp.sum(velocity**2, -1) / unit
        shape = ((d + 2) * K - d) / (2 * K) + (1 - K) * square / (2 * K**2)
        steeper = d / (2 * K**2) + square / (2 * K**2) - square / K**3
        growth = (square / (2 * K**2) - d / (2 * K)) * shape + steeper
        size = (2 * jnp.pi * K * unit) ** (-d / 2) * jnp.exp(-square / (2 * K))
        return size * growth * rate * (1 - K)


class PowerMaxwellian(VelocityLaw):
    """f₀ ∝ |v|^μ e^{−|v|²/(2θ)}: a Maxwellian that is thinned (μ > 0) or crowded near v = 0.

    |v|²/θ has the χ² law with d + μ degrees of freedom, hence the temperature T = θ(d+μ)/d.

    Args:
        dimension: d.
        power: μ > −d, a known number.
        temperature: T > 0.
    """

    temperature: Float[Array, ""]
    power: float = eqx.field(static=True)
    _dimension: int = eqx.field(static=True)

    def __init__(self, dimension: int = 3, power: float = 0.0, temperature: Any = 1.0):
        d = whole(dimension, "dimension")
        require(not is_traced(power), "power", "be a known number", "it is traced")
        require_finite(power, "power", minimum=-d, strict=True)
        require_finite(temperature, "temperature", minimum=0.0, strict=True)
        self._dimension, self.power = d, float(power)
        self.temperature = jnp.asarray(temperature, dtype=float)

    @property
    def dimension(self) -> int:
        """d."""
        return self._dimension

    @property
    def theta(self) -> Array:
        """θ."""
        return self.temperature * self._dimension / (self._dimension + self.power)

    def density(self, velocity: Float[Array, "*n d"]) -> Float[Array, "*n"]:
        """Return f₀(v); infinite at 0 for μ < 0."""
        d, half = self._dimension, (self._dimension + self.power) / 2
        theta = self.theta.astype(velocity.dtype)
        square = jnp.sum(velocity**2, -1)
        # ∫ |v|^μ e^{−|v|²/2θ} dv = |S^{d−1}| (2θ)^{(d+μ)/2} Γ((d+μ)/2)/2
        log_size = math.log(math.pi) * d / 2 + math.lgamma(half) - math.lgamma(d / 2)
        radial = square ** (self.power / 2) * jnp.exp(-square / (2 * theta))
        return radial * jnp.exp(-log_size) * (2 * theta) ** -half

    def sample_velocities(self, number: int, *, key: PRNGKeyArray, dtype: Any) -> Array:
        """Draw a direction and a radius."""
        normal_key, radius_key = jax.random.split(key)
        normal = jax.random.normal(normal_key, (number, self._dimension), dtype)
        half = (self._dimension + self.power) / 2
        square = 2 * self.theta.astype(dtype) * jax.random.gamma(radius_key, half, (number,), dtype)
        return normal * jnp.sqrt(square / jnp.sum(normal**2, 1))[:, None]

    def quadrature(self, points: int) -> tuple[Array, Array]:
        """Return Gauss–Laguerre in |v|²/2θ times a product rule on the sphere; d = 2 or 3."""
        half, weights = scipy.special.roots_genlaguerre(
            points, (self._dimension + self.power) / 2 - 1
        )
        directions, areas = sphere_product_rule(points, self._dimension)
        speed = jnp.sqrt(2 * self.theta * half)
        nodes = speed[:, None, None] * directions
        return nodes.reshape(-1, self._dimension), jnp.asarray(
            np.outer(weights / weights.sum(), areas / areas.sum()).ravel()
        )


class RandomMixture(VelocityLaw):
    """One of several laws, drawn anew for each replica: data that are not chaotic (Theorem 2.2).

    Two particles of a replica are dependent, since they share the law; the density is the mixture.

    Args:
        laws: velocity laws of one dimension.
        weights: (k,) probabilities, scaled to sum 1.
    """

    laws: tuple[VelocityLaw, ...]
    weights: Float[Array, " k"]

    def __init__(self, laws: Any, weights: Any):
        self.laws = tuple(laws)
        require(len(self.laws) > 0, "laws", "name at least one law", "it is empty")
        for law in self.laws:
            law.check_dimension(self.laws[0].dimension)
        weights = jnp.asarray(weights, dtype=float)
        require(
            weights.shape == (len(self.laws),),
            "weights",
            "hold one weight for each law",
            f"its shape is {np.shape(weights)}",
        )
        require_finite(weights, "weights", minimum=0.0)
        self.weights = weights / weights.sum()

    @property
    def dimension(self) -> int:
        """d."""
        return self.laws[0].dimension

    def density(self, velocity: Float[Array, "*n d"]) -> Float[Array, "*n"]:
        """Return Σ w_k f_k(v)."""
        values = [w * law.density(velocity) for w, law in zip(self.weights, self.laws, strict=True)]
        return sum(values[1:], values[0])

    def sample_velocities(self, number: int, *, key: PRNGKeyArray, dtype: Any) -> Array:
        """Draw a law, and all velocities from it."""
        which_key, own_key = jax.random.split(key)
        which = jax.random.categorical(which_key, jnp.log(self.weights))
        draws = [law.sample_velocities(number, key=own_key, dtype=dtype) for law in self.laws]
        return jnp.stack(draws)[which]

    def quadrature(self, points: int) -> tuple[Array, Array]:
        """Return the rules of the laws, side by side."""
        rules = [law.quadrature(points) for law in self.laws]
        weights = [w * rule[1] for w, rule in zip(self.weights, rules, strict=True)]
        return jnp.concatenate([nodes for nodes, _ in rules]), jnp.concatenate(weights)
