"""The pair-law scheme: the exact law of a pair between the ends of a step, for large N.

It takes the scattering length of the recipe as given, a = β/(4πD) in d = 3 and ln ℓ in d = 2
(`physics.point_scatterer`, `physics.point_scatterer_2d`), and tests what many bodies make of it;
that particles obey β it cannot show. Positions at the ends of a step are drawn freely, and each
pair that may have met reacts with the probability of its bridge. Different pairs are drawn
independently given the ends.

Bias: in d = 3 the law of one pair is exact up to 8e-5 for Dτ ≥ 10 ρ², in d = 2 up to ρ²/(Dτ),
mostly astronomically small, plus 2e-4 at most of its table. Pairs of one particle share its path,
which independence given the ends ignores; that matters only if two encounters fall into one step,
at relative order βhτ times the correlation of the two. It has not been resolved: in d = 3 the rates
with Dτ = 0.008, the default, and with a quarter of it differ by 0.0 ± 0.2 % at N = 200, those with
half of it by 0.1 ± 0.1 % at N = 50. In d = 2, at N = 40, Dτ = 0.004 and a quarter of it differ by
0 ± 2e-3.

Each pair has one uniform number, a cheap hash of its two particles. The screen of all pairs
compares it with a bound on the chance to react, so that hardly more pairs pass than react.
"""

from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxkin.numerics.brownian_tree import node_words
from jaxkin.numerics.checks import require
from jaxkin.numerics.draws import to_normal, to_uniform, to_uniform_fast
from jaxkin.numerics.hashing import pair_word
from jaxkin.numerics.pair_screen import relative_motion
from jaxkin.particles.brownian.steps import LONGEST
from jaxkin.particles.brownian.swarm import PairTable, Scheme, Swarm
from jaxkin.physics.contacts import point_scatterer, point_scatterer_2d
from jaxkin.physics.contacts.interactions import Interaction

LAWS = {2: point_scatterer_2d, 3: point_scatterer}  # of one pair, by dimension
SHORTEST = {2: 2500.0, 3: 3.0}  # Dτ/ρ² of the slowest pair, by dimension
PAIR, BRIDGE, PRODUCT = 1 << 20, 1 << 21, 1 << 22  # names of draws, in place of a level


class Traits(NamedTuple):
    """What the screen reads of slots.

    Attributes:
        start: d arrays, the places at the start of the step.
        shift: d arrays, the displacements.
        spread: d(n) τ.
        word: random words, and `salt` more of them, that the pairs' draws are made of.
        young: born during the step.
    """

    start: tuple[Array, ...]
    shift: tuple[Array, ...]
    spread: Array
    word: Array
    salt: Array
    young: Array


