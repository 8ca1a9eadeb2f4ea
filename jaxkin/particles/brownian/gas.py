"""The state of coagulating particles, and one step of it in a tile of replicas."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int32

from jaxkin.numerics.hashing import threefry
from jaxkin.particles.brownian.reactions import move, react
from jaxkin.particles.brownian.swarm import PairTable, Scheme


class Gas(eqx.Module):
    """State of one replica.

    Attributes:
        position: (d, N) places in the unit torus.
        mass: (N,) masses; 0 marks a vacant slot.
        overflow: total mass of the inert class of heavy products.
        log_epsilon: ln ε of (1.7).
        weight: Z/N, the density that one particle stands for.
        reactions: number of reactions so far.
        log: (3, N) time and masses of each reaction; at most N − 1 can happen.
        lost: whether the work list was ever too small.
        short: whether a step was too short for the pair law.
    """

    position: Float[Array, "d N"]
    mass: Int32[Array, " N"]
    overflow: Int32[Array, ""]
    log_epsilon: Float[Array, ""]
    weight: Float[Array, ""]
    reactions: Int32[Array, ""]
    log: Float[Array, "3 N"]
    lost: Bool[Array, ""]
    short: Bool[Array, ""]


def advance_gas(
    gas: Gas,
    scheme: Scheme,
    table: PairTable,
    start: Array,
    step: Array,
    keys: Array,
    *,
    max_mass: int,
    annihilate: bool,
) -> Gas:
    """Move a tile of replicas by one step τ from `start`.

    Args:
        gas: states with a leading axis (R,).
        scheme: contact-resolving or pair law.
        table: what each pair of masses needs to react.
        start: the time at which the step begins; `step` is τ.
        keys: (R,) keys, one for each replica and step.
        max_mass: M; a heavier product joins the overflow.
        annihilate: both partners vanish.
    """
    replicas, dimension, places = gas.position.shape
    data = jax.random.key_data(keys)[:, -2:, None]
    slot = jnp.broadcast_to(jnp.arange(places, dtype=jnp.uint32), (replicas, places))
    words = threefry(data[:, 0], data[:, 1], slot, jnp.zeros_like(slot))
    # Kept apart, or the compiler hashes each key anew for every draw that is made of it.
    slot_keys = jax.lax.optimization_barrier(jnp.stack([w.reshape(-1) for w in words]))
    position = jnp.moveaxis(gas.position, 0, 1).reshape(dimension, -1)
    swarm = move(position, gas.mass.reshape(-1), slot_keys, table, step)

    def record(carry, events):
        overflow, reactions, log = carry
        number = jnp.zeros(replicas, jnp.int32).at[events.replica].add(events.happened)
        before = (jnp.cumsum(number) - number)[events.replica]
        rank = jnp.cumsum(events.happened, dtype=jnp.int32) - 1 - before
        place = jnp.where(events.happened, reactions[events.replica] + rank, places)
        entry = jnp.stack([start + step * events.time, events.mass_i, events.mass_j], 1)
        log = log.at[events.replica, :, place].set(entry.astype(log.dtype), mode="drop")
        total = events.mass_i + events.mass_j
        heavy = events.happened & (total > max_mass) & (not annihilate)
        overflow = overflow.at[events.replica].add(jnp.where(heavy, total, 0))
        return overflow, reactions + number, log

    swarm, carry, lost = react(
        scheme,
        swarm,
        table,
        step,
        places,
        max_mass,
        annihilate,
        record,
        (gas.overflow, gas.reactions, gas.log),
    )
    position = swarm.start + swarm.shift
    position = (position - jnp.floor(position)).reshape(dimension, replicas, places)
    return Gas(
        jnp.moveaxis(position, 1, 0),
        swarm.mass.reshape(replicas, places),
        carry[0],
        gas.log_epsilon,
        gas.weight,
        carry[1],
        carry[2],
        gas.lost | lost,
        gas.short,
    )
