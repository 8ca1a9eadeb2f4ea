"""Correlations of ℓ different particles: sums over tuples without repetition.

With weights w_i and functions φ_1 … φ_ℓ of one particle,

    Σ_{i_1 … i_ℓ different} Π_k w_{i_k} φ_k(z_{i_k}) = Σ_π Π_{b ∈ π} (−1)^{|b|−1} (|b|−1)! S_b,
    S_b = Σ_i w_i^{|b|} Π_{k ∈ b} φ_k(z_i),

over the partitions π of {1 … ℓ}: ℓ passes over the particles instead of N^ℓ tuples.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from jaxkin.numerics.checks import require
from jaxkin.observables import Coordinates, Observable, Weighted


class Correlation(Observable):
    """⟨f_ℓ, φ_1 ⊗ … ⊗ φ_ℓ⟩ of the ℓ-particle correlation function (Lods et al., (1.12)).

    Particles give the sum over tuples of different particles, ε^ℓ Σ Π φ_k with w = ε each, and for
    φ_k = 1 the factorial moment ε^ℓ N(N−1)…(N−ℓ+1); an equation, where particles are independent,
    the product Π ⟨f, φ_k⟩. In single precision the sums lose about 1e-7·(ℓ−1)! of their size.

    Args:
        name: name in the trajectory.
        functions: φ_1 … φ_ℓ, ℓ ≤ 4, each from the `Coordinates` of one particle to a number or an
            array, all of one shape.
    """

    functions: tuple[Callable[[Coordinates], Any], ...] = eqx.field(static=True, default=())

    def __init__(self, name: str, functions: Sequence[Callable[[Coordinates], Any]]):
        functions = tuple(functions)
        require(
            1 <= len(functions) <= 4 and all(callable(f) for f in functions),
            "functions",
            "be a list of one to four functions of one particle",
            f"it is {functions!r}",
        )
        self.name, self.functions = name, functions
        self.function = functions[0]

    def evaluate(self, measured: Weighted) -> Array:
        """Return the sum over tuples of different particles."""
        total: Any = 0.0
        for blocks in _partitions(list(self.functions)):
            term: Any = 1.0
            for block in blocks:
                size = len(block)
                term = term * (-1) ** (size - 1) * math.factorial(size - 1) * _sum(measured, block)
            total = total + term
        return total

    def evaluate_limit(self, measured: Weighted) -> Array:
        """Return Π ⟨f, φ_k⟩."""
        sums = [_sum(measured, [f]) for f in self.functions]
        return jnp.prod(jnp.stack(sums), axis=0)


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

    second: Callable[[Coordinates], Any] = eqx.field(static=True, default=None)  # type: ignore

    def __init__(self, name: str, first: Callable, second: Callable | None = None):
        self.name, self.function = name, first
        self.second = first if second is None else second

    def _scaled(self, evaluate: Callable[[Correlation], Array]) -> Array:
        both = Correlation(self.name, [self.function, self.second])
        ones = Correlation(self.name, [lambda z: 1.0, lambda z: 1.0])
        return evaluate(both) / evaluate(ones)

    def evaluate(self, measured: Weighted) -> Array:
        """Return the mean over pairs of different particles."""
        return self._scaled(lambda c: c.evaluate(measured))

    def evaluate_limit(self, measured: Weighted) -> Array:
        """Return ⟨φ⟩⟨ψ⟩ of the measure scaled to mass 1."""
        return self._scaled(lambda c: c.evaluate_limit(measured))


def _sum(measured: Weighted, functions: Sequence[Callable]) -> Array:
    """Return Σ w^m Π_m φ_m."""

    def product(z: Coordinates) -> Array:
        values = [jnp.asarray(f(z)) for f in functions]
        return math.prod(values[1:], start=values[0])

    powers = eqx.tree_at(lambda m: m.weight, measured, measured.weight ** len(functions))
    return Observable("sum", product).evaluate(powers)


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
