"""Domains of parameters: their bounds, and free coordinates θ without constraints.

    Real                 x = θ
    Positive             x = e^θ                          (0, ∞)
    AtLeast(a)           x = a + |a|e^θ                   [a, ∞)
    Interval(a, b)       x = a + (b − a)/(1 + e^−θ)       [a, b], or with ends that are left out
    Simplex              x_k = e^θ_k/Σe^θ, θ_last = 0     x_k in [0, 1] of sum 1
    SymmetricPositive    x_ij = x_ji = e^θ_ij, i ≤ j

A rate is a scale, so that its logarithm is the natural coordinate: steps are relative, and the
scatter of an estimate is nearer to Gaussian there. Intervals and simplices are bounded: about x in
an interval of length L somebody who knows nothing errs by L/√12, the standard deviation of the
uniform law (on the simplex, of a component of it).

A density over x is one over θ by the factor |dx/dθ|, whose logarithm is `log_jacobian`: what a
sampler or a prior needs. Rounding never carries x over an end: the map stops at the end if it
belongs to the domain, and at the number next to it if not.

Symbols: θ (p,) free coordinates; x (q,) the entries in a row; Q a function of x.
"""

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxkin.numerics.checks import one_of, require, require_finite
from jaxkin.numerics.domain_base import Domain, finite_exp, sign, within


@dataclass(frozen=True)
class Real(Domain):
    """Any finite number."""

    anchored: ClassVar[bool] = False

    def __str__(self) -> str:
        return "be finite"

    def natural(self, theta: Float[Array, " p"]) -> Float[Array, " q"]:
        """Return θ."""
        return theta

    def coordinates(self, natural: Float[Array, " q"]) -> Float[Array, " p"]:
        """Return x."""
        return natural

    def log_jacobian(self, theta: Float[Array, " p"]) -> Float[Array, ""]:
        """Return 0."""
        return jnp.zeros((), theta.dtype)


@dataclass(frozen=True)
class Positive(Domain):
    """(0, ∞)."""

    logarithmic: ClassVar[bool] = True

    @property
    def bounds(self) -> tuple[float, float]:
        """0 and ∞."""
        return 0.0, np.inf

    def __str__(self) -> str:
        return "be finite and above 0"

    def neutral(self, entries: int) -> float:
        """Return 1."""
        return 1.0

    def natural(self, theta: Float[Array, " p"]) -> Float[Array, " q"]:
        """Return e^θ, within the range of the floating type."""
        return finite_exp(theta)

    def coordinates(self, natural: Float[Array, " q"]) -> Float[Array, " p"]:
        """Return log x."""
        return jnp.log(natural)

    def log_jacobian(self, theta: Float[Array, " p"]) -> Float[Array, ""]:
        """Return Σθ."""
        return jnp.sum(theta)

    def bend(self, theta: Float[Array, " p"], gradient: Float[Array, " p"]) -> Float[Array, "p p"]:
        """Return the positive part of ∂Q/∂θ, for x″ = x′."""
        return jnp.diag(jnp.maximum(gradient, 0))


@dataclass(frozen=True)
class SymmetricPositive(Positive):
    """Symmetric matrices of positive entries: one coordinate for (i, j) and (j, i)."""

    def choose(self, mask: Bool[np.ndarray, "n n"], name: str) -> Bool[np.ndarray, "n n"]:
        """Return the part of the mask with i ≤ j."""
        require(
            np.array_equal(mask, mask.T),
            "free",
            "be symmetric",
            f"`{name}` is, and it is not",
            "Free the entries (i, j) and (j, i) together.",
        )
        return np.triu(mask)

    def mirror(self, array: Float[Array, "n n"]) -> Float[Array, "n n"]:
        """Return the matrix with its upper triangle below the diagonal too."""
        return jnp.where(np.triu(np.ones(array.shape, bool)), array, array.T)


