"""The particles of a tile of replicas during one step, and who reacts first with whom.

During a step of unit length every slot follows x(t) = start + path(t), where path is a Brownian
path with total displacement `shift`, and is active from `birth` on. A product that is born in
the middle of a step is a slot like any other: its path before its birth is virtual, so that the
same screen and the same schemes serve it.
"""

import abc
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int32, UInt32

from jaxkin.numerics.compaction import running_sum, set_places
from jaxkin.numerics.pair_screen import lowest_bit, pack_bits
from jaxkin.numerics.worklist import Worklist
from jaxkin.physics.contacts.interactions import Interaction

CHUNKS = 2  # screens that are collected before their pairs are taken out


class Swarm(eqx.Module):
    """Slots of R replicas with N places each, flattened to P = R·N.

    Attributes:
        start: (d, P) positions at the start of the step (virtual for a product).
        shift: (d, P) displacement over the whole step.
        birth: (P,) time from which the slot is active, as a fraction of the step.
        born: (d, P) displacement path(birth).
        mass: (P,) masses; 0 marks a vacant slot.
        keys: (2, P) keys of the paths.
    """

    start: Float[Array, "d P"]
    shift: Float[Array, "d P"]
    birth: Float[Array, " P"]
    born: Float[Array, "d P"]
    mass: Int32[Array, " P"]
    keys: UInt32[Array, "2 P"]


class PairTable(eqx.Module):
    """What a pair of masses needs to react, in units of the torus.

    Attributes:
        diffusivity: (M,) d(n).
        strength: (M, M) effective strength a: the pair reacts at rate a ρ⁻² V(r/ρ).
        log_range: (M, M) ln ρ.
        length: (M, M) scattering length, in d = 2 its logarithm; 0 where it is not used.
        interaction: V.
    """

    diffusivity: Float[Array, " M"]
    strength: Float[Array, "M M"]
    log_range: Float[Array, "M M"]
    length: Float[Array, "M M"]
    interaction: Interaction


class First(eqx.Module):
    """Earliest reaction of each slot: time (P,) in the step, inf if none; partner (P,)."""

    time: Float[Array, " P"]
    partner: Int32[Array, " P"]


class Scheme(eqx.Module):
    """How a candidate pair is turned into a reaction time.

    An item is a pair, as a column of real and a column of integer fields; the first two integers
    are the slots i < j. The fields of a scheme are what a user may set.

    Attributes:
        one_at_a_time: whether reactions are taken in the order of time, one by one.
        takes_length: whether it is told the scattering length of each pair.
        block: items that are handled at once.
        reach: what may react with a chance below e^{−reach} is left out.
    """

    one_at_a_time: eqx.AbstractClassVar[bool]
    takes_length: eqx.AbstractClassVar[bool]
    block: ClassVar[int] = 2048
    reach: ClassVar[float] = 10.0

    @abc.abstractmethod
    def check(self, interaction: Interaction, dimension: int) -> None:
        """Raise `ValueError` if the scheme is not made for this V and dimension."""

    @abc.abstractmethod
    def default_spread(self, n_particles: int) -> float:
        """Return Dτ of the default step τ, D of the fastest pair."""

    @abc.abstractmethod
    def shortest_spread(self, dimension: int) -> float:
        """Return the least Dτ/ρ² of any pair with which the scheme holds; 0 if all will do."""

    @abc.abstractmethod
    def traits(self, swarm: Swarm, table: PairTable, step: Array, places: int) -> Any:
        """Return what the screen of pairs reads of each slot: a tree of (P,) arrays."""

    @abc.abstractmethod
    def may_react(self, own: Any, other: Any, table: PairTable, step: Array) -> Array:
        """Return whether pairs may react, from their traits; elementwise, so that it fuses."""

    @abc.abstractmethod
    def items(
        self, swarm: Swarm, table: PairTable, step: Array, i: Array, j: Array
    ) -> tuple[Array, Array]:
        """Return the columns (floats, integers) of the pairs (i, j)."""

    @abc.abstractmethod
    def process(
        self, floats: Array, integers: Array, swarm: Swarm, table: PairTable, step: Array
    ) -> tuple[Array, Array, Array | None, Array | None, Array | None]:
        """Return (fires, time, child floats, child integers, keep); keep None: no children."""

    @abc.abstractmethod
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
        """Return (start, shift, born) of the product in the slot that stays."""


