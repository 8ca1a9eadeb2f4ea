"""Correlations of ℓ different particles: sums over tuples without repetition.

With weights w_i and functions φ_1 … φ_ℓ of one particle,

    Σ_{i_1 … i_ℓ different} Π_k w_{i_k} φ_k(z_{i_k}) = Σ_π Π_{b ∈ π} (−1)^{|b|−1} (|b|−1)! S_b,
    S_b = Σ_i w_i^{|b|} Π_{k ∈ b} φ_k(z_i),

over the partitions π of {1 … ℓ}: ℓ passes over the particles instead of N^ℓ tuples. In the limit
particles are independent, and a density gives the product of the integrals ∫ φ_k f.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from jaxkin.numerics.checks import require
from jaxkin.observables.base import Coordinates, Observable, Weighted
from jaxkin.observables.density import Density

Function = Callable[[Coordinates], Any]


class Correlation(Observable):
    """⟨f_ℓ, φ_1 ⊗ … ⊗ φ_ℓ⟩ of the ℓ-particle correlation function (Lods et al., (1.12)).

    Particles give the sum over tuples of different particles, ε^ℓ Σ Π φ_k with w = ε each, and for
    φ_k = 1 the factorial moment ε^ℓ N(N−1)…(N−ℓ+1); an equation, where particles are independent,
    the product Π ∫ φ_k f. In single precision the sums lose about 1e-7·(ℓ−1)! of their size.

    Args:
        name: name in the trajectory.
        functions: φ_1 … φ_ℓ, ℓ ≤ 4, each from the `Coordinates` of one particle to a number or an
            array, all of one shape.

    Raises:
        ValueError: there are no functions, or more than four.
    """

    name: str = eqx.field(static=True)
    functions: tuple[Function, ...] = eqx.field(static=True)

    def __init__(self, name: str, functions: Sequence[Function]):
        functions = tuple(functions)
        require(
            1 <= len(functions) <= 4 and all(callable(f) for f in functions),
            "functions",
            "be a list of one to four functions of one particle",
            f"it is {functions!r}",
        )
        self.name, self.functions = name, functions

    def of_particles(self, measured: Weighted, *, key: PRNGKeyArray | None = None) -> Array:
        """Return the sum over tuples of different particles."""
        return _over_tuples(measured, self.functions, self.name)

    def of_density(self, density: Density) -> Array:
        """Return Π ∫ φ_k f."""
        return _product(density, self.functions, self.name)


class PairMean(Observable):
    """⟨φ(z₁)ψ(z₂)⟩ of two different particles: the two-particle marginal against φ ⊗ ψ.

    Particles give the mean over ordered pairs, [(Σφ)(Σψ) − Σφψ]/(N(N−1)); an equation, where
    particles are independent, the product ⟨φ⟩⟨ψ⟩. Their difference is the correlation. Where the
    number of particles is random, `Correlation` is the better choice: this is NaN for N < 2.

    Args:
        name: name in the trajectory.
        first: φ, from the `Coordinates` of one particle to a number or array.
        second: ψ, of the same shape; φ if None.
    """

    name: str = eqx.field(static=True)
    first: Function = eqx.field(static=True)
    second: Function = eqx.field(static=True)

    def __init__(self, name: str, first: Function, second: Function | None = None):
        self.name, self.first = name, first
        self.second = first if second is None else second

    def of_particles(self, measured: Weighted, *, key: PRNGKeyArray | None = None) -> Array:
        """Return the mean over pairs of different particles."""
        both = _over_tuples(measured, (self.first, self.second), self.name)
        return both / _over_tuples(measured, (_unit, _unit), self.name)

    def of_density(self, density: Density) -> Array:
        """Return ⟨φ⟩⟨ψ⟩ of the density scaled to mass 1."""
        return _product(density, (self.first, self.second), self.name) / density.mass() ** 2


def _product(density: Density, functions: Sequence[Function], name: str) -> Array:
    parts = [density.integral(f, None, name) for f in functions]
    return math.prod(parts[1:], start=parts[0])


def _over_tuples(measured: Weighted, functions: Sequence[Function], name: str) -> Array:
    total: Any = 0.0
    for blocks in _partitions(list(functions)):
        term: Any = 1.0
        for block in blocks:
            size = len(block)
            term = (
                term * (-1) ** (size - 1) * math.factorial(size - 1) * _sum(measured, block, name)
            )
        total = total + term
    return total


def _sum(measured: Weighted, functions: Sequence[Function], name: str) -> Array:
    """Return Σ n w^m Π_m φ_m."""

    def product(z: Coordinates) -> Array:
        values = [jnp.asarray(f(z)) for f in functions]
        return math.prod(values[1:], start=values[0])

    return measured.total(product, len(functions), name)


def _unit(z: Coordinates) -> float:
    return 1.0


def _partitions(items: list) -> list[list[list]]:
    """Return all partitions of a list into blocks."""
    if not items:
        return [[]]
    first, rest = items[0], items[1:]
    found = []
    for blocks in _partitions(rest):
        found.append([[first], *blocks])
        for k, block in enumerate(blocks):
            found.append([*blocks[:k], [first, *block], *blocks[k + 1 :]])
    return found
