"""One step of a tile: move everybody, then let pairs react in the order of time.

When i and j react at t, a product takes the slot of the survivor, and only then are the pairs of
the product looked at, and those of the slots whose partner has just gone. The increments of a
Brownian path after a reaction do not depend on it, so the product keeps the later increments of
the survivor, scaled by √(d(m_i+m_j)/d(m_i)).

A scheme with `one_at_a_time` takes the earliest reaction of each replica in each round, which is
exact for any number of reactions in a step. Otherwise all pairs whose partners are each other's
first react in one round: a product can then come too late to take a particle from another pair,
which swaps one reaction for another with probability (βhτ)²/N for each particle and step.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int32

from jaxkin.numerics.brownian_tree import displacement, node_words
from jaxkin.numerics.compaction import set_places
from jaxkin.numerics.draws import to_normal, to_uniform
from jaxkin.particles.brownian.swarm import First, PairTable, Scheme, Swarm, first_reactions


class Events(eqx.Module):
    """Reactions of one round, in the order of the replicas.

    Attributes:
        happened: (K,) whether the entry is real.
        replica: (K,) where it took place.
        time: (K,) when, as a fraction of the step.
        mass_i: (K,) the mass of the survivor; `mass_j` of the other.
    """

    happened: Bool[Array, " K"]
    replica: Int32[Array, " K"]
    time: Float[Array, " K"]
    mass_i: Int32[Array, " K"]
    mass_j: Int32[Array, " K"]


def move(
    position: Float[Array, "d P"], mass: Int32[Array, " P"], keys: Array, table: PairTable, step
) -> Swarm:
    """Draw everybody's displacement over the step."""
    dimension, slots = position.shape
    zero = jnp.zeros(slots, jnp.uint32)
    words = jax.lax.optimization_barrier(node_words(keys, zero, zero)[:dimension])
    normals = to_normal(words, position.dtype)
    spread = jnp.sqrt(2 * table.diffusivity[jnp.maximum(mass - 1, 0)] * step)
    nothing = jnp.zeros_like(position)
    return Swarm(position, spread * normals, nothing[0], nothing, mass, keys)


def react(
    scheme: Scheme,
    swarm: Swarm,
    table: PairTable,
    step: Array,
    places: int,
    max_mass: int,
    annihilate: bool,
    record,
    carry,
):
    """Let the pairs of a tile react until the end of the step.

    Args:
        scheme: contact-resolving or pair law.
        swarm: everybody's motion during the step.
        table: the pairs' parameters.
        step: τ.
        places: N, slots for each replica.
        max_mass: a heavier product leaves its slot vacant.
        annihilate: both partners vanish (Hammond, §3).
        record: function (carry, events) -> carry.
        carry: what `record` accumulates.

    Returns:
        swarm, carry, and whether the work list overflowed.
    """
    slots = swarm.mass.size
    replicas = slots // places

    def next_events(first):
        """Return slots i (K,) that react with their partner now, and which of them are real."""
        if scheme.one_at_a_time:
            earliest = jnp.argmin(first.time.reshape(-1, places), axis=1).astype(jnp.int32)
            i = jnp.arange(replicas, dtype=jnp.int32) * places + earliest
            return i, jnp.isfinite(first.time[i])
        own = jnp.arange(slots, dtype=jnp.int32)
        mutual = jnp.isfinite(first.time) & (first.partner[first.partner] == own)
        i = set_places(mutual & (own < first.partner), max(replicas, slots // 32))
        return jnp.minimum(i, slots - 1), i < slots

    def let_react(loop):
        """Carry out the reactions that come next."""
        swarm, first, _, _, _, carry = loop
        i, happened = next_events(first)
        time, j = first.time[i], first.partner[i]
        words = node_words(swarm.keys[:, i], swarm.keys[0, j], swarm.keys[1, j])
        draw = to_uniform(words[0], time.dtype)
        total = swarm.mass[i] + swarm.mass[j]
        stays = jnp.where(draw * total < swarm.mass[i], i, j)
        goes = i + j - stays
        events = Events(happened, i // places, time, swarm.mass[stays], swarm.mass[goes])
        mass = jnp.where(annihilate | (total > max_mass), 0, total)
        start, shift, born = scheme.product(swarm, table, step, stays, goes, time, mass)

        def put(values, slot, new):
            return values.at[..., jnp.where(happened, slot, slots)].set(new, mode="drop")

        gone = put(put(jnp.zeros(slots, bool), stays, True), goes, True)
        widowed = jnp.isfinite(first.time) & gone[first.partner]
        swarm = Swarm(
            put(swarm.start, stays, start),
            put(swarm.shift, stays, shift),
            put(swarm.birth, stays, time),
            put(swarm.born, stays, born),
            put(put(swarm.mass, stays, mass), goes, 0),
            swarm.keys,
        )
        fresh = gone | widowed
        first = First(jnp.where(fresh, jnp.inf, first.time), first.partner)
        return swarm, first, fresh, False, jnp.any(happened), record(carry, events)

    def one_round(loop):
        swarm, first, fresh, _, carry, lost = loop
        first, overflow = first_reactions(scheme, swarm, table, step, fresh, first, places)
        some, no = jnp.any(jnp.isfinite(first.time)), jnp.asarray(False)
        # A loop of at most one turn: a branch would copy the state of the tile.
        reacting = swarm, first, jnp.zeros_like(fresh), some, no, carry
        swarm, first, fresh, _, happened, carry = jax.lax.while_loop(
            lambda loop: loop[3], let_react, reacting
        )
        return swarm, first, fresh, happened, carry, lost | overflow

    nothing = First(jnp.full(slots, jnp.inf, swarm.start.dtype), jnp.zeros(slots, jnp.int32))
    everyone, no = jnp.ones(slots, bool), jnp.asarray(False)
    loop = swarm, nothing, everyone, jnp.asarray(True), carry, no
    swarm, _, _, _, carry, lost = jax.lax.while_loop(lambda loop: loop[3], one_round, loop)
    return swarm, carry, lost


def continue_path(
    swarm: Swarm, table: PairTable, step: Array, slot: Array, time: Array, mass: Array, levels: int
) -> tuple[Array, Array, Array]:
    """Return (start, shift, born) of a product that keeps the scaled path of `slot` after `time`.

    With path(t) the survivor's and γ = √(d_new/d_old) the product follows
    start + (1−γ) path(t) + γ path(·), which passes through the survivor's place at t.
    """
    old = table.diffusivity[jnp.maximum(swarm.mass[slot] - 1, 0)]
    new = table.diffusivity[jnp.maximum(mass - 1, 0)]
    until = displacement(
        swarm.keys[:, slot],
        jnp.where(jnp.isfinite(time), time, 0),
        swarm.shift[:, slot],
        jnp.sqrt(old * step),
        levels,
    )
    ratio = jnp.sqrt(new / old)
    return (swarm.start[:, slot] + (1 - ratio) * until, ratio * swarm.shift[:, slot], ratio * until)
