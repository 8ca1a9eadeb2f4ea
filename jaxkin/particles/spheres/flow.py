"""The flow of hard spheres, exact except for rounding: paths that are straight between contacts.

Time is cut into windows in which no sphere moves farther than `skin`, so that it meets nobody but
its neighbours of the beginning. Within a window a sphere has a straight path y + vτ since its last
event, and `when` is a lower bound on the time of its next event, `whom` the partner (a wall, or
nobody known yet). Events are carried out many at a time, in rounds:

1. Take spheres of early `when`. Those that name each other collide, as long as no sphere waits
   for something else that is earlier.
2. From their paths afterwards find the earliest event that they bring about.
3. All that comes before it is certain, and is carried out; the rest waits for a later round.

Of the order of √N spheres collide in a round, by the reckoning of birthdays. A sphere whose partner
was taken away keeps its `when`, which is a lower bound still, and looks again when it becomes the
earliest. Nothing is approximated: a test compares events with those of a loop over all pairs.
"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int32

from jaxkin.numerics.cells import Search, cells_along, neighbours
from jaxkin.numerics.compaction import set_places
from jaxkin.particles.spheres.paths import (
    NOBODY,
    Vessel,
    earliest_event,
    leaves_at,
    meeting_times,
    path_after,
    wall_times,
)


class Spheres(eqx.Module):
    """N spheres and what happened to them.

    Attributes:
        position: (N, d) in [0, 1)^d.
        velocity: (N, d).
        collisions: (k, k) events of each pair of types so far, above the diagonal and on it.
        bounces: events with walls so far.
        rounds: rounds so far.
        closest: the least distance of a pair over its contact distance, as seen when windows begin.
        log_times: (L,) times of the first L collisions since the start, ∞ where there is none;
            those of a round are in no order.
        log_pairs: (L, 2) who collided.
        elapsed: time since the start.
        crowded: whether a list of neighbours was too small.
        ambiguous: whether a sphere had two events whose times are one to rounding.
    """

    position: Float[Array, "N d"]
    velocity: Float[Array, "N d"]
    collisions: Int32[Array, "k k"]
    bounces: Int32[Array, ""]
    rounds: Int32[Array, ""]
    closest: Float[Array, ""]
    log_times: Float[Array, " L"]
    log_pairs: Int32[Array, "L 2"]
    elapsed: Float[Array, ""]
    crowded: Bool[Array, ""]
    ambiguous: Bool[Array, ""]


class Window(eqx.Module):
    """Spheres within a window; τ = 0 where it begins.

    Attributes:
        path: (N, 2d+1) columns y, v, and τ of the last event.
        home: (N, d) positions at τ = 0.
        table: (N, K) neighbours.
        when: (N,) no event of a sphere before this.
        whom: (N,) its partner; N + axis for a wall; −1 if it must look again.
        leave: (N,) not farther than the skin from home before this.
        ahead: the next round takes who may have an event within this time of the earliest.
        so_far: counts and flags.
    """

    path: Float[Array, "N c"]
    home: Float[Array, "N d"]
    table: Int32[Array, "N K"]
    when: Float[Array, " N"]
    whom: Int32[Array, " N"]
    leave: Float[Array, " N"]
    ahead: Float[Array, ""]
    so_far: Spheres


def flow(vessel: Vessel, spheres: Spheres, span: Float[Array, ""]) -> Spheres:
    """Let the spheres move for a time `span`."""

    def window(carry: tuple[Spheres, Array, Array, Array]) -> tuple[Spheres, Array, Array, Array]:
        spheres, left, lost, ahead = carry
        now = _open(vessel, spheres, ahead)

        def goes_on(now: Window) -> Array:
            more = jnp.min(now.when) < jnp.minimum(jnp.min(now.leave), left)
            return more & ~now.so_far.ambiguous  # what is ambiguous may wait for itself

        now = jax.lax.while_loop(goes_on, lambda now: _round(vessel, now, left), now)
        end = jnp.minimum(jnp.min(now.leave), left)
        # What went wrong stays wrong: the driver reports it.
        end = jnp.where(now.so_far.crowded | now.so_far.ambiguous, left, end)
        # What rounding takes from the difference goes into the next.
        step = end - lost
        after = left - step
        lost = (left - after) - step
        return _close(vessel, now, end), after, lost, now.ahead

    fastest = jnp.sqrt(jnp.max(jnp.sum(spheres.velocity**2, -1)))
    ahead = 0.2 * vessel.skin / jnp.maximum(fastest, jnp.finfo(fastest.dtype).tiny)
    start = (spheres, span, jnp.zeros_like(span), jnp.minimum(ahead, span))
    return jax.lax.while_loop(lambda c: c[1] > 0, window, start)[0]


def _open(vessel: Vessel, spheres: Spheres, ahead: Float[Array, ""]) -> Window:
    """Begin a window: neighbours, and the next event of each sphere."""
    n = spheres.position.shape[0]
    near = neighbours(vessel.search, spheres.position, vessel.radius, 2 * vessel.skin)
    path = jnp.concatenate(
        [spheres.position, spheres.velocity, jnp.zeros((n, 1), spheres.position.dtype)], axis=1
    )
    everyone = jnp.arange(n, dtype=jnp.int32)
    times = meeting_times(vessel, everyone, path, path, near.table, near.table)
    when, whom, ambiguous = earliest_event(vessel, everyone, path, times, near.table)
    so_far = eqx.tree_at(
        lambda s: (s.closest, s.crowded, s.ambiguous),
        spheres,
        (
            jnp.minimum(spheres.closest, near.closest),
            spheres.crowded | near.overflowed,
            spheres.ambiguous | jnp.any(ambiguous),
        ),
    )
    leave = leaves_at(vessel, path, spheres.position)
    return Window(path, spheres.position, near.table, when, whom, leave, ahead, so_far)


def _close(vessel: Vessel, now: Window, end: Float[Array, ""]) -> Spheres:
    """End a window at τ = end."""
    d = now.home.shape[1]
    position = now.path[:, :d] + end * now.path[:, d : 2 * d]
    if vessel.periodic:
        position = position - jnp.floor(position)
        position = jnp.where(position < 1, position, 0)  # of −1e-20, say
    return eqx.tree_at(
        lambda s: (s.position, s.velocity, s.elapsed),
        now.so_far,
        (position, now.path[:, d : 2 * d], now.so_far.elapsed + end),
    )


def _round(vessel: Vessel, now: Window, left: Float[Array, ""]) -> Window:
    """Carry out all events that are certain."""
    n = now.home.shape[0]
    batch = min(vessel.batch, n)
    early = (now.when <= jnp.min(now.when) + now.ahead) & jnp.isfinite(now.when)
    number = jnp.sum(early, dtype=jnp.int32)
    rows = set_places(early, batch)  # n where there are fewer
    real, safe = rows < n, jnp.minimum(rows, n - 1)
    slot = jnp.full(n + 1, batch, jnp.int32).at[rows].set(jnp.arange(batch, dtype=jnp.int32))
    slot = slot.at[n].set(batch)
    when, whom = jnp.where(real, now.when[safe], jnp.inf), jnp.where(real, now.whom[safe], NOBODY)

    # 1. Who collides, if nothing comes in between.
    partner = jnp.clip(whom, 0, n - 1)
    mutual = (whom >= 0) & (whom < n) & (now.whom[partner] == rows) & (slot[partner] < batch)
    ready = mutual | (whom >= n)
    time = jnp.where(mutual, jnp.minimum(when, now.when[partner]), when)
    horizon = jnp.min(jnp.where(ready, jnp.inf, when))
    not_taken = jnp.where(slot[:n] < batch, jnp.inf, now.when)
    horizon = jnp.minimum(horizon, jnp.min(jnp.minimum(not_taken, now.leave)))
    horizon = jnp.minimum(horizon, left)
    old, other = now.path[safe], now.path[partner]
    new = jnp.where(ready[:, None], path_after(vessel, safe, whom, old, other, time), old)

    # 2. What they bring about, with their neighbours as they were and as they may become.
    table = jnp.where(real[:, None], now.table[safe], n)
    beside = slot[table]  # where a neighbour stands in this round, or batch
    taken, beside = beside < batch, jnp.minimum(beside, batch - 1)
    with_old = meeting_times(vessel, safe, new, now.path, table, table)
    with_new = meeting_times(vessel, safe, new, new, beside, table)
    ends = jnp.where(taken & ready[beside], time[beside], jnp.inf)
    before = jnp.where(with_old < ends, with_old, jnp.inf)  # else the path is no more
    next_event = jnp.min(jnp.minimum(before, jnp.where(taken, with_new, jnp.inf)), axis=1)
    next_event = jnp.minimum(next_event, wall_times(vessel, safe, new)[0])
    leave = leaves_at(vessel, new, now.home[safe])
    brought = jnp.where(ready, jnp.minimum(next_event, leave), jnp.inf)
    horizon = jnp.minimum(horizon, jnp.min(jnp.where(time < horizon, brought, jnp.inf)))

    # 3. What comes before.
    done = ready & (time <= horizon)
    path = now.path.at[jnp.where(done, rows, n)].set(new, mode="drop")
    times = jnp.where(taken & done[beside], with_new, with_old)
    looked = real & (done | ~ready)
    found, found_whom, ambiguous = earliest_event(vessel, safe, new, times, table)

    # Neighbours of those that moved: their partner may be gone, or another be coming.
    gone = done[:, None] & (now.whom[jnp.minimum(table, n - 1)] == rows[:, None])
    coming = jnp.where(looked[:, None], times, jnp.inf)
    next_when = now.when.at[table].min(coming, mode="drop")
    first = (coming <= next_when[jnp.minimum(table, n - 1)]) & jnp.isfinite(coming)
    next_whom = now.whom.at[jnp.where(gone, table, n)].set(NOBODY, mode="drop")
    next_whom = next_whom.at[jnp.where(first, table, n)].set(rows[:, None], mode="drop")
    into = jnp.where(looked, rows, n)
    return Window(
        path,
        now.home,
        now.table,
        next_when.at[into].set(found, mode="drop"),
        next_whom.at[into].set(found_whom, mode="drop"),
        now.leave.at[into].set(jnp.where(done, leave, now.leave[safe]), mode="drop"),
        # In a thin gas few events are known: without a bound this would grow for ever.
        jnp.minimum(
            now.ahead * jnp.where(number > batch, 0.7, jnp.where(2 * number < batch, 1.2, 1.0)),
            left,
        ),
        _count(vessel, now.so_far, safe, whom, time, done, jnp.any(looked & ambiguous)),
    )


def _count(
    vessel: Vessel,
    so_far: Spheres,
    rows: Array,
    whom: Array,
    time: Array,
    done: Array,
    ambiguous: Array,
) -> Spheres:
    """Count what was carried out, and write it into the log."""
    n = vessel.mass.size
    pair = done & (whom < n) & (rows < whom)
    a, b = vessel.kind[rows], vessel.kind[jnp.clip(whom, 0, n - 1)]
    low = jnp.where(pair, jnp.minimum(a, b), so_far.collisions.shape[0])
    line = jnp.sum(so_far.collisions) + jnp.cumsum(pair) - 1
    line = jnp.where(pair, line, so_far.log_times.size)
    return eqx.tree_at(
        lambda s: (s.collisions, s.bounces, s.rounds, s.log_times, s.log_pairs, s.ambiguous),
        so_far,
        (
            so_far.collisions.at[low, jnp.maximum(a, b)].add(1, mode="drop"),
            so_far.bounces + jnp.sum(done & (whom >= n), dtype=jnp.int32),
            so_far.rounds + 1,
            so_far.log_times.at[line].set(so_far.elapsed + time, mode="drop"),
            so_far.log_pairs.at[line].set(jnp.stack([rows, whom], -1), mode="drop"),
            so_far.ambiguous | ambiguous,
        ),
    )


def sizes_for(
    number: int, dimension: int, largest: float, crowding: float, periodic: bool
) -> tuple[Search, float, int]:
    """Return the search, the skin and the batch for spheres of diameters up to the largest."""
    ball = math.pi ** (dimension / 2) / math.gamma(dimension / 2 + 1)
    cells = cells_along(1.6 * largest, number, dimension)
    reach = 1 / cells if cells > 1 else max(1.6 * largest, (4 / (ball * number)) ** (1 / dimension))
    # Within a window the nearest image of a neighbour stays the nearest.
    skin = min(0.5 * (reach - largest), 0.2 * (0.5 - largest))
    search = Search.of(number, dimension, largest + 2 * skin, cells, crowding, periodic)
    return search, skin, 8 * max(2, round(math.sqrt(number) / 4))
