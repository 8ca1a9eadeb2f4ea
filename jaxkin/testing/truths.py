"""What a law says of an observable: its density integrated in NumPy, by rules of no operator.

Velocities, d ≤ 3: Gauss–Legendre on panels of the radius, one end where |v|² = 4T, times equal
angles (and Gauss–Legendre in the cosine for d = 3); for what depends on v₁ alone Gauss–Legendre on
panels of v₁ between given edges times equal steps across. Places: equal steps on the torus, which
are exact for smooth densities, or Gauss–Legendre between planes of x₁.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxkin.laws.base import Law, require_law
from jaxkin.laws.by_type import ByType
from jaxkin.laws.masses import MassLaw
from jaxkin.laws.velocities import VelocityLaw

Rule = tuple[np.ndarray, np.ndarray]


class Type(NamedTuple):
    """The velocities of one type of particles.

    Attributes:
        density: f(v), of integral 1.
        reach: a radius beyond which f is negligible.
        spread: ∫ p log p of the density p(x₁) of places; None where velocities depend on the place.
    """

    density: Callable[[np.ndarray], np.ndarray]
    reach: float
    spread: float | None = 0.0

    def mean(self, function: Callable[[np.ndarray], np.ndarray], rule: Rule) -> np.ndarray:
        """Return ∫ φ f, φ of all nodes at once, (n, …)."""
        nodes, weights = rule
        return np.tensordot(weights * self.density(nodes), function(nodes), axes=1)


def is_one_of(law: Any, family: type[Law]) -> bool:
    """Whether a law is one of the family."""
    try:
        require_law(law, family)
    except ValueError:
        return False
    return True


def types_of(law: Any) -> list[Type] | None:
    """Return the velocities of each type; None where the law or its dimension has no rule here."""
    if is_one_of(law, ByType):
        layers = [each.layers(np.array([0.0, 1.0])) for each in law.laws]
        spreads = [_spread(each) for each in law.laws]
    elif is_one_of(law, VelocityLaw) and hasattr(law, "density"):
        layers, spreads = [[(np.ones(1), law)]], [0.0]
    else:
        return None
    if law.dimension > 3:
        return None
    return [_type(each, spread) for each, spread in zip(layers, spreads, strict=True)]


def _spread(law: Any) -> float | None:
    layers = law.layers(np.linspace(0.0, 1.0, 4097))
    if len(layers) > 1:
        return None
    p = np.asarray(layers[0][0], float)
    return float(np.mean(np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0)), 0.0)))


def _type(layers: list, spread: float | None) -> Type:
    laws = [law for _, law in layers]
    shares = [float(np.asarray(share)[0]) for share, _ in layers]
    drawn = [_drawn(law) for law in laws]
    reach = 2.5 * max(float(np.linalg.norm(np.asarray(v), axis=-1).max()) for v in drawn)

    def density(v: np.ndarray) -> np.ndarray:
        parts = zip(shares, laws, strict=True)
        return np.sum([p * np.asarray(_density(law, v), float) for p, law in parts], axis=0)

    return Type(density, reach, spread)


@eqx.filter_jit
def _drawn(law: Any) -> Array:
    return law.sample_velocities(4096, key=jax.random.key(0), dtype=float)


@eqx.filter_jit
def _density(law: Any, places: Any) -> Array:
    return law.density(jnp.asarray(places))


@functools.lru_cache(maxsize=64)
def radial_rule(dimension: int, reach: float, jump: float) -> Rule:
    """Return nodes (n, d) and weights of ∫ dv over |v| < reach, for what may jump at |v| = jump."""
    x, w = np.polynomial.legendre.leggauss(24)
    marks = np.concatenate(
        [np.linspace(0, jump, 4), np.linspace(jump, max(reach, 2 * jump), 7)[1:]]
    )
    half = np.diff(marks)[:, None] / 2
    r = (marks[:-1, None] + half + half * x).ravel()
    size = (half * w).ravel() * r ** (dimension - 1)
    if dimension == 1:
        directions, areas = np.array([[1.0], [-1.0]]), np.ones(2)
    else:
        count = 64 if dimension == 2 else 32
        angle = 2 * np.pi * (np.arange(count) + 0.5) / count
        circle, areas = (
            np.stack([np.cos(angle), np.sin(angle)], 1),
            np.full(count, 2 * np.pi / count),
        )
        directions = circle
        if dimension == 3:
            c, share = np.polynomial.legendre.leggauss(20)
            across = np.sqrt(1 - c**2)[:, None, None] * circle
            up = np.broadcast_to(c[:, None, None], (*across.shape[:2], 1))
            directions = np.concatenate([across, up], -1).reshape(-1, 3)
            areas = np.outer(share, areas).ravel()
    return (r[:, None, None] * directions).reshape(-1, dimension), np.outer(size, areas).ravel()


def marginal_rule(dimension: int, reach: float, low: float, high: float) -> Rule:
    """Return nodes and weights of ∫ dv over low < v₁ < high."""
    x, w = np.polynomial.legendre.leggauss(16)
    low, high = np.clip([low, high], -reach, reach)
    first, size = (low + high) / 2 + (high - low) / 2 * x, (high - low) / 2 * w
    count = 128 if dimension == 2 else 48
    step = 2 * reach / count
    across = -reach + step * (np.arange(count) + 0.5)
    axes = np.meshgrid(first, *[across] * (dimension - 1), indexing="ij")
    weights = np.multiply.outer(size, np.full((count,) * (dimension - 1), step ** (dimension - 1)))
    return np.stack(axes, -1).reshape(-1, dimension), weights.ravel()


class Masses(NamedTuple):
    """The densities of masses in the torus.

    Attributes:
        density: (n, M) h at places (n, d).
        dimension: d.
        masses: M.
        uniform: whether the densities are the same everywhere.
    """

    density: Callable[[np.ndarray], np.ndarray]
    dimension: int
    masses: int
    uniform: bool

    def mean(
        self, function: Callable[[np.ndarray], np.ndarray], low: float = 0.0, high: float = 1.0
    ):
        """Return (M, …) ∫ φ h_n over low < x₁ < high, φ of all places at once, (n, …)."""
        x, w = np.polynomial.legendre.leggauss(32)
        count = 1 if self.uniform else {1: 1, 2: 64}.get(self.dimension, 24)
        first, size = (low + high) / 2 + (high - low) / 2 * x, (high - low) / 2 * w
        across = np.arange(count) / count
        axes = np.meshgrid(first, *[across] * (self.dimension - 1), indexing="ij")
        places = np.stack(axes, -1).reshape(-1, self.dimension)
        weights = np.repeat(size, count ** (self.dimension - 1)) / count ** (self.dimension - 1)
        return np.tensordot(self.density(places).T * weights, function(places), axes=1)


def masses_of(law: Any, dimension: int | None) -> Masses | None:
    """Return the densities of masses; None for a law of another family."""
    if not (is_one_of(law, MassLaw) and hasattr(law, "density")):
        return None

    def density(places: np.ndarray) -> np.ndarray:
        return np.asarray(_density(law, places), float)

    return Masses(density, 1 if dimension is None else dimension, law.max_mass, law.uniform)


def shares_of(law: ByType, edges: Sequence[float]) -> list[np.ndarray]:
    """Return for each type the share of x₁ in each cell between edges."""
    ends = np.asarray(edges)
    return [
        sum(np.asarray(p, float) for p, _ in each.layers(ends)) * np.diff(ends) for each in law.laws
    ]
