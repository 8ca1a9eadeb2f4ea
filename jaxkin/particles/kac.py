"""Kac's gas: N velocities and random collisions of any order (papers 001 §1.2, §4 and 004 §1).

A collision of order K takes an ordered tuple of K different particles, all tuples equally likely,
and changes their velocities by a law T_K^ω (`jaxkin.collision_laws`). Two clocks are in use:

    clock="system" (001, (4.6)): collisions come at rate N, of order K with probability β_K;
    clock="pairs"  (004, §1.1): each unordered pair collides at rate B̄(|v−v*|)/N.

With β₂ = 1 a particle collides at rate 2 by the first clock, and at rate B̄ (1 − 1/N) by the
second if B̄ is constant. As N → ∞ the velocities obey ∂f = Σ_K β_K Q_K (1.1), (1.6), or Boltzmann's
equation.

The process is exact in law (`jaxkin.particles.collisions`).
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
from jaxkin.numerics.checks import is_traced, one_of, require, require_finite, whole
from jaxkin.observables import Coordinates, Observable, Weighted
from jaxkin.particles.collisions import collide_until
from jaxkin.physics.collision_laws import Binary, CollisionLaw
from jaxkin.physics.kernels import PowerKernel
from jaxkin.physics.masses import common_dtype
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
        weights = [1.0] if weights is None and len(self.laws) == 1 else weights
        require(weights is not None, "weights", "be given for several laws", "it is None")
        dtype = common_dtype(weights) if self.kernel is None else self.kernel.strength.dtype
        self.weights = jnp.asarray(weights, dtype)
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
        return self.weights.dtype

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
        shape = states.velocity.shape
        moved = collide_until(
            self,
            states.velocity.reshape(-1, self.dimension),
            jnp.asarray(stop - start, self.dtype),
            jax.random.key_data(keys)[:, -2:],
            self.block,
        )
        return Velocities(
            moved.velocity.reshape(shape),
            states.collisions + moved.collisions,
            states.exceeded | moved.exceeded,
        )

    # What the engine asks for.

    @property
    def normals(self) -> int:
        """Standard normals of a collision."""
        return max(law.normals(self.dimension) for law in self.laws)

    @property
    def orders(self) -> tuple[int, ...]:
        """The order of each law."""
        return tuple(law.order for law in self.laws)

    @property
    def proposals(self) -> float:
        """The rate of proposals at bound 1: N, or that of N(N−1)/2 pairs at 1/N each."""
        return self.n_particles if self.clock == "system" else (self.n_particles - 1) / 2

    def bound(self, fastest: Float[Array, "*n"]) -> Float[Array, "*n"]:
        """Return a bound on B̄ where no speed exceeds `fastest`."""
        if self.kernel is None:
            return jnp.ones_like(fastest)
        return self.kernel.majorant(2 * fastest)

    @property
    def bounded_by_speed(self) -> bool:
        """Whether the bound depends on the speeds."""
        return self.kernel is not None

    def rate(self, velocity: Float[Array, "K n d"]) -> Float[Array, " n"]:
        """Return B̄ of tuples."""
        if self.kernel is None:
            return jnp.ones(velocity.shape[1], self.dtype)
        return self.kernel.total(jnp.sqrt(jnp.sum((velocity[0] - velocity[1]) ** 2, -1)))

    def after(
        self,
        velocity: Float[Array, "K n d"],
        normals: Float[Array, "m n"],
        kind: Int32[Array, " n"],
    ) -> Float[Array, "K n d"]:
        """Return the velocities after a collision of each tuple by the law of its kind."""
        after = velocity
        for index, law in enumerate(self.laws):
            m = law.normals(self.dimension)
            mapped = jax.vmap(law.collide, (1, 1), 1)(velocity[: law.order], normals[:m])
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
