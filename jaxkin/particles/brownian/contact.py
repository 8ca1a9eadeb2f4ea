"""The contact-resolving scheme: it is told the interaction V, and not the rate β.

Two particles at relative position r react at rate a ρ⁻² V(r/ρ) (Hammond, §1.3, with a and ρ of
the pair). The relative path over a step is bisected where it may come near contact, midpoints
being those of the two particles' own Brownian trees, until a segment is so short that

    D h ≤ leaf · ρ²,   D = d_i + d_j,  h the duration,

and there the pair reacts with probability 1 − exp(−(a h/ρ²)·¼[V(r₀) + 2V(r_½) + V(r₁)]).

Everything is written in units of √h of the segment: with s = r/√h and η = ρ/√h,

    s_½ = (s₀ + s₁)/2 + √(d_j/2) ξ_j − √(d_i/2) ξ_i,   children: √2 s, √2 η,

so that the search is the same on every scale, and the astronomically small ranges of d = 2 need
no more than their logarithm.

Bias: paths are exact in law, and shared by all pairs of a particle. What is left are (i) the
quadrature on the leaves: −0.06 % of β at leaf 0.01, α/D = 10 and the unit ball, −1.4 % at leaf
0.16, derived in `benchmarks/coagulation.py` from the transfer operator of one pair; (ii) segments
that are dropped although they would have touched: less than 2e-5 of all contacts for each level
at reach 10, so below 4e-4 for 20 levels. Neither depends on the step, which cuts the paths and
does not approximate them, as long as pairs meet through their nearest image only:
`BrownianCoagulation` keeps Dτ ≤ 0.008, where other images are missed in 3e-5 of the cases.
"""

import math
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxkin.numerics.brownian_tree import node_words
from jaxkin.numerics.checks import is_number, require
from jaxkin.numerics.draws import to_normal, to_uniform
from jaxkin.numerics.pair_screen import may_meet, relative_motion, screen_limit
from jaxkin.particles.brownian.reactions import continue_path
from jaxkin.particles.brownian.steps import LONGEST
from jaxkin.particles.brownian.swarm import PairTable, Scheme, Swarm
from jaxkin.physics.contacts.interactions import Interaction

LEVELS = 31  # depth of the tree to which a survivor's place is resolved


class Motion(NamedTuple):
    """Traits of slots for the screen: places and displacements, d arrays each, and limits."""

    start: tuple[Array, ...]
    shift: tuple[Array, ...]
    limit: Array


