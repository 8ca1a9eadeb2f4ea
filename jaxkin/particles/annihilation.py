"""The annihilating gas: Kac's gas in which a pair that meets may vanish (Lods et al.).

N₀ velocities in a volume Λ, written ε = 1/Λ. Each unordered pair meets at rate B̄(|v−v*|)/Λ (1.7);
with probability α both vanish, else they collide. Nothing is conserved. As Λ → ∞ with N₀/Λ → n₀
the density N/Λ and the velocities follow ∂f = (1−α) Q(f, f) − α Q₋(f, f) (1.1).

The process is exact in law, by the engine of `jaxkin.particles.collisions`. Particles stand in the
first N of N₀ places. An interval is cut into spans in which about a fifth of them vanish; in a
span they leave empty places, which are closed before the next, so that a thin gas costs little.
The length of a span depends on the past alone, and a new span draws new proposals.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int32

from jaxkin.equations.annihilation import Annihilation
from jaxkin.equations.self_similar import SelfSimilarAnnihilation
from jaxkin.laws import VelocityLaw, require_law
from jaxkin.model import TiledParticles
from jaxkin.numerics.arrays import array, host
from jaxkin.numerics.batched_map import in_batches
from jaxkin.numerics.checks import require, require_finite, whole
from jaxkin.numerics.compaction import set_places
from jaxkin.numerics.vectors import inner
from jaxkin.observables.base import Coordinates, Observable, Weighted
from jaxkin.observables.velocities import VELOCITY_MOMENTS
from jaxkin.operators.base import Collisions, Operator, completed
from jaxkin.operators.fourier import Fourier
from jaxkin.operators.hermite import Hermite
from jaxkin.particles.collision_schemes import Exact
from jaxkin.particles.collisions import (
    Moved,
    collide_until,
    collision_batch,
    collision_faults,
    collision_tile,
)
from jaxkin.physics.collisions.angles import Isotropic
from jaxkin.physics.collisions.collision_laws import Binary, CollisionLaw, Deflection
from jaxkin.physics.collisions.kernels import Kernel, MaxwellKernel, require_kernel
from jaxkin.physics.masses import common_dtype

# What of α·n·B̄ a span may last: at constant B̄ a gas loses 1 − 1/1.25 of its particles in it.
_SPAN = 0.25


class Survivors(eqx.Module):
    """State of one replica.

    Attributes:
        velocity: (N₀, d); the first `number` are the survivors, the others are 0.
        number: how many are left.
        collisions: number of elastic collisions so far.
        exceeded: whether a pair ever met more often than its bound.
        exhausted: whether an interval asked for more random numbers than its key has.
    """

    velocity: Float[Array, "N d"]
    number: Int32[Array, ""]
    collisions: Int32[Array, ""]
    exceeded: Bool[Array, ""]
    exhausted: Bool[Array, ""]


class AnnihilatingGas(TiledParticles):
    """N₀ velocities that collide or annihilate in pairs.

    Args:
        n_particles: N₀, even or odd.
        alpha: α in [0, 1], the probability that a pair that meets annihilates.
        kernel: B̄ and the angle of the elastic collisions; None for Maxwell molecules, B̄ = 1.
        volume: Λ > 0; None for N₀, the density n₀ = 1.
        dimension: d.

    Weighted coordinates have the weight 1/Λ, so that the observable `density` is N/Λ. Bounds on the
    speed are taken about velocity 0: a gas with a large mean velocity runs best in its own frame.

    Raises:
        ValueError: an argument is out of range, or the kernel has no majorant.
    """

    alpha: Float[Array, ""]
    volume: Float[Array, ""]
    kernel: Kernel
    n_particles: int = eqx.field(static=True)
    dimension: int = eqx.field(static=True)
    scheme = Exact()
    constant = False  # even at constant B̄: a pair with an empty place has the rate 0

    def __init__(
        self,
        n_particles: int,
        alpha: Any,
        kernel: Kernel | None = None,
        *,
        volume: Any = None,
        dimension: int = 3,
    ):
        self.n_particles = whole(n_particles, "n_particles", 2)
        if kernel is not None:
            require_kernel(kernel)
        self.dimension = whole(dimension, "dimension", 2)
        require_finite(alpha, "alpha", minimum=0.0)
        require(host(alpha) <= 1, "alpha", "lie in [0, 1]", f"it is {alpha}")
        dtype = common_dtype(alpha) if kernel is None else kernel.dtype
        self.kernel = MaxwellKernel(array(1.0, dtype)) if kernel is None else kernel
        self.kernel.angle.check(self.dimension)
        self.kernel.check_majorant()
        volume = float(self.n_particles) if volume is None else volume
        require_finite(volume, "volume", minimum=0.0, strict=True)
        for name, value in (("alpha", alpha), ("volume", volume)):
            require(
                np.ndim(value) == 0,
                name,
                "be a number",
                f"its shape is {np.shape(value)}",
                "Use `jax.vmap` for several.",
            )
        self.alpha, self.volume = array(alpha, dtype), array(volume, dtype)

    @property
    def dtype(self) -> Any:
        """The floating type of the parameters, which the run keeps."""
        return self.kernel.dtype

    @property
    def law(self) -> CollisionLaw:
        """The elastic collision, with the angle of the kernel."""
        angle = self.kernel.angle
        return Binary("sigma") if isinstance(angle, Isotropic) else Deflection(angle)

    @property
    def block(self) -> int:
        """Pairs of a replica that are drawn at once."""
        return self.scheme.block(self.n_particles, 2)

    # The protocol.

    def check(self, law: Any) -> None:
        """Raise `ValueError` if the law has no velocities of this dimension."""
        require_law(law, VelocityLaw, dimension=self.dimension, needs=("sample_particles",))

    def sample(self, law: Any, *, key) -> Survivors:
        """Draw N₀ independent velocities, (1.9)."""
        drawn = law.sample_particles(self.n_particles, self.dimension, key=key, dtype=self.dtype)
        no = jnp.asarray(False)
        return Survivors(drawn.velocity, jnp.int32(self.n_particles), jnp.int32(0), no, no)

    def advance_tile(
        self, states: Survivors, start: Array, stop: Array, *, keys: Array
    ) -> Survivors:
        """Run a tile of replicas from `start` to `stop`, batch after batch: exact in law."""
        rows, span = self.dimension + 1, jnp.asarray(stop - start, self.dtype)
        together = collision_batch(self.n_particles, rows, self.dtype, self.block, keys.shape[0])

        def batch(values: tuple[Survivors, Array]) -> Survivors:
            return self._advance_batch(values[0], span, jax.random.key_data(values[1])[:, -2:])

        return in_batches(batch, (states, keys), together)

    def _advance_batch(self, states: Survivors, time: Array, words: Array) -> Survivors:
        """Run a batch of replicas span by span."""

        def span_and_close(now):
            states, left, first = now
            span = jnp.minimum(jnp.maximum(self._span(states), 1e-6 * left), left)
            moved = collide_until(
                self, self._rows(states), span, words, self.block, states.number, first
            )
            # Numbers below this one may have been looked at.
            return self._close(states, moved), left - span, moved.proposal + self.block

        replicas = words.shape[0]
        left = jnp.broadcast_to(time, (replicas,))
        now = states, left, jnp.zeros(replicas, jnp.uint32)
        return jax.lax.while_loop(lambda now: jnp.any(now[1] > 0), span_and_close, now)[0]

    def _span(self, states: Survivors) -> Float[Array, " R"]:
        """Return in what time a fifth vanishes, by the mean square of the relative velocity."""
        number = states.number.astype(self.dtype)
        alive = jnp.arange(self.n_particles) < states.number[:, None]
        mean = jnp.sum(states.velocity, 1) / jnp.maximum(number, 1)[:, None]
        square = jnp.sum((states.velocity - mean[:, None]) ** 2, 2)
        square = jnp.sum(jnp.where(alive, square, 0), 1) / jnp.maximum(number, 1)
        often = self.alpha * number / self.volume * self.kernel.total(jnp.sqrt(2 * square))
        return _SPAN / jnp.where(number > 1, often, 0)  # ∞ where nothing can vanish

    def _rows(self, states: Survivors) -> Float[Array, "d+1 P"]:
        """Return the components of the velocities, and 1 where there is a particle."""
        alive = jnp.arange(self.n_particles) < states.number[:, None]
        velocity = jnp.moveaxis(states.velocity, 2, 0)
        rows = jnp.concatenate([velocity, alive[None].astype(self.dtype)])
        return rows.reshape(self.dimension + 1, -1)

    def _close(self, states: Survivors, moved: Moved) -> Survivors:
        """Move the survivors to the first places, in their order."""
        rows = moved.velocity.reshape(-1, *states.velocity.shape[:2])
        alive = rows[-1] > 0
        places = jax.vmap(lambda mask: set_places(mask, self.n_particles))(alive)
        velocity = jnp.take_along_axis(rows[:-1], places[None], axis=2, mode="fill", fill_value=0.0)
        number = jnp.sum(alive, axis=1, dtype=jnp.int32)
        annihilations = (states.number - number) // 2
        return Survivors(
            jnp.moveaxis(velocity, 0, 2),
            number,
            states.collisions + moved.collisions - annihilations,
            states.exceeded | moved.exceeded,
            states.exhausted | moved.exhausted,
        )

    # What the engine reads and calls.

    @property
    def weights(self) -> Float[Array, " 2"]:
        """The probabilities of the kinds, annihilation and collision.

        A uniform number of single precision is finest near 0, where a small α needs it.
        """
        return jnp.stack([self.alpha, 1 - self.alpha])

    @property
    def orders(self) -> tuple[int, ...]:
        """The order of each kind."""
        return (2, 2)

    @property
    def normals(self) -> int:
        """Standard normals of a collision."""
        return self.law.normals(self.dimension)

    @property
    def direction_only(self) -> bool:
        """Whether only the direction of the normals matters."""
        return self.law.direction_only

    def proposals(self, number: Int32[Array, " R"]) -> Float[Array, " R"]:
        """Return the rate of proposals at bound 1: N(N−1)/2 pairs at 1/Λ each."""
        n = number.astype(self.dtype)
        return n * jnp.maximum(n - 1, 0) / (2 * self.volume)

    def bound(self, fastest: Float[Array, "*n"]) -> Float[Array, "*n"]:
        """Return a bound on B̄ where no speed exceeds `fastest`."""
        return self.kernel.majorant(2 * fastest)

    def speed(self, rows: Float[Array, "d+1 *n"]) -> Float[Array, "*n"]:
        """Return |v|, or 0 at an empty place."""
        return jnp.sqrt(inner(rows[:-1], rows[:-1])) * rows[-1]

    def rate(self, rows: Float[Array, "d+1 2 n"]) -> Float[Array, " n"]:
        """Return B̄ of pairs, 0 with an empty place."""
        apart = rows[:-1, 0] - rows[:-1, 1]
        return self.kernel.total(jnp.sqrt(inner(apart, apart))) * rows[-1, 0] * rows[-1, 1]

    def after(
        self, rows: Float[Array, "d+1 2 n"], normals: Float[Array, "m n"], kind: Int32[Array, " n"]
    ) -> Float[Array, "d+1 2 n"]:
        """Return what an annihilation (kind 0) or a collision (kind 1) leaves of each pair."""
        collide = jax.vmap(lambda v, w: self.law.collide(v.T, w).T, -1, -1)
        alive = jnp.where(kind == 1, rows[-1:], 0)
        return jnp.concatenate([collide(rows[:-1], normals), alive])

    # What is seen.

    def measure(self, state: Survivors) -> Weighted:
        """Return the velocities, each survivor with weight 1/Λ."""
        alive = jnp.arange(self.n_particles) < state.number
        return Weighted(1 / self.volume, Coordinates(velocity=state.velocity), alive)

    def observables(self) -> tuple[Observable, ...]:
        """Return density N/Λ, momentum, energy, stress, heat flux, and the sums of |v|⁴, |v|⁶."""
        return VELOCITY_MOMENTS

    def drain(self, state: Survivors) -> dict[str, Array]:
        """Return the `number` that is left, and the `count` of elastic collisions."""
        return {"number": state.number, "count": state.collisions}

    def faults(self, state: Survivors) -> dict[str, Array]:
        """Report a rate above its bound, and velocities that are not numbers."""
        return collision_faults(state)

    def metadata(self, law: Any) -> dict[str, Any]:
        """Return N₀, Λ, α and d."""
        return {
            "model": "AnnihilatingGas",
            "n_particles": self.n_particles,
            "volume": float(self.volume),
            "alpha": float(self.alpha),
            "dimension": self.dimension,
            "kernel": type(self.kernel).__name__,
        }

    def tile(self, replicas: int) -> int:
        """Return how many replicas a device holds at once."""
        return collision_tile(self.n_particles, replicas)

    def kinetic_limit(
        self, method: Operator | None = None, *, self_similar: bool = False
    ) -> Annihilation:
        """Return (1.1) with n = N₀/Λ at time 0.

        Args:
            method: the operator that evaluates it, without a kernel, in d = 2 or 3:
                `jaxkin.operators.Fourier` on a grid of velocities, `Hermite` or `Sonine` in
                polynomials. None: `Fourier()`, or `Hermite()` in self-similar variables.
            self_similar: for homogeneous kernels, in variables that follow density and
                temperature.

        Raises:
            ValueError: the method is not made for the kernel or the dimension.
        """
        if method is None:
            method = Hermite() if self_similar else Fourier()
        form = SelfSimilarAnnihilation if self_similar else Annihilation
        operator = completed(method, Collisions(self.dimension, self.kernel))
        return form(operator, self.alpha, self.n_particles / self.volume)