@dataclass(frozen=True)
class AtLeast(Domain):
    """[a, ∞); its unit is |a|.

    Args:
        lower: a, not 0, for [0, ∞) has no unit: take `Positive`.

    Raises:
        ValueError: a is 0 or not finite.
    """

    lower: float
    ends: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_finite(self.lower, "lower")
        require(self.lower != 0, "lower", "differ from 0", "it is 0", "Take `Positive()`.")

    @property
    def bounds(self) -> tuple[float, float]:
        """a and ∞."""
        return float(self.lower), np.inf

    @property
    def closed(self) -> tuple[bool, bool]:
        """The lower end belongs to the domain."""
        return True, False

    def __str__(self) -> str:
        return f"be finite and at least {sign(self.lower)}"

    def neutral(self, entries: int) -> float:
        """Return a + |a|."""
        return self.lower + abs(self.lower)

    def natural(self, theta: Float[Array, " p"]) -> Float[Array, " q"]:
        """Return a + |a|e^θ."""
        return within(self.lower + abs(self.lower) * finite_exp(theta), self.bounds, self.closed)

    def coordinates(self, natural: Float[Array, " q"]) -> Float[Array, " p"]:
        """Return log((x − a)/|a|)."""
        return jnp.log((natural - self.lower) / abs(self.lower))

    def log_jacobian(self, theta: Float[Array, " p"]) -> Float[Array, ""]:
        """Return Σ(θ + log|a|)."""
        return jnp.sum(theta + math.log(abs(self.lower)))

    def slope(self, theta: Float[Array, " p"]) -> Float[Array, " p"]:
        """Return e^θ."""
        return finite_exp(theta)

    def bend(self, theta: Float[Array, " p"], gradient: Float[Array, " p"]) -> Float[Array, "p p"]:
        """Return the positive part of ∂Q/∂θ, for x″ = x′."""
        return jnp.diag(jnp.maximum(gradient, 0))


@dataclass(frozen=True)
class Interval(Domain):
    """[a, b], or an interval to which one end or both do not belong.

    Args:
        lower: a.
        upper: b > a.
        shape: "[]", "(]", "[)" or "()": a bracket where the end belongs to the interval.
        usual: where a search starts if it is told nothing; None for the middle.

    Raises:
        ValueError: an end is not finite, b ≤ a, or `usual` is not between them.
    """

    lower: float
    upper: float
    shape: str = "[]"
    usual: float | None = field(default=None, compare=False)
    ends: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_finite(self.lower, "lower")
        require_finite(self.upper, "upper")
        require(
            self.lower < self.upper,
            "upper",
            f"exceed the lower end {sign(self.lower)}",
            f"it is {sign(self.upper)}",
        )
        one_of(self.shape, "shape", ("[]", "(]", "[)", "()"))
        if self.usual is not None:
            self.check_inside(self.usual, "usual")

    @property
    def bounds(self) -> tuple[float, float]:
        """a and b."""
        return float(self.lower), float(self.upper)

    @property
    def closed(self) -> tuple[bool, bool]:
        """Whether each end belongs to the interval."""
        return self.shape[0] == "[", self.shape[1] == "]"

    @property
    def length(self) -> float:
        """L = b − a."""
        return float(self.upper - self.lower)

    def __str__(self) -> str:
        return f"lie in {self.shape[0]}{sign(self.lower)}, {sign(self.upper)}{self.shape[1]}"

    def neutral(self, entries: int) -> float:
        """Return the usual place, or the middle."""
        return self.lower + self.length / 2 if self.usual is None else self.usual

    def natural(self, theta: Float[Array, " p"]) -> Float[Array, " q"]:
        """Return a + L/(1 + e^−θ)."""
        x = self.lower + self.length * jax.nn.sigmoid(theta)
        return within(x, self.bounds, self.closed)

    def coordinates(self, natural: Float[Array, " q"]) -> Float[Array, " p"]:
        """Return log((x − a)/(b − x))."""
        return jnp.log(natural - self.lower) - jnp.log(self.upper - natural)

    def log_jacobian(self, theta: Float[Array, " p"]) -> Float[Array, ""]:
        """Return Σ log(L u(1 − u)), u = 1/(1 + e^−θ)."""
        both = jax.nn.log_sigmoid(theta) + jax.nn.log_sigmoid(-theta)
        return jnp.sum(both + math.log(self.length))

    def ignorance(self, entries: int) -> float:
        """Return L/√12."""
        return self.length * 12**-0.5

    def slope(self, theta: Float[Array, " p"]) -> Float[Array, " p"]:
        """Return u(1 − u), the derivative in units of L."""
        return jax.nn.sigmoid(theta) * jax.nn.sigmoid(-theta)

    def bend(self, theta: Float[Array, " p"], gradient: Float[Array, " p"]) -> Float[Array, "p p"]:
        """Return the positive part of ∂Q/∂θ (1 − 2u), for x″ = (1 − 2u) x′."""
        return jnp.diag(jnp.maximum(gradient * (1 - 2 * jax.nn.sigmoid(theta)), 0))


