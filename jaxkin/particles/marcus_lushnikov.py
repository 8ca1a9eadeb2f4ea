"""The Marcus–Lushnikov process: masses that merge at given rates, with no space between them.

N₀ particles carry masses 1, 2, …. Each unordered pair of distinct particles of masses (n, m)
reacts after an exponential time of rate

    β(n, m)·Z/N₀,

so that a class pair reacts at rate (Z/N₀)·β(n, m)·N_n N_m for n < m and (Z/N₀)·β(n, n)·N_n(N_n−1)/2
for n = m: an unordered pair (n, n) reacts at rate β(n, n), not twice that. As N₀ → ∞ the densities
N_n Z/N₀ obey Smoluchowski's equation (2.1) of Hammond with the same β; at finite N₀ their means
differ from it by O(1/N₀). It is the well-mixed caricature of Brownian coagulation, and exact
(Gillespie's direct method on the counts of each class): no time step.

Symbols: N_n particles of mass n, N₀ particles at time 0, Z = Σ_n h_n density of the law.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Int, PRNGKeyArray

from jaxkin.equations.smoluchowski import Smoluchowski
from jaxkin.laws import MassLaw, require_law
from jaxkin.logs import ReactionLog
from jaxkin.model import TiledParticles
from jaxkin.numerics.checks import one_of, require, require_finite, whole
from jaxkin.observables.base import Coordinates, Observable, Weighted
from jaxkin.observables.census import census

# The state of a replica is small, so that many replicas share the cost of one step of the loop.
_TILE = 2048


class Masses(eqx.Module):
    """State of one replica, or of a tile of replicas with a leading axis.

    Attributes:
        counts: (M,) particles of each mass.
        escaped: mass that outgrew M.
        weight: Z/N₀, the density of one particle.
        outgrown: whether a mass outgrew M.
        events: number of reactions so far.
        time, mass_i, mass_j: (N₀,) the log of reactions, NaN and 0 where there is none.
    """

    counts: Int[Array, "*tile masses"]
    escaped: Int[Array, "*tile"]
    weight: Float[Array, "*tile"]
    outgrown: Bool[Array, "*tile"]
    events: Int[Array, "*tile"]
    time: Float[Array, "*tile capacity"]
    mass_i: Int[Array, "*tile capacity"]
    mass_j: Int[Array, "*tile capacity"]


class MarcusLushnikov(TiledParticles):
    """Well-mixed coagulation (or annihilation) of N₀ particles; exact in law.

    Args:
        n_particles: N₀, at least 2.
        rate: β, symmetric and not negative: a number, an (M, M) array, or a callable of two mass
            arrays. Volume per time.
        max_mass: M; needed unless `rate` is an array.
        overflow: what happens when a mass outgrows M: "raise" stops the run; "absorb" removes
            the product, which reacts no more, and keeps its mass in the overflow.
        reaction: "coagulation", or "annihilation", where both partners vanish.

    Initial masses are drawn independently with probabilities h_n/Z. The log of events has room
    for N₀ reactions, and there can be no more.

    Raises:
        ValueError: an argument is out of range, or `rate` is not symmetric.
    """

    rate: Float[Array, "masses masses"]
    n_particles: int = eqx.field(static=True)
    overflow: str = eqx.field(static=True)
    reaction: str = eqx.field(static=True)

    def __init__(
        self,
        n_particles: int,
        rate: ArrayLike | Callable[[Array, Array], ArrayLike],
        *,
        max_mass: int | None = None,
        overflow: str = "raise",
        reaction: str = "coagulation",
    ):
        n_particles = whole(n_particles, "n_particles", 2)
        one_of(overflow, "overflow", ("raise", "absorb"))
        one_of(reaction, "reaction", ("coagulation", "annihilation"))
        if not callable(rate):
            require_finite(rate, "rate", minimum=0.0)
        # The equation checks `rate` and `max_mass`, and spreads β over the masses.
        self.rate = Smoluchowski(rate, max_mass=max_mass, reaction=reaction).rate
        self.n_particles, self.overflow, self.reaction = n_particles, overflow, reaction

    @property
    def max_mass(self) -> int:
        """M, the largest mass that reacts."""
        return self.rate.shape[-1]

    def check(self, law: Any) -> None:
        """Raise `ValueError` if the law has no masses, or some above M."""
        require_law(law, MassLaw, max_mass=self.max_mass, needs=("total", "sample_particles"))

    def sample(self, law: Any, *, key: PRNGKeyArray) -> Masses:
        """Draw N₀ independent masses."""
        self.check(law)
        mass = law.sample_particles(self.n_particles, 1, key=key).mass
        dtype, capacity = self.rate.dtype, (self.n_particles,)
        return Masses(
            counts=jnp.sum(mass[:, None] == jnp.arange(1, self.max_mass + 1), 0, dtype=jnp.int32),
            escaped=jnp.int32(0),
            weight=(law.total(1) / self.n_particles).astype(dtype),
            outgrown=jnp.asarray(False),
            events=jnp.int32(0),
            time=jnp.full(capacity, jnp.nan, dtype),
            mass_i=jnp.zeros(capacity, jnp.int32),
            mass_j=jnp.zeros(capacity, jnp.int32),
        )

    def pair_rates(self, state: Masses) -> Float[Array, "masses masses"]:
        """Return the rate at which each class pair n ≤ m reacts; 0 below the diagonal."""
        number = state.counts.astype(self.rate.dtype)
        pairs = jnp.triu(jnp.outer(number, number)) - jnp.diag(number * (number + 1) / 2)
        return state.weight * self.rate * pairs

    def advance_tile(self, states: Masses, start: Array, stop: Array, *, keys: Array) -> Masses:
        """Run a tile of replicas until the last of them passes `stop`; exact in law.

        The waiting time that passes `stop` is thrown away: exponential times have no memory. The
        draws of a reaction are keyed by its number, so that no replica feels its neighbours.
        """
        stop = jnp.asarray(stop, self.rate.dtype)
        clock = jnp.full(keys.shape, start, self.rate.dtype)

        def running(carry):
            return jnp.any(carry[0] < stop)

        def reactions(carry):
            return jax.vmap(lambda c, s, k: self._react(c, s, stop, k))(*carry, keys)

        return jax.lax.while_loop(running, reactions, (clock, states))[1]

    def _react(self, clock, state, stop, key):
        """Let the next reaction happen if it comes before `stop`, else move the clock to `stop`."""
        tiny = jnp.finfo(clock.dtype).tiny
        wait, which = jax.random.uniform(
            jax.random.fold_in(key, state.events), (2,), clock.dtype, minval=tiny
        )
        cumulative = jnp.cumsum(self.pair_rates(state).ravel())
        total = cumulative[-1]
        # A gas that cannot react any more has rate 0: nothing happens.
        clock = clock - jnp.log(wait) / jnp.where(total > 0, total, 1)
        happens = (total > 0) & (clock < stop)
        # Strictly above the draw: a class pair of rate 0 is never chosen.
        pair = jnp.argmax(cumulative > which * total * (1 - jnp.finfo(clock.dtype).eps))
        i, j = pair // self.max_mass, pair % self.max_mass
        product = i + j + 2
        merged = happens & (self.reaction == "coagulation")
        heavy = merged & (product > self.max_mass)
        one = happens.astype(jnp.int32)
        counts = state.counts.at[i].add(-one).at[j].add(-one)
        # An index past the end drops the write: of a finished replica, and of a heavy product.
        gained = jnp.where(merged & ~heavy, product - 1, self.max_mass)
        slot = jnp.where(happens, state.events, self.n_particles)
        state = Masses(
            counts=counts.at[gained].add(1, mode="drop"),
            escaped=state.escaped + jnp.where(heavy, product, 0).astype(jnp.int32),
            weight=state.weight,
            outgrown=state.outgrown | heavy,
            events=state.events + one,
            time=state.time.at[slot].set(clock, mode="drop"),
            mass_i=state.mass_i.at[slot].set((i + 1).astype(jnp.int32), mode="drop"),
            mass_j=state.mass_j.at[slot].set((j + 1).astype(jnp.int32), mode="drop"),
        )
        return jnp.where(happens, clock, stop), state

    def measure(self, state: Masses) -> Weighted:
        """Return N_n particles of weight Z/N₀ at each mass, and the overflow."""
        masses = Coordinates(mass=jnp.arange(1, self.max_mass + 1))
        overflow = state.weight * state.escaped.astype(self.rate.dtype)
        return Weighted(state.weight, masses, state.counts, {"overflow": overflow})

    def observables(self) -> tuple[Observable, ...]:
        """Return `counts`, `number`, `mass` and `overflow`."""
        return census(self.max_mass)

    def conserves(self) -> tuple[str | tuple[str, ...], ...]:
        """Return mass and overflow together, unless particles annihilate."""
        return (("mass", "overflow"),) if self.reaction == "coagulation" else ()

    def drain(self, state: Masses) -> ReactionLog:
        """Return the log of reactions, `mass_i` ≤ `mass_j`; its capacity is N₀."""
        return ReactionLog(
            time=state.time,
            mass_i=state.mass_i,
            mass_j=state.mass_j,
            count=state.events,
            one_particle=state.weight,
            reaction=self.reaction,
            max_mass=self.max_mass,
        )

    def faults(self, state: Masses) -> dict[str, Array]:
        """Report a mass that outgrew M, unless it is absorbed."""
        if self.overflow == "absorb":
            return {}
        message = (
            f"A mass grew past max_mass={self.max_mass}. Give a larger `max_mass`, end "
            'earlier, or use overflow="absorb".'
        )
        return {message: state.outgrown}

    def metadata(self, law: Any) -> dict[str, Any]:
        """Return N₀, Z, M and the reaction."""
        return {
            "model": "MarcusLushnikov",
            "n_particles": self.n_particles,
            "total_density": float(np.asarray(law.total(1))),
            "max_mass": self.max_mass,
            "reaction": self.reaction,
        }

    def tile(self, replicas: int) -> int:
        """Return how many replicas run together."""
        return min(replicas, _TILE)

    def kinetic_limit(self, method: None = None) -> Smoluchowski:
        """Return Smoluchowski's equation (2.1) with the same β.

        Args:
            method: None: the equation is solved in one way.
        """
        require(
            method is None,
            "method",
            "be None: Smoluchowski's equation has no collision operator",
            f"it is {method!r}",
        )
        return Smoluchowski(self.rate, reaction=self.reaction)
