"""Random collisions of tuples of particles, exact in law, in blocks: the engine of Kac gases.

Collisions are proposed at a constant rate that bounds the true one and accepted with probability
true over bound. Proposal c of a replica and interval is a function of its key and of c, whatever
block it falls in. A block draws the next few; the longest prefix in which no particle appears
twice is carried out at once, and the next block begins with the proposal that repeats one.

The bound is made from the largest speed that was ever seen. A collision that makes a larger one
ends the prefix, so that no proposal is ever judged by a bound that no longer holds. A rate above
the bound is reported, never clipped in silence.

Which tuples a block takes, and how many of them share no particle, is the business of a scheme
(`jaxkin.particles.collision_schemes`).

Replicas may differ in their number of particles, which stays as it is in the meantime: a collision
that removes particles leaves empty places, and a tuple with one is given the rate 0.
"""

from typing import Any, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int32, UInt32

from jaxkin.numerics.draws import to_direction, to_normal, to_uniform
from jaxkin.numerics.hashing import serial_word
from jaxkin.particles.collision_schemes import CollisionScheme


class Collisions(Protocol):
    """What the engine reads and calls of a model; see `jaxkin.KacGas`."""

    n_particles: int
    weights: Array

    @property
    def orders(self) -> tuple[int, ...]:
        """The order K of each law."""

    @property
    def normals(self) -> int:
        """Standard normals of a collision."""

    @property
    def direction_only(self) -> bool:
        """Whether only the direction of the normals matters."""

    def proposals(self, number):
        """Return the rate of proposals at bound 1 for this number of particles."""

    @property
    def scheme(self) -> CollisionScheme:
        """How tuples are chosen."""

    @property
    def constant(self) -> bool:
        """Whether the rate is the bound, and neither depends on the velocities."""

    def bound(self, fastest):
        """Return a bound on the rate where no speed exceeds `fastest`."""

    def rate(self, velocity):
        """Return the rate of tuples (d, K, n)."""

    def speed(self, velocity):
        """Return the speeds (…) of particles (d, …)."""

    def after(self, velocity, normals, kind):
        """Return the velocities (d, K, n) after a collision."""


class Drawn(eqx.Module):
    """The next block of B proposals of each replica.

    Attributes:
        places: (K, B, R) particles, indices into the tile.
        normals: (m, B, R) standard normals, or a direction.
        waits: (B, R) times from one proposal to the next, at rate 1.
        accept: (B, R) uniform numbers, or nothing.
        kind: (B, R) which law.
        size: B, or 0 before the first block.
    """

    places: Int32[Array, "K B R"]
    normals: Float[Array, "m B R"]
    waits: Float[Array, "B R"]
    accept: Float[Array, "B R"] | None
    kind: Int32[Array, "B R"]
    size: Int32[Array, ""]


class Moved(eqx.Module):
    """Where a tile of R replicas of N particles stands.

    Attributes:
        velocity: (d, R·N), or more rows if the model keeps more of a particle.
        collisions: (R,) carried out since the start.
        exceeded: (R,) whether a rate was above its bound.
        exhausted: (R,) whether the random numbers of a key went round.
        left: (R,) time that is left.
        lost: (R,) what rounding took from `left`.
        fastest: (R,) the largest speed so far.
        proposal: (R,) number of the next proposal.
        drawn: the next block, stored so that a loop body that uses a draw twice makes it once.
    """

    velocity: Float[Array, "d P"]
    collisions: Int32[Array, " R"]
    exceeded: Bool[Array, " R"]
    exhausted: Bool[Array, " R"]
    left: Float[Array, " R"]
    lost: Float[Array, " R"]
    fastest: Float[Array, " R"]
    proposal: UInt32[Array, " R"]
    drawn: Drawn


def collide_until(
    model: Collisions,
    velocity: Float[Array, "d P"],
    span: Float[Array, ""],
    words: UInt32[Array, "R 2"],
    block: int,
    number: Int32[Array, " R"] | int,
    first: UInt32[Array, " R"] | int = 0,
) -> Moved:
    """Let a tile of replicas collide for a time.

    Args:
        model: rates and laws.
        velocity: (d, R·N) velocities, replica by replica; components apart, to fill the lanes.
        span: the time.
        words: a key for each replica and interval.
        block: proposals of each replica that are drawn at once.
        number: particles of each replica, in the first of its N places.
        first: number of the first proposal of each replica.
    """

    def turn(now: Moved) -> Moved:
        now = carry_out(model, now, number)
        drawn = draw(model, words, now.proposal, block, velocity.dtype, number)
        return eqx.tree_at(lambda m: m.drawn, now, drawn)

    start = start_of(model, velocity, span, words, block, number, first)
    return jax.lax.while_loop(lambda now: jnp.any(now.left > 0), turn, start)


