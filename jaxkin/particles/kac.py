"""Kac's gas: N velocities and random collisions of any order.

(Cárdenas et al., §1.2 and §4; Paul et al., §1.)

A collision of order K takes an ordered tuple of K different particles, all tuples equally likely,
and changes their velocities by a law T_K^ω (`jaxkin.collision_laws`). Two clocks are in use:

    clock="system" (Cárdenas et al., (4.6)): collisions come at rate N, of order K w. p. β_K;
    clock="pairs"  (Paul et al., §1.1): each unordered pair collides at rate B̄(|v−v*|)/N.

With β₂ = 1 a particle collides at rate 2 by the first clock, and at rate B̄ (1 − 1/N) by the
second if B̄ is constant. As N → ∞ the velocities obey ∂f = Σ_K β_K Q_K (1.1), (1.6), or Boltzmann's
equation.

The process is exact in law (`jaxkin.particles.collisions`), except with the scheme `Disjoint`.
"""

from collections.abc import Sequence
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int32

from jaxkin.equations.boltzmann import Boltzmann
from jaxkin.laws import VelocityLaw, require_law
from jaxkin.logs import CollisionCount
from jaxkin.model import TiledParticles
from jaxkin.numerics.arrays import array
from jaxkin.numerics.batched_map import in_batches
from jaxkin.numerics.checks import is_traced, one_of, require, require_finite, whole
from jaxkin.numerics.vectors import inner
from jaxkin.observables.base import Coordinates, Observable, Weighted
from jaxkin.observables.velocities import VELOCITY_MOMENTS
from jaxkin.operators.base import Collisions, Operator, completed
from jaxkin.operators.fourier import Fourier
from jaxkin.operators.moments import Moments
from jaxkin.particles.collision_schemes import CollisionScheme, Exact
from jaxkin.particles.collisions import (
    collide_until,
    collision_batch,
    collision_faults,
    collision_tile,
)
from jaxkin.physics.collisions.angles import Angle, Isotropic, Mixture, UniformImpact
from jaxkin.physics.collisions.collision_laws import Binary, CollisionLaw, Deflection
from jaxkin.physics.collisions.kernels import Kernel, MaxwellKernel, require_kernel
from jaxkin.physics.collisions.law_mixtures import as_laws, as_weights
from jaxkin.physics.masses import common_dtype


class Velocities(eqx.Module):
    """State of one replica.

    Attributes:
        velocity: (N, d).
        collisions: number of collisions so far.
        exceeded: whether a collision was ever more frequent than its bound.
        exhausted: whether an interval asked for more random numbers than its key has.
    """

    velocity: Float[Array, "N d"]
    collisions: Int32[Array, ""]
    exceeded: Bool[Array, ""]
    exhausted: Bool[Array, ""]