class Contact(Scheme):
    """Resolve each contact of coagulating Brownian particles; is told V and not β.

    Args:
        leaf: D h/ρ² in (0, 1] at which a segment of a path, of duration h, is no longer bisected;
            D is the diffusivity of the pair and ρ its range. Bias of β: −0.06 % at 0.01, −1.4 % at
            0.16, for α/D = 10 and the unit ball.

    Raises:
        ValueError: `leaf` is out of range.
    """

    leaf: float = eqx.field(static=True)
    one_at_a_time: ClassVar[bool] = True
    takes_length: ClassVar[bool] = False

    def __init__(self, leaf: float = 0.01):
        right = is_number(leaf) and 0 < leaf <= 1
        require(right, "leaf", "lie in (0, 1]", f"it is {leaf!r}", "Take 0.01.")
        self.leaf = float(leaf)

    def check(self, interaction: Interaction, dimension: int) -> None:
        """Take any V in both dimensions."""

    def default_spread(self, n_particles: int) -> float:
        """Balance the screen of all pairs, in each step, and the bisections, which grow as √τ."""
        return min(LONGEST, 1e-3 * max(1.0, (300 / n_particles) ** 0.67))

    def shortest_spread(self, dimension: int) -> float:
        """Return 0: a step cuts the paths and does not approximate them."""
        return 0.0

    def traits(self, swarm: Swarm, table: PairTable, step: Array, places: int) -> Motion:
        """Return the motion of each slot and its share of the limit of the screen."""
        farthest = jnp.max(jnp.abs(swarm.shift).reshape(swarm.start.shape[0], -1, places), axis=2)
        limit = screen_limit(
            table.diffusivity[jnp.maximum(swarm.mass - 1, 0)],
            step,
            self.reach,
            jnp.exp(table.log_range.max()),
            # Each replica by itself, so that a replica never depends on the others of its tile.
            jnp.repeat(jnp.sqrt(jnp.sum(farthest**2, axis=0)), places),
            table.diffusivity.max(),
        )
        return Motion(tuple(swarm.start), tuple(swarm.shift), limit)

    def may_react(self, own: Motion, other: Motion, table: PairTable, step: Array) -> Array:
        """Return whether the paths of pairs may come into contact."""
        motion = relative_motion(own.start, own.shift, other.start, other.shift)
        return may_meet(*motion, own.limit + other.limit)

    def items(
        self, swarm: Swarm, table: PairTable, step: Array, i: Array, j: Array
    ) -> tuple[Array, Array]:
        """Return the columns of pairs on the whole step.

        Floats: s₀ and s₁ (2d), d_i, d_j, a, ln η, the time from which both are active and that of
        the left end of the segment. Integers: i, j, the node of the tree, its level and the keys
        of both paths. All that a bisection needs is carried along, since looking it up by i and
        j costs more than moving it.
        """
        mass_i, mass_j = (jnp.maximum(swarm.mass[k] - 1, 0) for k in (i, j))
        apart = swarm.start[:, j] - swarm.start[:, i]
        apart = apart - jnp.round(apart)
        later = apart + swarm.shift[:, j] - swarm.shift[:, i]
        scale = jnp.sqrt(step)
        log_contact = table.log_range[mass_i, mass_j] - jnp.log(scale)
        born = jnp.maximum(swarm.birth[i], swarm.birth[j])
        floats = [
            *(apart / scale),
            *(later / scale),
            table.diffusivity[mass_i],
            table.diffusivity[mass_j],
            table.strength[mass_i, mass_j],
            log_contact,
            born,
            jnp.zeros_like(born),
        ]
        keys = jax.lax.bitcast_convert_type(
            jnp.concatenate([swarm.keys[:, i], swarm.keys[:, j]]), jnp.int32
        )
        return jnp.stack(floats), jnp.stack([i, j, jnp.ones_like(i), jnp.zeros_like(i), *keys])

    def process(
        self, floats: Array, integers: Array, swarm: Swarm, table: PairTable, step: Array
    ) -> tuple[Array, Array, Array, Array, Array]:
        """React on the segments that are short enough, and bisect the others."""
        dimension = swarm.start.shape[0]
        dtype = floats.dtype
        left, right = floats[:dimension], floats[dimension : 2 * dimension]
        d_i, d_j, strength, log_contact, born, time = floats[2 * dimension :]
        contact = jnp.exp(log_contact)  # 0 far above the scale of contact in d = 2
        i, j, node, level, *keys = integers
        words = jax.lax.bitcast_convert_type(jnp.stack(keys), jnp.uint32)
        width = 2.0 ** -level.astype(dtype)

        words_i = node_words(words[:2], node, level)
        words_j = node_words(words[2:], node, level)
        normal_i, normal_j = (to_normal(w[:dimension], dtype) for w in (words_i, words_j))
        middle = 0.5 * (left + right)
        middle += jnp.sqrt(0.5 * d_j) * normal_j - jnp.sqrt(0.5 * d_i) * normal_i

        short = d_i + d_j <= self.leaf * contact**2
        v_left, v_middle, v_right = (
            _height(table.interaction, s / contact) for s in (left, middle, right)
        )
        exponent = strength / contact**2 * 0.25 * (v_left + 2 * v_middle + v_right)
        waiting = -jnp.log1p(-to_uniform(words_i[3] + words_j[3], dtype)) / exponent
        fires = short & (waiting < 1) & (time >= born)

        root = math.sqrt(2.0)
        halves = [root * s for s in (left, middle, right)]
        first_half = self._may_touch(halves[0], halves[1], root * contact, d_i + d_j)
        second_half = self._may_touch(halves[1], halves[2], root * contact, d_i + d_j)
        keep = jnp.concatenate(
            [
                ~short & first_half & (time + width / 2 > born),
                ~short & second_half & (time + width > born),
            ]
        )
        same = [d_i, d_j, strength, log_contact + 0.5 * math.log(2.0), born]
        child_floats = jnp.concatenate(
            [
                jnp.stack([*halves[0], *halves[1], *same, time]),
                jnp.stack([*halves[1], *halves[2], *same, time + width / 2]),
            ],
            axis=1,
        )
        child_integers = jnp.concatenate(
            [
                jnp.stack([i, j, 2 * node, level + 1, *integers[4:]]),
                jnp.stack([i, j, 2 * node + 1, level + 1, *integers[4:]]),
            ],
            axis=1,
        )
        return fires, time + width * waiting, child_floats, child_integers, keep

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
        """Return (start, shift, born) of the product in the survivor's slot."""
        return continue_path(swarm, table, step, stays, time, mass, LEVELS)

    def _may_touch(self, left: Array, right: Array, contact: Array, spread: Array) -> Array:
        far = jnp.sqrt(jnp.sum(left**2, 0)) + jnp.sqrt(jnp.sum(right**2, 0)) - 2 * contact
        straight = jnp.sum((right - left) ** 2, 0)
        return (far <= 0) | (far**2 - straight < 4 * self.reach * spread)


def _height(interaction: Interaction, x: Array) -> Array:
    """V at x (d, n); the rate of an unordered pair has the mean of V(x) and V(−x), (1.5)."""
    if interaction.radial:
        return interaction(x.T)
    return 0.5 * (interaction(x.T) + interaction(-x.T))