def first_reactions(
    scheme: Scheme,
    swarm: Swarm,
    table: PairTable,
    step: Array,
    fresh: Bool[Array, " P"],
    first: First,
    places: int,
) -> tuple[First, Array]:
    """Update `first` with the reactions of every pair that has a fresh slot.

    Args:
        scheme: contact-resolving or pair law.
        swarm: the particles.
        table: the pairs' parameters.
        step: τ.
        fresh: slots whose pairs must be looked at.
        first: what is known so far.
        places: N, slots for each replica.

    Returns:
        The updated `First`, and whether the work list overflowed.
    """
    slots = swarm.mass.size
    replicas, words = slots // places, -(-places // 32)
    rows = max(1, min(places, (1 << 18) // slots))
    alive = swarm.mass > 0
    traits = scheme.traits(swarm, table, step, places)

    def by_column(values):
        grid = values.reshape(replicas, 1, places)
        return jnp.pad(grid, ((0, 0), (0, 0), (0, 32 * words - places)))

    columns = jax.tree.map(by_column, traits)
    # A pair of two fresh slots is looked at once, from the lower place; order 0 is never seen.
    order = jnp.arange(slots, dtype=jnp.int32) % places + 1
    order = by_column(jnp.where(alive, jnp.where(fresh, order, places + 1), 0))
    fresh_place, n_fresh = _ranked(fresh & alive, replicas, places, CHUNKS * rows)

    def screen(cursor):
        """Pack whom the next `rows` fresh slots of each replica may meet."""
        place = jax.lax.dynamic_slice_in_dim(fresh_place, cursor, rows, axis=1)
        i = jnp.arange(replicas)[:, None] * places + jnp.minimum(place, places - 1)
        own = jax.tree.map(lambda values: values[i][..., None], traits)
        reacts = scheme.may_react(own, columns, table, step)
        return pack_bits(reacts & (order > place[..., None] + 1)).reshape(-1)

    # Loops within a loop, and no branches: a branch would copy the work list at every turn.
    def find_rows(search):
        """Screen the next rows of all replicas, a few chunks of them, if there is nothing to do."""
        hungry = (search.work.size < scheme.block) & ~jnp.any(search.found > 0)

        def one_chunk(chunk):
            found, cursor, k = chunk
            return found.at[k].set(screen(cursor)), cursor + rows, k + 1

        found, cursor, _ = jax.lax.while_loop(
            lambda c: hungry & (c[2] < CHUNKS) & (c[1] < n_fresh),
            one_chunk,
            (search.found, search.cursor, jnp.int32(0)),
        )
        origin = jnp.where(hungry, search.cursor, search.origin)
        return Search(search.work, found, origin, cursor, search.first)

    def take_pairs(search):
        """Turn the lowest bit of each word into a pair."""
        flat = search.found.reshape(-1)
        chosen = set_places(flat > 0, scheme.block)
        word = flat.at[chosen].get(mode="fill", fill_value=0)
        chunk, replica, row, at = jnp.unravel_index(
            jnp.minimum(chosen, flat.size - 1), (CHUNKS, replicas, rows, words)
        )
        own = fresh_place[replica, search.origin + chunk * rows + row]
        other = lowest_bit(word) * words + at
        low, high = jnp.minimum(own, other), jnp.minimum(jnp.maximum(own, other), places - 1)
        pairs = scheme.items(swarm, table, step, replica * places + low, replica * places + high)
        work = search.work.push_first(*pairs, jnp.sum(word > 0, dtype=jnp.int32))
        rest = flat.at[chosen].set(word & (word - jnp.uint32(1)), mode="drop")
        return Search(work, rest.reshape(CHUNKS, -1), search.origin, search.cursor, search.first)

    def pending(search):
        return jnp.any(search.found > 0)

    def next_block(search):
        idle = ~pending(search) & (search.cursor >= n_fresh)
        block, work = search.work.pop(scheme.block, idle)
        return block, eqx.tree_at(lambda s: s.work, search, work)

    def process(loop):
        block, search = loop
        real = jnp.arange(scheme.block) < block.size
        fires, time, child_floats, child_integers, keep = scheme.process(
            block.floats, block.integers, swarm, table, step
        )
        work = search.work
        if keep is not None:
            work = work.push(child_floats, child_integers, keep & jnp.concatenate([real, real]))
        first = _record(search.first, block.integers, jnp.where(fires & real, time, jnp.inf))
        return next_block(Search(work, search.found, search.origin, search.cursor, first))

    def one_round(search):
        search = find_rows(search)
        search = jax.lax.while_loop(
            lambda s: (s.work.size < scheme.block) & pending(s), take_pairs, search
        )
        return jax.lax.while_loop(lambda loop: loop[0].size > 0, process, next_block(search))[1]

    def busy(search):
        return (search.work.size > 0) | (search.cursor < n_fresh) | pending(search)

    example = jax.eval_shape(lambda i: scheme.items(swarm, table, step, i, i), fresh_place[:, 0])
    work = Worklist.empty(
        16 * scheme.block, example[0].shape[0], example[1].shape[0], swarm.start.dtype
    )
    found = jnp.zeros((CHUNKS, replicas * rows * words), jnp.uint32)
    search = jax.lax.while_loop(
        busy, one_round, Search(work, found, jnp.int32(0), jnp.int32(0), first)
    )
    return search.first, search.work.overflowed


class Search(eqx.Module):
    """Where a search stands.

    Attributes:
        work: pairs, or parts of them, to be processed.
        found: packed pairs that are not yet taken out.
        origin: rank of the first row in `found`.
        cursor: rank of the next row to be screened.
        first: the earliest reactions so far.
    """

    work: Worklist
    found: UInt32[Array, "chunks words"]
    origin: Int32[Array, ""]
    cursor: Int32[Array, ""]
    first: First


def _ranked(chosen: Bool[Array, " P"], replicas: int, places: int, pad: int) -> tuple[Array, Array]:
    """Return (R, N + pad) the chosen places of each replica in order, padded with N; the most."""
    grid = chosen.reshape(replicas, places)
    total = running_sum(chosen.astype(jnp.float32)).astype(jnp.int32).reshape(replicas, places)
    count = grid.sum(1, dtype=jnp.int32)
    rank = jnp.where(grid, total - (total[:, -1] - count)[:, None] - 1, places + pad)
    place = jnp.broadcast_to(jnp.arange(places, dtype=jnp.int32), grid.shape)
    ranked = jnp.full((replicas, places + pad), places, jnp.int32)
    ranked = ranked.at[jnp.arange(replicas)[:, None], rank].set(place, mode="drop")
    return ranked, count.max()


def _record(first: First, integers: Array, time: Array) -> First:
    """Keep the earliest reaction of both partners."""

    slot = jnp.concatenate([integers[0], integers[1]])
    other = jnp.concatenate([integers[1], integers[0]])
    both = jnp.concatenate([time, time])
    earliest = first.time.at[slot].min(both)
    wins = (both < jnp.inf) & (both <= earliest[slot])
    where = jnp.where(wins, slot, first.partner.size)
    return First(earliest, first.partner.at[where].set(other, mode="drop"))
