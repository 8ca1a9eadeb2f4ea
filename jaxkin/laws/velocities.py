"""Laws of a velocity v in R^d, for spatially uniform gases of density 1.

A law draws independent velocities and returns their density f₀(v). Units: mass 1, k_B = 1, so that
the temperature is the variance of a component about the mean.
"""

import abc
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from jaxkin.laws.base import Law, require_law
from jaxkin.numerics.arrays import array, host, known
from jaxkin.numerics.checks import is_traced, require, require_finite, whole
from jaxkin.numerics.hermite import gauss_hermite
from jaxkin.numerics.sonine import gauss_laguerre
from jaxkin.numerics.sphere_rules import sphere_product_rule
from jaxkin.observables import Coordinates


class VelocityLaw(Law):
    """A law of a velocity; its density has integral 1."""

    described = "a law of velocities"
    known_by = ("dimension",)
    optional = ("quadrature",)
    remedy = "Take `jaxkin.laws.Maxwellian()`, say."

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

        Exact to degree 2·points − 3. Equations that keep moments or Hermite coefficients use it.

        Raises:
            ValueError: the law has no such rule.
        """
        raise ValueError(
            f"Argument `law` must offer `quadrature`, but {type(self).__name__} does not. Write "
            "the method, or use an equation on a grid, `jaxkin.Boltzmann`."
        )

    def moment_rule(self, degree: int) -> tuple[Array, Array]:
        """Return nodes (n, d) and weights (n,), exact for polynomials against f₀ up to a degree.

        The shortest `quadrature` that is exact, Σ weights·p(nodes) = ∫ p f₀ dv.

        Args:
            degree: the total degree of p, at least 0.

        Raises:
            ValueError: the degree is negative, or the law has no such rule.
        """
        return self.quadrature(whole(degree, "degree", 0) // 2 + 2)

    def sample_particles(
        self, number: int, dimension: int, *, key: PRNGKeyArray, dtype: Any = None
    ) -> Coordinates:
        """Draw `number` independent particles with density f₀."""
        require_law(self, VelocityLaw, dimension=dimension)
        return Coordinates(
            velocity=self.sample_velocities(number, key=key, dtype=dtype or jnp.zeros(()).dtype)
        )


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
        xp = known(weights, means, covariances)
        weights, means, c = (host(x) for x in (weights, means, covariances))
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
        c = c[:, :, None] * np.eye(d) if c.shape == (k, d) else c
        require(
            c.shape == (k, d, d),
            "covariances",
            f"have the shape {(k, d, d)} or {(k, d)}",
            f"its shape is {c.shape}",
        )
        try:
            factors = xp.linalg.cholesky(c)
        except np.linalg.LinAlgError:
            factors = np.nan
        require(
            is_traced(factors) or np.all(np.isfinite(factors)),
            "covariances",
            "be positive definite",
            "one of them is not",
        )
        self.weights, self.means = array(weights / weights.sum()), array(means)
        self.factors = array(factors)

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
        xp, (nodes, weights) = known(self), gauss_hermite(points, self.dimension)
        own, means, factors = (host(x) for x in (self.weights, self.means, self.factors))
        places = means[:, None] + xp.einsum("kij,nj->kni", factors, nodes)
        return array(places.reshape(-1, self.dimension)), array(xp.outer(own, weights).ravel())


class Maxwellian(GaussianMixture):
    """N(u, T): the equilibrium of mean velocity u and temperature T.

    Args:
        dimension: d.
        temperature: T > 0, a number.
        mean: (d,) u, or a number for all components.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, dimension: int = 3, temperature: Any = 1.0, mean: Any = 0.0):
        dimension = whole(dimension, "dimension")
        require_finite(temperature, "temperature", minimum=0.0, strict=True)
        shape = np.shape(temperature)
        require(shape == (), "temperature", "be a number", f"its shape is {shape}")
        shape = np.shape(mean)
        require(
            shape in ((), (dimension,)),
            "mean",
            f"be a number or have the shape {(dimension,)}",
            f"its shape is {shape}",
        )
        mean = known(mean).broadcast_to(host(mean), (1, dimension))
        variances = known(temperature).broadcast_to(host(temperature), (1, dimension))
        super().__init__([1.0], mean, variances)


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

    Raises:
        ValueError: an argument is out of range.
    """

    K: Float[Array, ""]
    variance: Float[Array, ""]
    _dimension: int = eqx.field(static=True)

    def __init__(self, K: Any, dimension: int = 3, variance: Any = 1.0):
        d, k = whole(dimension, "dimension"), host(K)
        # In NumPy and in the default precision, so that 3/5 is not below itself.
        least = d / (d + 2)
        require(
            (k >= k.dtype.type(least)) & (k < 1),
            "K",
            f"lie in [{least:.4g}, 1), where the density is not negative",
            f"it is {K}",
        )
        require_finite(variance, "variance", minimum=0.0, strict=True)
        self.K, self._dimension = array(k), d
        self.variance = array(variance)

    @classmethod
    def at(cls, time: Any, dimension: int = 3, collision_rate: Any = 1.0) -> "BKW":
        """Return the solution at a time of the gas in which particles collide at a rate.

        Args:
            time: t, from which on the density is positive: K ≥ d/(d+2).
            dimension: d.
            collision_rate: Λ, collisions of one particle in a unit of time.

        Raises:
            ValueError: the time is too early.
        """
        rate = collision_rate * (dimension - 1) / (4 * dimension)
        return cls(-known(rate, time).expm1(-host(rate) * host(time)), dimension)

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
        d, xp, K = self._dimension, known(self), host(self.K)
        nodes, weights = gauss_hermite(points, d)
        shape = ((d + 2) * K - d) / (2 * K) + (1 - K) * np.sum(nodes**2, 1) / (2 * K)
        return array(xp.sqrt(K * host(self.variance)) * nodes), array(weights * shape)

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

    Raises:
        ValueError: an argument is out of range.
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
        self.temperature = array(temperature)

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
        d, xp = self._dimension, known(self)
        half, weights = gauss_laguerre(points, d + self.power)
        directions, areas = sphere_product_rule(points, d)
        theta = host(self.temperature) * d / (d + self.power)
        nodes = xp.sqrt(2 * theta * half)[:, None, None] * directions
        return array(nodes.reshape(-1, d)), array(np.outer(weights, areas / areas.sum()).ravel())
