"""Kac's gas: N velocities and random collisions of any order (papers 001 §1.2, §4 and 004 §1).

A collision of order K takes an ordered tuple of K different particles, all tuples equally likely,
and changes their velocities by a law T_K^ω (`jaxkin.collision_laws`). Two clocks are in use:

    clock="system" (001, (4.6)): collisions come at rate N, of order K with probability β_K;
    clock="pairs"  (004, §1.1): each unordered pair collides at rate B̄(|v−v*|)/N.

With β₂ = 1 a particle collides at rate 2 by the first clock, and at rate B̄ (1 − 1/N) by the
second if B̄ is constant. As N → ∞ the velocities obey ∂f = Σ_K β_K Q_K (1.1), (1.6), or Boltzmann's
equation.

The process is exact in law. Collisions are proposed at a rate that bounds the true one, from pairs
whose relative speed is at most that of the two fastest, and accepted with probability true over
bound; the bound holds for the collision that follows on a block too, since a velocity grows by √2
at most when a pair keeps its energy.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int32

from jaxkin.equations.boltzmann import Boltzmann
from jaxkin.model import Particles
from jaxkin.numerics.brownian_tree import to_normal, to_uniform
from jaxkin.numerics.checks import is_traced, one_of, require, require_finite, whole
from jaxkin.numerics.hashing import threefry
from jaxkin.numerics.tuples import different, first_repeat
from jaxkin.observables import Coordinates, Observable, Weighted
from jaxkin.physics.collision_laws import Binary, CollisionLaw
from jaxkin.physics.kernels import PowerKernel
from jaxkin.physics.velocity_moments import VELOCITY_MOMENTS


class Velocities(eqx.Module):
    """State of one replica.

    Attributes:
        velocity: (N, d).
        collisions: number of collisions so far.
        exceeded: whether a collision was ever more frequent than its bound.
    """

    velocity: Float[Array, "N d"]
    collisions: Int32[Array, ""]
    exceeded: Bool[Array, ""]


class KacGas(Particles):
    """N velocities that collide at random.

    Args:
        n_particles: N.
        laws: one collision law, or several of different orders or kinds.
        weights: β_K, one for each law, not negative, of sum 1; None for a single law.
        kernel: how often a pair collides; only with clock="pairs", whose laws are binary.
        dimension: d.
        clock: "system" (paper 001) or "pairs" (paper 004); None: "pairs" if a kernel is given.

    Raises:
        ValueError: an argument is out of range; the message names the remedy.
    """

    laws: tuple[CollisionLaw, ...]
    weights: Float[Array, " laws"]
    kernel: PowerKernel | None
    n_particles: int = eqx.field(static=True)
    dimension: int = eqx.field(static=True)
    clock: str = eqx.field(static=True)

    def __init__(
        self,
        n_particles: int,
        laws: CollisionLaw | Sequence[CollisionLaw] | None = None,
        weights: Any = None,
        *,
        kernel: PowerKernel | None = None,
        dimension: int = 3,
        clock: Literal["system", "pairs"] | None = None,
    ):
        if laws is None:
            laws = Binary()
        self.laws = (laws,) if isinstance(laws, CollisionLaw) else tuple(laws)
        require(len(self.laws) > 0, "laws", "name at least one collision law", "it is empty")
        for law in self.laws:
            require(
                isinstance(law, CollisionLaw),
                "laws",
                "be collision laws",
                f"one is a {type(law).__name__}",
                "Wrap a function of one tuple in collision_laws.Custom.",
            )
        self.dimension = whole(dimension, "dimension")
        self.clock = clock or ("system" if kernel is None else "pairs")
        one_of(self.clock, "clock", ("system", "pairs"))
        binary = all(law.order == 2 for law in self.laws)
        require(
            self.clock == "system" or binary,
            "clock",
            "be 'system' for laws of other orders than 2",
            f"it is {self.clock!r}",
        )
        require(
            kernel is None or self.clock == "pairs",
            "kernel",
            "be None with clock='system', whose collisions come at rate N",
            "it is given",
            "Use clock='pairs'.",
        )
        self.kernel = PowerKernel() if kernel is None and self.clock == "pairs" else kernel
        largest = max(law.order for law in self.laws)
        self.n_particles = whole(
            n_particles, "n_particles", max(2, largest), "A collision needs that many particles."
        )
        weights = jnp.ones(1) if weights is None and len(self.laws) == 1 else weights
        require(weights is not None, "weights", "be given for several laws", "it is None")
        self.weights = jnp.asarray(weights, dtype=float)
        require(
            self.weights.shape == (len(self.laws),),
            "weights",
            f"hold one β for each of {len(self.laws)} laws",
            f"its shape is {np.shape(weights)}",
        )
        require_finite(self.weights, "weights", minimum=0.0)
        total = self.weights.sum()
        tolerance = 1e-5
        require(
            jnp.abs(total - 1) < tolerance, "weights", "sum to 1 (4.2)", f"their sum is {total}"
        )
        for law in self.laws:
            self._check_shape(law)

    def _check_shape(self, law: CollisionLaw) -> None:
        tuple_ = jax.ShapeDtypeStruct((law.order, self.dimension), self.dtype)
        normal = jax.ShapeDtypeStruct((law.normals(self.dimension),), self.dtype)
        after = jax.eval_shape(law.collide, tuple_, normal)
        require(
            after.shape == tuple_.shape,
            "laws",
            f"map velocities {tuple_.shape} to the same shape",
            f"{type(law).__name__} returns {after.shape}",
        )

    @property
    def dtype(self):
        """The floating type of the parameters, which the run keeps."""
        return self.weights.dtype if self.kernel is None else self.kernel.strength.dtype

    @property
    def block(self) -> int:
        """Collisions that are drawn at once, about as many as go without a repeated particle."""
        order = max(law.order for law in self.laws)
        return max(2, min(64, round(1.25 * math.sqrt(self.n_particles) / order)))

    # The protocol.

    def check(self, law: Any) -> None:
        """Raise `ValueError` if the law has no velocities of this dimension."""
        law.check_dimension(self.dimension)

    def sample(self, law: Any, *, key) -> Velocities:
        """Draw N velocities."""
        drawn = law.sample_particles(self.n_particles, self.dimension, key=key, dtype=self.dtype)
        return Velocities(drawn.velocity, jnp.int32(0), jnp.asarray(False))

    def advance(self, state: Velocities, start: Array, stop: Array, *, key) -> Velocities:
        """Run one replica from `start` to `stop`: exact in law."""
        lift = jax.tree.map(lambda x: x[None], state)
        moved = self.advance_tile(lift, start, stop, keys=key[None])
        return jax.tree.map(lambda x: x[0], moved)

    def advance_tile(
        self, states: Velocities, start: Array, stop: Array, *, keys: Array
    ) -> Velocities:
        """Run a tile of replicas, a block of collisions of each in every turn."""
        span = jnp.asarray(stop - start, self.dtype)
        words = jax.random.key_data(keys)[:, -2:]
        clock = jnp.zeros(keys.shape, self.dtype)

        def turn(carry):
            number, clock, states = carry
            move = jax.vmap(lambda c, s, w: self._block(c, s, w, number, span))
            return number + 1, *move(clock, states, words)

        running = jnp.uint32(0), clock, states
        return jax.lax.while_loop(lambda c: jnp.any(c[1] < span), turn, running)[2]

    def _block(self, clock, state, words, number, span):
        """Run one block of one replica; times are counted from the start of the interval."""
        size, order = self.block, max(law.order for law in self.laws)
        draws = _draws(words, number, size, order + 3 + self._normals)
        places = different(draws[:order], self.n_particles)
        wait, accept, which = (to_uniform(w, self.dtype) for w in draws[order : order + 3])
        normals = to_normal(draws[order + 3 :], self.dtype).T
        kind = jnp.searchsorted(jnp.cumsum(self.weights), which * self.weights.sum())
        kind = jnp.minimum(kind, len(self.laws) - 1)
        orders = jnp.asarray([law.order for law in self.laws])[kind]
        used = jnp.arange(order)[:, None] < orders
        bound = self._bound(state.velocity)
        time = clock + jnp.cumsum(-jnp.log(wait)) / jnp.maximum(bound * self._tuples, _TINY)
        repeat = first_repeat(places, used)
        early = time < span

        def collide(velocity, places, used, normals, kind, accept, now):
            """Let tuples of different particles collide; also count them, and see the bound."""
            before = velocity[places]
            ratio = self._rate(before) / bound
            happens = now & (accept < ratio)
            after = self._after(before, normals, kind)
            targets = jnp.where(happens & used, places, self.n_particles)
            velocity = velocity.at[targets].set(after, mode="drop")
            return velocity, jnp.sum(happens, dtype=jnp.int32), jnp.any(now & (ratio > 1 + 1e-5))

        # The prefix, then the tuple that repeats one of its particles.
        first = early & (jnp.arange(size) < repeat)
        velocity, count, above = collide(state.velocity, places, used, normals, kind, accept, first)
        last = jnp.minimum(repeat, size - 1)[None]
        then = early[last] & (repeat < size)
        velocity, one, high = collide(
            velocity, places[:, last], used[:, last], normals[last], kind[last], accept[last], then
        )
        clock = jnp.minimum(time[last[0]], span)
        state = Velocities(velocity, state.collisions + count + one, state.exceeded | above | high)
        return clock, state

    @property
    def _normals(self) -> int:
        return max(law.normals(self.dimension) for law in self.laws)

    @property
    def _tuples(self) -> float:
        """The rate of proposals at bound 1: N, or that of N(N−1)/2 pairs at 1/N each."""
        return self.n_particles if self.clock == "system" else (self.n_particles - 1) / 2

    def _bound(self, velocity: Float[Array, "N d"]) -> Float[Array, ""]:
        if self.kernel is None:
            return jnp.ones((), self.dtype)
        fastest = jnp.sqrt(jnp.max(jnp.sum(velocity**2, -1)))
        return self.kernel.majorant(2 * math.sqrt(2) * fastest)

    def _rate(self, velocity: Float[Array, "K n d"]) -> Float[Array, " n"]:
        if self.kernel is None:
            return jnp.ones(velocity.shape[1], self.dtype)
        return self.kernel.total(jnp.sqrt(jnp.sum((velocity[0] - velocity[1]) ** 2, -1)))

    def _after(self, velocity: Float[Array, "K n d"], normals: Array, kind: Array) -> Array:
        """Return the velocities after a collision by the law of each tuple."""
        after = velocity
        for index, law in enumerate(self.laws):
            m = law.normals(self.dimension)
            mapped = jax.vmap(law.collide, (1, 0), 1)(velocity[: law.order], normals[:, :m])
            chosen = (kind == index)[:, None]
            after = after.at[: law.order].set(jnp.where(chosen, mapped, after[: law.order]))
        return after

    def measure(self, state: Velocities) -> Weighted:
        """Return the velocities with weight 1/N each."""
        weight = jnp.full(self.n_particles, 1 / self.n_particles, self.dtype)
        return Weighted(weight, Coordinates(velocity=state.velocity))

    def observables(self) -> tuple[Observable, ...]:
        """Return density, momentum, energy, stress, heat flux, and ⟨|v|⁴⟩, ⟨|v|⁶⟩."""
        return VELOCITY_MOMENTS

    def drain(self, state: Velocities) -> dict[str, Array]:
        """Return the `count` of collisions."""
        return {"count": state.collisions}

    def faults(self, state: Velocities) -> dict[str, Array]:
        """Report a rate above its bound, and velocities that are not numbers."""
        return {
            "A pair collided more often than the bound of its kernel; give the kernel a `majorant` "
            "that bounds `total` up to its argument": state.exceeded,
            "A velocity is not a number; look at the collision law and the initial law": ~jnp.all(
                jnp.isfinite(state.velocity)
            ),
        }

    def metadata(self, law: Any) -> dict[str, Any]:
        """Return N, d, the clock and the laws."""
        return {
            "model": "KacGas",
            "n_particles": self.n_particles,
            "dimension": self.dimension,
            "clock": self.clock,
            "laws": ", ".join(type(law).__name__ for law in self.laws),
        }

    def tile(self, replicas: int) -> int:
        """Return how many replicas run together."""
        return max(1, min(replicas, 2**19 // self.n_particles))

    def kinetic_limit(self, equation: str | None = None, **resolution: Any) -> Boltzmann:
        """Return the Boltzmann equation of binary collisions isotropic in σ.

        Args:
            equation: None or "boltzmann".
            **resolution: `points`, `support`, `directions`, … of `Boltzmann`.

        Raises:
            ValueError: the gas has laws of another order, or is not isotropic in σ.
        """
        one_of(equation, "equation", (None, "boltzmann"))
        isotropic = all(
            isinstance(law, Binary) and (law.scattering == "sigma" or self.dimension == 2)
            for law in self.laws
        )
        require(
            isotropic and self.dimension in (2, 3),
            "equation",
            "be None for binary collisions isotropic in σ in d = 2 or 3 only",
            "the gas has other laws",
        )
        # By the clock of 001 a particle collides at rate 2.
        kernel = PowerKernel(jnp.asarray(2.0, self.dtype)) if self.kernel is None else self.kernel
        if not is_traced(kernel):
            kernel = jax.tree.map(lambda x: jnp.asarray(x, self.dtype), kernel)
        return Boltzmann(kernel, dimension=self.dimension, **resolution)


_TINY = 1e-30


def _draws(words: Array, number: Array, size: int, count: int) -> Array:
    """Return (count, size) random words of one block, keyed by the replica and its number."""
    half = -(-count // 2)
    key_0, key_1 = words[0] + jnp.zeros(size, jnp.uint32), words[1] + jnp.zeros(size, jnp.uint32)
    place = jnp.arange(size, dtype=jnp.uint32)
    rows: list[Array] = []
    for k in range(half):
        rows += threefry(key_0, key_1, number + jnp.zeros_like(place), place + jnp.uint32(k << 16))
    return jnp.stack(rows[:count])
