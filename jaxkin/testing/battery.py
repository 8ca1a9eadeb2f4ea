"""The battery: observables of each kind, and what a law says of them."""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxkin.laws.by_type import ByType
from jaxkin.observables.base import Coordinates, Observable
from jaxkin.observables.correlations import Correlation, PairMean
from jaxkin.observables.fourier import FourierMode
from jaxkin.observables.mean import Entropy, Mean
from jaxkin.observables.velocities import CharacteristicFunction, Histogram
from jaxkin.testing.truths import (
    Masses,
    Type,
    is_one_of,
    marginal_rule,
    masses_of,
    radial_rule,
    shares_of,
    types_of,
)


class Known(NamedTuple):
    """An observable and what it is of a law.

    Attributes:
        observable: what is observed.
        value: of a density.
        size: ∫ |φ| f, in the unit of the value; what a tolerance is relative to.
        square: ∫ |φ|² f of each type, (k, …), by which independent particles scatter; None for what
            is no mean.
        parts: ∫ φ f of each type, (k, …); None likewise.
        pairs: how particles differ: "different" for a sum over pairs of different ones, "mean" for
            a mean over such pairs, "none" where particles do not have it.
    """

    observable: Observable
    value: np.ndarray
    size: np.ndarray
    square: np.ndarray | None = None
    parts: np.ndarray | None = None
    pairs: str = ""


def battery(law: Any, dimension: int | None, density: float) -> list[Known]:
    """Return observables and what they are of a law; nothing for laws of an unknown family.

    Args:
        law: what is known at time 0.
        dimension: d of the torus, for laws of masses.
        density: of one unit of the law.
    """
    types = types_of(law)
    if types is not None:
        known = _of_velocities(types, law.dimension, density)
        return known + (_of_places(law, density) if is_one_of(law, ByType) else [])
    masses = masses_of(law, dimension)
    return [] if masses is None else _of_masses(masses)


def _mean(
    observable: Observable,
    parts: list[np.ndarray],
    sizes: list[np.ndarray],
    squares: list,
    n: float,
) -> Known:
    value = n * np.sum(parts, axis=0)
    return Known(
        observable, value, n * np.sum(sizes, axis=0), n * np.array(squares), n * np.array(parts)
    )


def _pairs(observable: Observable, one: Known, kind: str) -> Known:
    """Return the product of a mean with itself."""
    return Known(observable, one.value**2, one.size**2, one.square, one.parts, kind)


def _of_velocities(types: list[Type], d: int, n: float) -> list[Known]:
    """Return polynomials, |v|, a jump, a histogram, waves, correlations and the entropy."""
    plain = [radial_rule(d, t.reach, t.reach / 8) for t in types]
    drift = np.mean([t.mean(lambda v: v, r) for t, r in zip(types, plain, strict=True)], axis=0)

    def from_drift(v: np.ndarray) -> np.ndarray:
        return np.sum((v - drift) ** 2, -1)

    T = float(np.mean([t.mean(from_drift, r) for t, r in zip(types, plain, strict=True)])) / d
    rules = [radial_rule(d, t.reach, 2 * T**0.5) for t in types]
    unit = T**0.5

    def known(observable: Observable, function: Callable[[np.ndarray], np.ndarray]) -> Known:
        pairs = list(zip(types, rules, strict=True))
        return _mean(
            observable,
            [t.mean(function, r) for t, r in pairs],
            [t.mean(lambda v: np.abs(function(v)), r) for t, r in pairs],
            [t.mean(lambda v: function(v) ** 2, r) for t, r in pairs],
            n,
        )

    def low(v: np.ndarray) -> np.ndarray:
        return np.concatenate(
            [np.ones((len(v), 1)), v, (v[:, :, None] * v[:, None]).reshape(len(v), -1)], 1
        )

    def high(v: np.ndarray) -> np.ndarray:
        square = np.sum(v**2, -1, keepdims=True)
        return np.concatenate([v * square, square**2], 1)

    edges = [float(drift[0] + unit * x) for x in (-1.0, -0.5, 0.0, 0.5, 1.0)]
    waves = np.zeros((3, d))
    waves[:, 0] = np.array([1.0, 2.0, 5.0]) / unit

    def wave(v: np.ndarray) -> np.ndarray:
        return np.stack([np.cos(v @ waves.T), -np.sin(v @ waves.T)], -1)

    bins = [
        np.array(
            [
                t.mean(lambda v: np.ones(len(v)), marginal_rule(d, t.reach, a, b))
                for a, b in itertools.pairwise(edges)
            ]
        )
        for t in types
    ]
    threshold = 4 * T
    ones = known(Mean("one", _one), lambda v: np.ones(len(v)))
    squares = known(Mean("square", _square), lambda v: np.sum(v**2, -1))
    fast = Mean("fast", lambda z: jnp.sum(z.velocity**2) > threshold)
    found = [
        known(Mean("polynomials", _low), low),
        known(Mean("higher_polynomials", _high), high),
        known(Mean("speed", _speed), lambda v: np.sqrt(np.sum(v**2, -1))),
        known(fast, lambda v: (np.sum(v**2, -1) > threshold) * 1.0),
        _mean(Histogram(edges, name="bins"), bins, [np.ones(4)] * len(types), bins, n),
        known(CharacteristicFunction(waves.tolist(), name="waves"), wave),
        _pairs(Correlation("pairs", (_one, _one)), ones, "different"),
        _pairs(PairMean("pair_mean", _square), squares, "mean")._replace(
            value=(squares.value / ones.value) ** 2, size=(squares.value / ones.value) ** 2
        ),
    ]

    def entropy(t: Type, rule: tuple) -> tuple[float, float]:
        f = n * t.density(rule[0])
        each = np.where(f > 0, f * np.log(np.where(f > 0, f, 1.0)), 0.0)
        return float(rule[1] @ each) + n * (t.spread or 0.0), float(rule[1] @ np.abs(each))

    if any(t.spread is None for t in types):
        return found
    H = np.array([entropy(t, r) for t, r in zip(types, rules, strict=True)])
    one_type = len(types) == 1
    value, size = (H[0, 0], H[0, 1]) if one_type else (H[:, 0], H[:, 1])
    return [*found, Known(Entropy(), np.array(value), np.array(size), pairs="none")]