class KacGas(TiledParticles):
    """N velocities that collide at random.

    Args:
        n_particles: N.
        laws: one collision law, or several of different orders or kinds.
        weights: β_K, one for each law, not negative, of sum 1; None for a single law.
        kernel: how often a pair collides; only with clock="pairs", whose laws are binary.
        dimension: d.
        clock: "system" (Cárdenas et al.) or "pairs" (Paul et al.); None: "pairs" if a kernel is
            given.
        scheme: `jaxkin.schemes.Exact()`, also for None, or for binary laws
            `jaxkin.schemes.Disjoint(fraction=0.05)`: steps of many pairs at once that share no
            particle, biased by O(fraction); faster from N = 10⁴ on (docs/figures/kac.md).

    Raises:
        ValueError: an argument is out of range; the message names the remedy.
    """

    given: tuple[CollisionLaw, ...]
    weights: Float[Array, " laws"]
    kernel: Kernel | None
    scheme: CollisionScheme
    n_particles: int = eqx.field(static=True)
    dimension: int = eqx.field(static=True)
    clock: str = eqx.field(static=True)

    def __init__(
        self,
        n_particles: int,
        laws: CollisionLaw | Sequence[CollisionLaw] | None = None,
        weights: Any = None,
        *,
        kernel: Kernel | None = None,
        dimension: int = 3,
        clock: Literal["system", "pairs"] | None = None,
        scheme: CollisionScheme | None = None,
    ):
        if kernel is not None:
            require_kernel(kernel)
        if clock is not None:
            one_of(clock, "clock", ("system", "pairs"))
        if weights is not None:
            require_finite(weights, "weights", minimum=0.0)
        own = kernel is not None and not isinstance(kernel.angle, Isotropic)
        require(
            laws is None or not own,
            "laws",
            "be None for a kernel with an angle of its own, which is the law",
            "both are given",
        )
        self.dimension = whole(dimension, "dimension")
        dtype = (
            common_dtype(1.0 if weights is None else weights) if kernel is None else kernel.dtype
        )
        if kernel is not None and own:
            kernel.angle.check(self.dimension)
            laws = Deflection(kernel.angle)
        laws = as_laws(laws, self.dimension, dtype)
        self.given = () if own else laws
        self.clock = clock or ("system" if kernel is None else "pairs")
        binary = all(law.order == 2 for law in laws)
        require(
            kernel is None or binary,
            "laws",
            "be binary with a kernel, which says how often pairs collide",
            f"their orders are {tuple(law.order for law in laws)}",
            "Leave out `kernel`: collisions then come at rate N.",
        )
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
        self.scheme = Exact() if scheme is None else scheme
        require(
            isinstance(self.scheme, CollisionScheme),
            "scheme",
            "be `jaxkin.schemes.Exact()` or `jaxkin.schemes.Disjoint()`",
            f"it is {scheme!r}",
        )
        self.scheme.check(tuple(law.order for law in laws))
        unit = MaxwellKernel(array(1.0, dtype)) if self.clock == "pairs" else None
        self.kernel = unit if kernel is None else kernel
        if self.kernel is not None:
            self.kernel.check_majorant()
        largest = max(law.order for law in laws)
        self.n_particles = whole(
            n_particles, "n_particles", max(2, largest), "A collision needs that many particles."
        )
        self.weights = as_weights(weights, len(laws), dtype)

    @property
    def laws(self) -> tuple[CollisionLaw, ...]:
        """The collision laws; one that turns by the angle of the kernel, if it has its own."""
        if self.given or self.kernel is None:
            return self.given
        return (Deflection(self.kernel.angle),)

    @property
    def dtype(self):
        """The floating type of the parameters, which the run keeps."""
        return self.weights.dtype

    @property
    def block(self) -> int:
        """Collisions of a replica that are drawn at once."""
        return self.scheme.block(self.n_particles, max(self.orders))

    # The protocol.

    def check(self, law: Any) -> None:
        """Raise `ValueError` if the law has no velocities of this dimension."""
        require_law(law, VelocityLaw, dimension=self.dimension, needs=("sample_particles",))

    def sample(self, law: Any, *, key) -> Velocities:
        """Draw N velocities."""
        drawn = law.sample_particles(self.n_particles, self.dimension, key=key, dtype=self.dtype)
        return Velocities(drawn.velocity, jnp.int32(0), jnp.asarray(False), jnp.asarray(False))

    def advance_tile(
        self, states: Velocities, start: Array, stop: Array, *, keys: Array
    ) -> Velocities:
        """Run a tile of replicas, batch after batch: exact in law, or of first order in a step."""
        span, d = jnp.asarray(stop - start, self.dtype), self.dimension
        together = collision_batch(self.n_particles, d, self.dtype, self.block, keys.shape[0])

        def batch(values: tuple[Velocities, Array]) -> Velocities:
            return self._advance_batch(values[0], span, jax.random.key_data(values[1])[:, -2:])

        return in_batches(batch, (states, keys), together)

    def _advance_batch(self, states: Velocities, span: Array, words: Array) -> Velocities:
        """Run a batch of replicas, a block of collisions of each in every turn."""
        shape = states.velocity.shape
        velocity = states.velocity.reshape(-1, self.dimension).T
        moved = collide_until(self, velocity, span, words, self.block, self.n_particles)
        return Velocities(
            moved.velocity.T.reshape(shape),
            states.collisions + moved.collisions,
            states.exceeded | moved.exceeded,
            states.exhausted | moved.exhausted,
        )

    # What the engine reads and calls.

    @property
    def normals(self) -> int:
        """Standard normals of a collision."""
        return max(law.normals(self.dimension) for law in self.laws)

    @property
    def direction_only(self) -> bool:
        """Whether only the direction of the normals matters."""
        return all(law.direction_only for law in self.laws)

    @property
    def orders(self) -> tuple[int, ...]:
        """The order of each law."""
        return tuple(law.order for law in self.laws)

    def proposals(self, number: int) -> float:
        """Return the rate of proposals at bound 1: N, or that of N(N−1)/2 pairs at 1/N each."""
        return number if self.clock == "system" else (number - 1) / 2

    def bound(self, fastest: Float[Array, "*n"]) -> Float[Array, "*n"]:
        """Return a bound on B̄ where no speed exceeds `fastest`."""
        if self.kernel is None:
            return jnp.ones_like(fastest)
        return self.kernel.majorant(2 * fastest)

    @property
    def constant(self) -> bool:
        """Whether all tuples collide at one rate, whatever their velocities."""
        return self.kernel is None or self.kernel.constant

    def rate(self, velocity: Float[Array, "d K n"]) -> Float[Array, " n"]:
        """Return B̄ of tuples."""
        if self.kernel is None:
            return jnp.ones(velocity.shape[2], self.dtype)
        apart = velocity[:, 0] - velocity[:, 1]
        return self.kernel.total(jnp.sqrt(inner(apart, apart)))

    def speed(self, velocity: Float[Array, "d *n"]) -> Float[Array, "*n"]:
        """Return |v|."""
        return jnp.sqrt(inner(velocity, velocity))

    def after(
        self,
        velocity: Float[Array, "d K n"],
        normals: Float[Array, "m n"],
        kind: Int32[Array, " n"],
    ) -> Float[Array, "d K n"]:
        """Return the velocities after a collision of each tuple by the law of its kind."""
        after = velocity
        for index, law in enumerate(self.laws):
            m = law.normals(self.dimension)
            mapped = jax.vmap(lambda v, w, law=law: law.collide(v.T, w).T, -1, -1)(
                velocity[:, : law.order], normals[:m]
            )
            chosen = jnp.where(kind == index, mapped, after[:, : law.order])
            after = jnp.concatenate([chosen, after[:, law.order :]], axis=1)
        return after

    def measure(self, state: Velocities) -> Weighted:
        """Return the velocities with weight 1/N each."""
        weight = jnp.asarray(1 / self.n_particles, self.dtype)
        return Weighted(weight, Coordinates(velocity=state.velocity))

    def observables(self) -> tuple[Observable, ...]:
        """Return density, momentum, energy, stress, heat flux, and ⟨|v|⁴⟩, ⟨|v|⁶⟩."""
        return VELOCITY_MOMENTS

    def conserves(self) -> tuple[str | tuple[str, ...], ...]:
        """Return the density, and momentum and energy if all collisions are those of spheres."""
        spheres = all(isinstance(law, Binary | Deflection) for law in self.laws)
        return ("density", "momentum", "energy") if spheres else ("density",)

    def drain(self, state: Velocities) -> CollisionCount:
        """Return the `count` of collisions."""
        return CollisionCount(state.collisions)

    def faults(self, state: Velocities) -> dict[str, Array]:
        """Report a rate above its bound, and velocities that are not numbers."""
        return collision_faults(state)

    def metadata(self, law: Any) -> dict[str, Any]:
        """Return N, d, the clock and the laws."""
        return {
            "model": "KacGas",
            "n_particles": self.n_particles,
            "dimension": self.dimension,
            "clock": self.clock,
            "scheme": type(self.scheme).__name__,
            "laws": ", ".join(type(law).__name__ for law in self.laws),
        }

    def tile(self, replicas: int) -> int:
        """Return how many replicas a device holds at once."""
        return collision_tile(self.n_particles, replicas)

    def kinetic_limit(self, method: Operator | None = None) -> Boltzmann:
        """Return the equation of the limit.

        Args:
            method: the operator that evaluates it, without a kernel: `jaxkin.operators.Fourier` on
                a grid of velocities, `Hermite` or `Sonine` in polynomials, all for binary
                collisions in d = 2 or 3; `Moments` for collisions of any order whose rate does not
                depend on the velocities. None: `Fourier()` where it can be, else `Moments()`.

        Raises:
            ValueError: the method is not made for the laws, the kernel or the dimension.
        """
        collisions = self._collisions()
        if method is None:
            on_grid = collisions.kernel is not None and self.dimension in (2, 3)
            method = Fourier() if on_grid else Moments()
        return Boltzmann(completed(method, collisions))

    def _collisions(self) -> Collisions:
        """Return the kernel and the angle of binary laws, and laws of constant rate."""
        angles = [a for law in self.laws if (a := _angle(law)) is not None]
        # A particle collides at rate 2 by the clock of the system, at B̄ by that of pairs.
        kernel: Kernel | None = MaxwellKernel(2.0) if self.kernel is None else self.kernel
        laws, rate = None, None
        if self.constant:
            laws, rate = self.laws, kernel.total(jnp.zeros((), self.dtype)) / 2  # type: ignore[union-attr]
        if len(angles) < len(self.laws):
            kernel = None
        elif self.given and not all(isinstance(a, Isotropic) for a in angles):
            angle = angles[0] if len(angles) == 1 else Mixture(angles, self.weights)
            kernel = eqx.tree_at(lambda k: k.angle, kernel, angle)
        if kernel is not None and not is_traced(kernel):  # the table of an angle keeps its type
            kernel = jax.tree.map(lambda x: jnp.asarray(x, self.dtype), kernel)
        return Collisions(self.dimension, kernel, laws, self.weights, rate)


def _angle(law: CollisionLaw) -> Angle | None:
    """The angle of a binary law, if it is one."""
    if isinstance(law, Deflection):
        return law.angle
    if isinstance(law, Binary):
        return UniformImpact() if law.scattering == "omega" else Isotropic()
    return None