def start_of(
    model: Collisions,
    velocity: Array,
    span: Array,
    words: Array,
    block: int,
    number: Array | int,
    first: Array | int = 0,
) -> Moved:
    """Return where a tile stands before its first block; arguments of `collide_until`."""
    replicas, dtype = words.shape[0], velocity.dtype
    fastest = jnp.zeros(replicas, dtype)
    if not model.constant:
        fastest = jnp.max(model.speed(velocity).reshape(replicas, model.n_particles), axis=1)
    proposal = jnp.broadcast_to(jnp.asarray(first, jnp.uint32), (replicas,))
    nothing = jax.tree.map(
        lambda x: jnp.zeros(x.shape, x.dtype),
        jax.eval_shape(lambda: draw(model, words, proposal, block, dtype, number)),
    )
    return Moved(
        velocity,
        jnp.zeros(replicas, jnp.int32),
        jnp.zeros(replicas, bool),
        jnp.zeros(replicas, bool),
        jnp.broadcast_to(span.astype(dtype), (replicas,)),
        jnp.zeros(replicas, dtype),
        fastest,
        proposal,
        nothing,  # its `size` is 0: the first turn only draws
    )


def draw(
    model: Collisions,
    words: Array,
    first: UInt32[Array, " R"],
    block: int,
    dtype: jnp.dtype,
    number: Array | int,
) -> Drawn:
    """Draw the proposals first, first + 1, … of each replica."""
    orders, m = model.orders, model.normals
    largest = max(orders)
    rows = _words(words, first, block, _count(model))
    normals, (wait, accept, which) = rows[largest : largest + m], rows[largest + m :]
    places = model.scheme.places(rows[:largest], model.n_particles, number)
    kind = jnp.zeros(wait.shape, jnp.int32)
    if len(orders) > 1:
        cumulative = jnp.cumsum(model.weights).astype(dtype)
        share = to_uniform(which, dtype)[..., None] * cumulative[-1]
        kind = jnp.sum(share > cumulative[:-1], -1).astype(jnp.int32)
    if model.direction_only and m in (2, 3):
        turns = to_direction(normals[: m - 1], m, dtype)
    else:
        turns = to_normal(jnp.stack(normals), dtype)
    offset = model.n_particles * jnp.arange(words.shape[0], dtype=jnp.int32)
    return Drawn(
        places + offset,
        turns,
        -jnp.log(to_uniform(wait, dtype)),
        None if model.constant else to_uniform(accept, dtype),
        kind,
        jnp.int32(block),
    )