class PairLaw(Scheme):
    """Let a pair react by the law of two particles between the ends of a step: for large N.

    It is told the scattering length of the recipe, so that it cannot show that particles obey β.
    In d = 2 for a radial V alone. Steps must be long, Dτ ≥ 3ρ² in d = 3 and 2500ρ² in d = 2.
    """

    one_at_a_time: ClassVar[bool] = False
    takes_length: ClassVar[bool] = True

    def check(self, interaction: Interaction, dimension: int) -> None:
        """Raise `ValueError` for a V that is not radial in d = 2."""
        require(
            dimension == 3 or interaction.radial,
            "scheme",
            "be `jaxkin.schemes.Contact()` for a V that is not radial in d = 2",
            "it is a PairLaw",
            "The planar scattering length is computed for a radial V alone.",
        )

    def default_spread(self, n_particles: int) -> float:
        """Return the longest."""
        return LONGEST

    def shortest_spread(self, dimension: int) -> float:
        """Return 3 in d = 3, 2500 in d = 2: a step must be long against the range."""
        return SHORTEST[dimension]

    def traits(self, swarm: Swarm, table: PairTable, step: Array, places: int) -> Traits:
        """Return the motion of each slot and the words that its pairs draw from."""
        spread = table.diffusivity[jnp.maximum(swarm.mass - 1, 0)] * step
        words = _own_words(swarm)
        return Traits(tuple(swarm.start), tuple(swarm.shift), spread, *words, swarm.birth > 0)

    def may_react(self, own: Traits, other: Traits, table: PairTable, step: Array) -> Array:
        """Return whether the draw of pairs is below a bound on their chance to react.

        The bound is for the whole step. A pair with a newborn has less of it, and its chance
        depends on more than the ends: it passes if it may meet at all.
        """
        law, spread = LAWS[len(own.start)], own.spread + other.spread
        start2, stop2, dot = relative_motion(own.start, own.shift, other.start, other.shift)
        word = pair_word(own.word, own.salt, other.word, other.salt)
        draw = to_uniform_fast(word, spread.dtype)
        fires = law.may_react(draw, start2, stop2, dot, spread, table.length)
        meets = jnp.sqrt(start2) * jnp.sqrt(stop2) + dot < 2 * self.reach * spread
        return jnp.where(own.young | other.young, meets, fires)

    def items(
        self, swarm: Swarm, table: PairTable, step: Array, i: Array, j: Array
    ) -> tuple[Array, Array]:
        """Return the columns of the pairs: no floats but one to hold the place, and i, j."""
        return jnp.zeros((1, i.size), swarm.start.dtype), jnp.stack([i, j])

    def process(
        self, floats: Array, integers: Array, swarm: Swarm, table: PairTable, step: Array
    ) -> tuple[Array, Array, None, None, None]:
        """Decide for each pair whether and when it reacts; there is nothing to bisect."""
        i, j = integers
        law, dtype = LAWS[swarm.start.shape[0]], swarm.start.dtype
        mass_i, mass_j = swarm.mass[i] - 1, swarm.mass[j] - 1
        relative = table.diffusivity[mass_i] + table.diffusivity[mass_j]
        begin = jnp.maximum(swarm.birth[i], swarm.birth[j])
        start, stop = _relative(swarm, table, step, i, j, begin)
        spread = relative * step * (1 - begin)
        words = node_words(swarm.keys[:, i], _bits(begin) ^ swarm.keys[0, j], _name(i, PAIR))
        word, salt = _own_words(swarm)
        length = table.length[mass_i, mass_j]  # its logarithm in d = 2
        probability = law.reaction_probability(start, stop, spread, length)
        # The draw of the screen, so that what passed there is decided here.
        draw = to_uniform_fast(pair_word(word[i], salt[i], word[j], salt[j]), dtype)
        fires = draw < probability
        fraction = law.reaction_time(
            jnp.sqrt(jnp.sum(start**2, 0)),
            jnp.sqrt(jnp.sum(stop**2, 0)),
            spread,
            to_normal(words[1], dtype),
            to_uniform(words[2], dtype),
            to_uniform(words[3], dtype),
        )
        # Rounding must not put a birth at the very end of the step, where no time is left.
        time = jnp.minimum(begin + (1 - begin) * fraction, 1 - 2.0**-20)
        return fires, time, None, None, None

    def product(
        self,
        swarm: Swarm,
        table: PairTable,
        step: Array,
        stays: Array,
        goes: Array,
        time: Array,
        mass: Array,
    ) -> tuple[Array, Array, Array]:
        """Return (start, shift, born) of the product, born where the pair met.

        Both are at one place when they react; (d_j x_i + d_i x_j)/D moves independently of the
        relative position, so that place is a point of its bridge.
        """
        dimension, dtype = swarm.start.shape[0], swarm.start.dtype
        diffusivity = table.diffusivity[jnp.maximum(swarm.mass - 1, 0)]
        d_i, d_j = diffusivity[stays], diffusivity[goes]
        new = table.diffusivity[jnp.maximum(mass - 1, 0)]
        time = jnp.where(jnp.isfinite(time), time, 0.5)
        begin = jnp.maximum(swarm.birth[stays], swarm.birth[goes])
        start, stop = _relative(swarm, table, step, stays, goes, begin)
        share = d_i / (d_i + d_j)
        centre_start = _place(swarm, table, step, stays, begin) + share * start
        centre_stop = swarm.start[:, stays] + swarm.shift[:, stays] + share * stop
        part = jnp.clip((time - begin) / (1 - begin), 0, 1)
        named = jnp.repeat(jnp.arange(PRODUCT, PRODUCT + 3, dtype=jnp.uint32), stays.size)
        words = node_words(jnp.tile(swarm.keys[:, stays], 3), jnp.tile(_bits(time), 3), named)
        draws = jnp.split(to_normal(words[:dimension], dtype), 3, axis=1)
        wander = 2 * share * d_j * step * (1 - begin) * part * (1 - part)
        centre = centre_start + part * (centre_stop - centre_start) + jnp.sqrt(wander) * draws[0]
        before = jnp.sqrt(2 * new * step * time) * draws[1]
        after = jnp.sqrt(2 * new * step * (1 - time)) * draws[2]
        return centre - before, before + after, before


def _name(like: Array, name: int) -> Array:
    return jnp.full(like.shape, name, jnp.uint32)


def _bits(time: Float[Array, " n"]) -> Array:
    return jax.lax.bitcast_convert_type(time.astype(jnp.float32), jnp.uint32)


def _own_words(swarm: Swarm) -> tuple[Array, Array]:
    """Random words of each slot; those of a product differ from those that its slot had before."""
    born = _bits(swarm.birth)
    return swarm.keys[0] ^ born, swarm.keys[1] + born


def _place(swarm: Swarm, table: PairTable, step: Array, slot: Array, time: Array) -> Array:
    """Position of a slot at a time after its birth, by a bridge to the end of the step."""
    birth, dimension = swarm.birth[slot], swarm.start.shape[0]
    born, shift = swarm.born[:, slot], swarm.shift[:, slot]
    part = jnp.where(birth < 1, (time - birth) / (1 - birth), 0)
    variance = 2 * table.diffusivity[jnp.maximum(swarm.mass[slot] - 1, 0)] * step
    variance = variance * (1 - birth) * part * (1 - part)
    words = node_words(swarm.keys[:, slot], _bits(time), _name(slot, BRIDGE))
    normal = to_normal(words[:dimension], time.dtype)
    return swarm.start[:, slot] + born + part * (shift - born) + jnp.sqrt(variance) * normal


def _relative(
    swarm: Swarm, table: PairTable, step: Array, i: Array, j: Array, begin: Array
) -> tuple[Array, Array]:
    """x_j − x_i at `begin`, by the nearest image, and at the end of the step."""

    def from_start():
        return swarm.start[:, i], swarm.start[:, j]

    def from_birth():
        return tuple(_place(swarm, table, step, k, begin) for k in (i, j))

    # Most blocks hold no newborn; then the bridges, which cost most of the work, are not needed.
    here, there = jax.lax.cond(jnp.any(begin > 0), from_birth, from_start)
    apart = there - here
    apart = apart - jnp.round(apart)
    moved = [swarm.start[:, k] + swarm.shift[:, k] for k in (i, j)]
    return apart, apart + (moved[1] - there) - (moved[0] - here)
