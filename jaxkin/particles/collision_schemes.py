"""Which tuples of particles a block of proposals takes: exactly, or disjoint by construction.

Exact: tuples are drawn one by one, all equally likely, and the longest prefix of a block in which
no particle appears twice is carried out at once.

Disjoint: a block is made of pairs that share no particle (`jaxkin.numerics.tuples.disjoint_pairs`),
chosen by its first proposal, and all of it is carried out. A particle then collides at most once
in a step, an error of the order of the step.
"""

import abc
import math

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int32, UInt32

from jaxkin.numerics.checks import is_number, require
from jaxkin.numerics.tuples import different, disjoint_pairs, first_repeat


class CollisionScheme(eqx.Module):
    """How tuples are chosen; the fields of a scheme are what a user may set."""

    @abc.abstractmethod
    def check(self, orders: tuple[int, ...]) -> None:
        """Raise `ValueError` if the scheme is not made for collisions of these orders."""

    @abc.abstractmethod
    def block(self, n_particles: int, order: int) -> int:
        """Return how many collisions of a replica are drawn at once."""

    @abc.abstractmethod
    def places(
        self, words: list[UInt32[Array, "B R"]], n_particles: int, number: Array | int
    ) -> Int32[Array, "K B R"]:
        """Return the places of the particles of each tuple, from K random words.

        Args:
            words: K arrays, one row for each proposal of the block.
            n_particles: places of a replica.
            number: (R,) how many of them, from the first on, hold a particle.
        """

    @abc.abstractmethod
    def free(
        self, places: Int32[Array, "K B R"], used: Bool[Array, "K #B #R"]
    ) -> Int32[Array, " R"] | int:
        """Return how many proposals from the first on share no particle."""


class Exact(CollisionScheme):
    """Collisions of Kac's gas one after the other: exact in law."""

    def check(self, orders: tuple[int, ...]) -> None:
        """Take collisions of all orders."""

    def block(self, n_particles: int, order: int) -> int:
        """Return about N^{0.45}/K, a power of 2 up to 128, found by trial.

        About √N go without a repeated particle, but to compare B with each other costs B².
        """
        return min(128, max(2, 2 ** round(math.log2(n_particles**0.45 / order))))

    def places(
        self, words: list[UInt32[Array, "B R"]], n_particles: int, number: Array | int
    ) -> Int32[Array, "K B R"]:
        """Return places that differ within a tuple."""
        # Where there are too few particles nothing happens: any places will do.
        enough = number if isinstance(number, int) else jnp.maximum(number, len(words))
        return different(words, enough)

    def free(
        self, places: Int32[Array, "K B R"], used: Bool[Array, "K #B #R"]
    ) -> Int32[Array, " R"] | int:
        """Return the place of the first proposal that repeats a particle."""
        return first_repeat(places, used)


class Disjoint(CollisionScheme):
    """Binary collisions of Kac's gas in steps of many pairs that share no particle.

    Biased by O(fraction): the stress of Maxwell molecules decays 1.3 % too fast at 0.05. Faster
    than `Exact` from N = 10⁴ on (docs/figures/kac.md).

    Args:
        fraction: of the particles that one step proposes, in (0, 1].

    Raises:
        ValueError: `fraction` is out of range.
    """

    fraction: float = eqx.field(static=True)

    def __init__(self, fraction: float = 0.05):
        right = is_number(fraction) and 0 < fraction <= 1
        require(right, "fraction", "lie in (0, 1]", f"it is {fraction!r}", "Take 0.05.")
        self.fraction = float(fraction)

    def check(self, orders: tuple[int, ...]) -> None:
        """Raise `ValueError` unless all collisions are binary."""
        require(
            all(order == 2 for order in orders),
            "scheme",
            "be `jaxkin.schemes.Exact()` for laws of other orders than 2",
            f"it is {self!r}",
        )

    def block(self, n_particles: int, order: int) -> int:
        """Return the pairs that hold `fraction` of the particles."""
        return min(max(1, round(self.fraction * n_particles / 2)), n_particles // 2)

    def places(
        self, words: list[UInt32[Array, "B R"]], n_particles: int, number: Array | int
    ) -> Int32[Array, "K B R"]:
        """Return pairs that share no particle."""
        first, second = words
        places = disjoint_pairs(first[0], second[0], n_particles, first.shape[0])
        # Who is first is left to chance, for laws that tell.
        return jnp.where((first & 1) == 1, places[::-1], places)

    def free(
        self, places: Int32[Array, "K B R"], used: Bool[Array, "K #B #R"]
    ) -> Int32[Array, " R"] | int:
        """Return the size of the block."""
        return places.shape[1]