@dataclass(frozen=True)
class Simplex(Domain):
    """Entries in [0, 1] of sum 1: probabilities of things of which one happens."""

    ends: ClassVar[bool] = True
    joined: ClassVar[bool] = True

    @property
    def bounds(self) -> tuple[float, float]:
        """0 and 1."""
        return 0.0, 1.0

    @property
    def closed(self) -> tuple[bool, bool]:
        """Both ends belong to the domain."""
        return True, True

    def __str__(self) -> str:
        return "lie in [0, 1] with the sum 1"

    def contains(self, value: Any) -> Bool[np.ndarray, "*shape"]:
        """Tell which entries lie in [0, 1]; none does if their sum is not 1 to rounding."""
        x = np.asarray(value)
        rounding = 8 * x.size * np.finfo(x.dtype if x.dtype.kind == "f" else float).eps
        return super().contains(x) & (np.abs(np.sum(x) - 1) <= rounding)

    def free(self, entries: int) -> int:
        """Return one less."""
        return entries - 1

    def neutral(self, entries: int) -> float:
        """Return equal parts."""
        return 1 / max(entries, 1)

    def natural(self, theta: Float[Array, " p"]) -> Float[Array, " q"]:
        """Return e^θ_k/Σe^θ with θ_last = 0."""
        return jax.nn.softmax(jnp.append(theta, 0))

    def coordinates(self, natural: Float[Array, " q"]) -> Float[Array, " p"]:
        """Return log(x_k/x_last)."""
        return jnp.log(natural[:-1]) - jnp.log(natural[-1])

    def log_jacobian(self, theta: Float[Array, " p"]) -> Float[Array, ""]:
        """Return Σ log x_k over all entries: the determinant of diag x − xxᵀ without the last."""
        return jnp.sum(jax.nn.log_softmax(jnp.append(theta, 0)))

    def ignorance(self, entries: int) -> float:
        """Return √((K − 1)/(K + 1))/K, the standard deviation of Dirichlet's law."""
        return ((entries - 1) / (entries + 1)) ** 0.5 / entries

    def slope(self, theta: Float[Array, " p"]) -> Float[Array, " p"]:
        """Return x_k(1 − x_k)."""
        x = self.natural(theta)[:-1]
        return x * (1 - x)

    def bend(self, theta: Float[Array, " p"], gradient: Float[Array, " p"]) -> Float[Array, "p p"]:
        """Return the positive part of the matrix diag ∂Q − ∂Q xᵀ − x ∂Qᵀ."""
        cross = jnp.outer(gradient, self.natural(theta)[:-1])
        size, direction = jnp.linalg.eigh(jnp.diag(gradient) - cross - cross.T)
        return direction * jnp.maximum(size, 0) @ direction.T

    def choose(self, mask: Bool[np.ndarray, "*shape"], name: str) -> Bool[np.ndarray, "*shape"]:
        """Return the mask, which frees all entries."""
        require(
            mask.all(),
            "free",
            "free every entry of a simplex",
            f"it fixes some of `{name}`",
            "Their sum is 1: leave `free` out for this field.",
        )
        return mask