def _of_places(law: ByType, n: float) -> list[Known]:
    """Return the share of x₁ < .3 and a Fourier mode of a law of places."""
    d = law.dimension
    left = [share[0] for share in shares_of(law, (0.0, 0.3, 1.0))]
    edges = np.linspace(0.0, 1.0, 4097)
    middle = (edges[1:] + edges[:-1]) / 2
    waves = np.stack([np.cos(2 * np.pi * middle), -np.sin(2 * np.pi * middle)], 1)
    shares = shares_of(law, edges.tolist())
    mode = FourierMode([(1, *[0] * (d - 1))], name="mode")
    return [
        _mean(Mean("left", _left), left, left, left, n),
        _mean(
            mode,
            [(s @ waves)[None] for s in shares],
            [(s @ np.abs(waves))[None] for s in shares],
            [(s @ waves**2)[None] for s in shares],
            n,
        ),
    ]


def _of_masses(masses: Masses) -> list[Known]:
    """Return counts, moments of the mass, correlations, places, a Fourier mode and the entropy."""
    n = np.arange(1, masses.masses + 1)
    total = masses.mean(lambda x: np.ones(len(x)))
    eye = np.eye(masses.masses)

    def of_mass(observable: Observable, values: np.ndarray) -> Known:
        part, size, square = (
            np.tensordot(total, p, axes=1) for p in (values, np.abs(values), values**2)
        )
        return _mean(observable, [part], [size], [square], 1.0)

    ones = of_mass(Mean("one", _one), np.ones(masses.masses))
    mass = of_mass(Mean("mass_mean", _mass), 1.0 * n)
    M = masses.masses
    left = masses.mean(lambda x: np.ones(len(x)), 0.0, 0.3) @ n
    squares = masses.mean(lambda x: np.ones(len(x)), 0.0, 0.3) @ n**2
    k = np.zeros((2, masses.dimension), int)
    k[:, 0] = [1, 2]

    def wave(x: np.ndarray) -> np.ndarray:
        phase = 2 * np.pi * x @ k.T
        return np.stack([np.cos(phase), -np.sin(phase)], -1)

    modes = [
        masses.mean(f).sum(0) for f in (wave, lambda x: np.abs(wave(x)), lambda x: wave(x) ** 2)
    ]

    def entropies(x: np.ndarray) -> np.ndarray:
        h = masses.density(x)
        return np.where(h > 0, h * np.log(np.where(h > 0, h, 1.0)), 0.0)

    H = masses._replace(density=entropies).mean(lambda x: np.ones(len(x)))
    return [
        of_mass(Mean("each_mass", lambda z: z.mass == jnp.arange(1, M + 1)), eye),
        of_mass(Mean("inverse_mass", _inverse_mass), 1.0 / n),
        _mean(Mean("left_mass", _left_mass), [left], [left], [squares], 1.0),
        _mean(FourierMode(k.tolist(), name="mode"), [modes[0]], [modes[1]], [modes[2]], 1.0),
        _pairs(Correlation("pairs", (_one, _one)), ones, "different"),
        _pairs(PairMean("pair_mean", _mass), mass, "mean")._replace(
            value=(mass.value / ones.value) ** 2, size=(mass.value / ones.value) ** 2
        ),
        Known(Entropy(), H.sum(), np.abs(H).sum() + total.sum(), pairs="none"),
    ]


def _one(z: Coordinates) -> float:
    return 1.0


def _low(z: Coordinates) -> Any:
    v = z.velocity
    return jnp.concatenate([jnp.ones(1, v.dtype), v, jnp.outer(v, v).ravel()])


def _high(z: Coordinates) -> Any:
    square = jnp.sum(z.velocity**2, keepdims=True)
    return jnp.concatenate([z.velocity * square, square**2])


def _speed(z: Coordinates) -> Any:
    return jnp.sqrt(jnp.sum(z.velocity**2))


def _square(z: Coordinates) -> Any:
    return jnp.sum(z.velocity**2)


def _left(z: Coordinates) -> Any:
    return z.position[0] < 0.3


def _left_mass(z: Coordinates) -> Any:
    return (z.position[0] < 0.3) * z.mass


def _mass(z: Coordinates) -> Any:
    return z.mass


def _inverse_mass(z: Coordinates) -> Any:
    return 1.0 / z.mass