def carry_out(model: Collisions, now: Moved, number: Int32[Array, " R"] | int) -> Moved:
    """Carry out what was drawn, up to the first repeated particle or the end of the time."""
    drawn = now.drawn
    order, block, replicas = drawn.places.shape
    size, place = now.velocity.shape[1], jnp.arange(block, dtype=jnp.int32)[:, None]
    bound = jnp.maximum(model.bound(now.fastest), jnp.finfo(now.left.dtype).tiny)
    rate = bound * model.proposals(number)
    waits = _running_sum(drawn.waits)
    waits = jnp.where(rate > 0, waits / jnp.where(rate > 0, rate, 1), jnp.inf)
    used = _used(model, drawn.kind)
    free = jnp.minimum(model.scheme.free(drawn.places, used), drawn.size)
    end = jnp.broadcast_to(free, now.left.shape)
    happens = (waits < now.left) & (place < end)

    flat = drawn.places.reshape(order, -1)
    before = now.velocity[:, flat]
    after = model.after(before, drawn.normals.reshape(-1, flat.shape[1]), drawn.kind.reshape(-1))
    exceeded, fastest = now.exceeded, now.fastest
    if drawn.accept is not None:
        ratio = model.rate(before).reshape(block, replicas) / bound
        carried = happens
        happens = carried & (drawn.accept < ratio)
        speed = model.speed(after).reshape(drawn.places.shape)
        speed = jnp.max(jnp.where(used, speed, 0), axis=0)
        # Nothing after the first that is faster.
        faster = jnp.min(jnp.where(happens & (speed > fastest), place, block), axis=0)
        end = jnp.minimum(end, faster + 1)
        happens = happens & (place < end)
        judged = carried & (place < end)
        exceeded = exceeded | jnp.any(judged & (ratio > 1 + 1e-5), axis=0)
        fastest = jnp.maximum(fastest, jnp.max(jnp.where(happens, speed, 0), axis=0))

    targets = jnp.where((happens & used).reshape(flat.shape), flat, size)
    # N·t waits of size 1/N: what rounding takes from each difference goes into the next.
    step = jnp.sum(jnp.where(place == end - 1, waits, 0), axis=0) - now.lost
    left = now.left - step
    done = left <= 0
    return Moved(
        now.velocity.at[:, targets].set(after, mode="drop"),
        now.collisions + jnp.sum(happens, axis=0, dtype=jnp.int32),
        exceeded,
        now.exhausted | (now.proposal > 2**32 // _count(model) - 2 * block),
        jnp.where(done, 0, left),
        jnp.where(done, 0, (now.left - left) - step),
        fastest,
        # A replica at its end waits for its neighbours.
        now.proposal + jnp.where(now.left > 0, end, 0).astype(jnp.uint32),
        drawn,
    )


def collision_faults(state: Any) -> dict[str, Bool[Array, ""]]:
    """Report a rate above its bound, a key without numbers left, velocities that are no numbers."""
    return {
        "A pair collided more often than the bound of its kernel; give the kernel a `majorant` "
        "that bounds `total` up to its argument": state.exceeded,
        "More collisions were proposed in one interval than a key has random numbers for, or "
        "more carried out than an int32 counts; record more times, or fewer collisions": (
            state.exhausted | (state.collisions < 0)
        ),
        "A velocity is not a number; look at the collision law and the initial law": ~jnp.all(
            jnp.isfinite(state.velocity)
        ),
    }


def collision_tile(particles: int, replicas: int) -> int:
    """Return how many replicas a device holds at once: four million particles."""
    return max(1, min(replicas, 2**22 // particles))


def collision_batch(particles: int, rows: int, dtype: Any, block: int, replicas: int) -> int:
    """Return how many replicas of a tile take their turns together.

    All on an accelerator. On a CPU as many as one thread does well: XLA hands the scatter of more
    than 512 KB to two threads, which wait for each other longer than they work, and a loop over 5
    to 15 replicas is not done in lanes (both seen with jaxlib 0.10). More cores take more devices.
    """
    if jax.default_backend() != "cpu":
        return replicas
    together = max(1, min(2**19 // (rows * dtype.itemsize * particles), 512 // block))
    if together < 16:
        return min(together, 4)
    share = -(-replicas // -(-replicas // together))
    return min(together // 8, -(-share // 8)) * 8


def _running_sum(x: Float[Array, "n *m"]) -> Float[Array, "n *m"]:
    """Return the running sum of the first axis, in doubling steps."""
    shift = 1
    while shift < x.shape[0]:
        x = x.at[shift:].add(x[:-shift])
        shift *= 2
    return x


def _count(model: Collisions) -> int:
    """Random words of a proposal: places, normals, wait, accept, which."""
    return max(model.orders) + model.normals + 3


def _words(words: Array, first: Array, block: int, count: int) -> list[UInt32[Array, "B R"]]:
    """Return `count` random words for the next proposals of each replica."""
    serial = (first + jnp.arange(block, dtype=jnp.uint32)[:, None]) * jnp.uint32(count)
    return [serial_word(words[:, 0], words[:, 1], serial + jnp.uint32(k)) for k in range(count)]


def _used(model: Collisions, kind: Int32[Array, "B R"]) -> Bool[Array, "K #B #R"]:
    """Which places of a tuple its law uses."""
    largest = max(model.orders)
    if len(model.orders) == 1:
        return jnp.ones((largest, 1, 1), bool)
    return jnp.arange(largest)[:, None, None] < jnp.asarray(model.orders)[kind]
