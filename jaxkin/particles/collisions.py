"""Random collisions of tuples of velocities, exact in law, in blocks: the engine of Kac gases.

Collisions are proposed at a constant rate that bounds the true one and accepted with probability
true over bound. A block of proposals is drawn in advance; the longest prefix in which no particle
appears twice is carried out at once, then the one proposal that repeats a particle, with the
velocities as they are by then. What was drawn after it is thrown away: nobody has looked at it.

The bound is made from the largest speed that was ever seen. A collision that makes a larger one
ends the block, which is a time that the past alone decides, so that no proposal is ever judged by
a bound that no longer holds. A rate above the bound is reported, never clipped in silence.
"""

from typing import Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int32, UInt32

from jaxkin.numerics.brownian_tree import to_normal, to_uniform
from jaxkin.numerics.hashing import threefry
from jaxkin.numerics.tuples import different, first_repeat


class Collisions(Protocol):
    """What the engine must know of a model; see `jaxkin.KacGas`."""

    n_particles: int
    weights: Array

    @property
    def orders(self) -> tuple[int, ...]:
        """The order K of each law."""

    @property
    def normals(self) -> int:
        """Standard normals of a collision."""

    @property
    def proposals(self) -> float:
        """The rate of proposals at bound 1."""

    @property
    def bounded_by_speed(self) -> bool:
        """Whether `bound` depends on the largest speed."""

    def bound(self, fastest):
        """Return a bound on the rate where no speed exceeds `fastest`."""

    def rate(self, velocity):
        """Return the rate of tuples (K, n, d), against a bound of 1 for all."""

    def after(self, velocity, normals, kind):
        """Return the velocities (K, n, d) after a collision."""


class Moved(eqx.Module):
    """Where a tile of R replicas of N particles stands.

    Attributes:
        velocity: (R·N, d).
        collisions: (R,) carried out since the start.
        exceeded: (R,) whether a rate was above its bound.
        clock: (R,) time since the start.
        fastest: (R,) the largest speed so far.
        turn: number of blocks.
    """

    velocity: Float[Array, "P d"]
    collisions: Int32[Array, " R"]
    exceeded: Bool[Array, " R"]
    clock: Float[Array, " R"]
    fastest: Float[Array, " R"]
    turn: UInt32[Array, ""]


def collide_until(
    model: Collisions,
    velocity: Float[Array, "P d"],
    span: Float[Array, ""],
    words: UInt32[Array, "R 2"],
    block: int,
) -> Moved:
    """Let a tile of replicas collide for a time.

    Args:
        model: rates and laws.
        velocity: (R·N, d) velocities, replica by replica.
        span: the time.
        words: a key for each replica and interval.
        block: proposals of each replica that are drawn at once.
    """
    replicas, n = words.shape[0], model.n_particles
    offset = n * jnp.arange(replicas, dtype=jnp.int32)[:, None]
    largest, kinds = max(model.orders), jnp.asarray(model.orders)
    dtype = velocity.dtype
    tiny = jnp.finfo(dtype).tiny

    def collide(now, places, normals, kind, accept, chosen, bound):
        """Carry out proposals (R, b) of different particles; return also which made a new speed."""
        used = jnp.arange(largest)[:, None, None] < kinds[kind]
        flat = (places + offset).reshape(largest, -1)
        before = now.velocity[flat]
        ratio = model.rate(before).reshape(kind.shape) / bound
        happens = chosen & (accept < ratio)
        after = model.after(before, normals.reshape(normals.shape[0], -1), kind.reshape(-1))
        squares = jnp.sum(after**2, -1).reshape(largest, *kind.shape)
        speed = jnp.sqrt(jnp.max(jnp.where(used, squares, 0), axis=0))
        faster = happens & (speed > now.fastest[:, None])
        if model.bounded_by_speed:  # nothing after the first that is faster
            happens = happens & (jnp.cumsum(faster, axis=1) - faster == 0)
        targets = jnp.where((happens & used).reshape(flat.shape), flat, replicas * n)
        moved = Moved(
            now.velocity.at[targets].set(after, mode="drop"),
            now.collisions + jnp.sum(happens, 1, dtype=jnp.int32),
            now.exceeded | jnp.any(chosen & (ratio > 1 + 1e-5), 1),
            now.clock,
            jnp.maximum(now.fastest, jnp.max(jnp.where(happens, speed, 0), axis=1)),
            now.turn,
        )
        return moved, faster

    def one_block(now):
        draws = _draws(words, now.turn, block, largest + 3 + model.normals)
        places = different(draws[:largest], n)
        wait, accept, which = (to_uniform(w, dtype) for w in draws[largest : largest + 3])
        normals = to_normal(draws[largest + 3 :], dtype)
        cumulative = jnp.cumsum(model.weights).astype(dtype)
        kind = jnp.sum(which[..., None] * cumulative[-1] > cumulative[:-1], -1)
        bound = jnp.maximum(model.bound(now.fastest), tiny)[:, None]
        waits = jnp.cumsum(-jnp.log(wait), axis=1) / (bound * model.proposals)
        time = now.clock[:, None] + waits
        used = jnp.arange(largest)[:, None, None] < kinds[kind]
        repeat = jax.vmap(first_repeat, 1)(places, used)[:, None]
        early = time < span
        # The prefix, then the proposal that repeats one of its particles.
        now, faster = collide(
            now, places, normals, kind, accept, early & (jnp.arange(block) < repeat), bound
        )
        last = jnp.minimum(repeat, block - 1)
        ended = jnp.zeros_like(repeat, bool)
        if model.bounded_by_speed:
            ended = jnp.any(faster, axis=1, keepdims=True)
            last = jnp.where(ended, jnp.argmax(faster, axis=1)[:, None], last)

        def at_last(x):
            return jnp.take_along_axis(x, last, axis=1)

        then = at_last(early) & (repeat < block) & ~ended
        places, normals = (jnp.stack([at_last(x) for x in rows]) for rows in (places, normals))
        now, _ = collide(now, places, normals, at_last(kind), at_last(accept), then, bound)
        clock = jnp.minimum(at_last(time)[:, 0], span)
        return eqx.tree_at(lambda m: (m.clock, m.turn), now, (clock, now.turn + 1))

    squares = jnp.sum(velocity**2, -1).reshape(replicas, n)
    start = Moved(
        velocity,
        jnp.zeros(replicas, jnp.int32),
        jnp.zeros(replicas, bool),
        jnp.zeros(replicas, dtype),
        jnp.sqrt(jnp.max(squares, 1)),
        jnp.uint32(0),
    )
    return jax.lax.while_loop(lambda now: jnp.any(now.clock < span), one_block, start)


def _draws(words: Array, turn: Array, block: int, count: int) -> UInt32[Array, "count R block"]:
    """Return random words of one block of each replica, keyed by the replica and the turn."""
    shape = (words.shape[0], block)
    place = jnp.broadcast_to(jnp.arange(block, dtype=jnp.uint32), shape)
    turn = jnp.broadcast_to(turn, shape)
    rows: list[Array] = []
    for k in range(-(-count // 2)):
        name = place + jnp.uint32(k << 16)
        rows += threefry(words[:, :1], words[:, 1:], turn, name)
    return jnp.stack(rows[:count])
