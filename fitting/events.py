"""Rates from a log of reactions: events over exposure.

If each unordered pair of particles of masses (n, m) reacts at rate wβ(n, m), w = Z/N, the paths
have the log-likelihood

    L = Σ_{n≤m} [K_nm log β(n, m) − β(n, m) E_nm],   E_nm = Σ_r ∫ w·pairs_nm dt,

pairs_nm = N_n N_m for n < m and N_n(N_n − 1)/2 for n = m, K_nm the number of reactions. Its
maximum is β̂ = K/E, with standard error β̂/√K: closed, exact at finite N (no limit is taken), and
the sharpest that data of this kind allow. Brownian particles are well mixed only in the limit;
from them β̂ carries their own O(1/N).

Symbols: K events, E exposure (volume⁻¹ × time), w density of one particle, r replica.
"""

from typing import TypeVar, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fitting.objectives import Linearised, Objective
from fitting.parametrisation import Parametrisation
from jaxkin.logs import Log, ReactionLog
from jaxkin.model import KineticEquation
from jaxkin.numerics.checks import require
from jaxkin.trajectory import Trajectory

Kind = TypeVar("Kind", bound=Log)


class EventEstimate(eqx.Module):
    """β̂ = K/E of every pair of masses.

    Attributes:
        rate: (M, M) symmetric; NaN where no reaction was seen.
        standard_error: (M, M) β̂/√K; NaN where no reaction was seen.
        events: (R, M, M) reactions of each replica, on and above the diagonal.
        exposure: (R, M, M) exposures of each replica, on and above the diagonal.
    """

    rate: Float[np.ndarray, "masses masses"]
    standard_error: Float[np.ndarray, "masses masses"]
    events: Float[np.ndarray, "replicas masses masses"]
    exposure: Float[np.ndarray, "replicas masses masses"]


def estimate_from_events(data: Trajectory) -> EventEstimate:
    """Return events over exposure from time 0 to the last time.

    Args:
        data: a simulation of coagulation or annihilation with `events=True` and `counts`.

    Raises:
        ValueError: the data carry no log of reactions, or no `counts` of its masses.
    """
    remedy = "Simulate with events=True, and record `counts`."
    log = logged(data, ReactionLog, remedy)
    require(
        "counts" in data.observables,
        "data",
        "record `counts`",
        f"it has {sorted(data.observables)}",
        remedy,
    )
    events, exposure = log.events_and_exposure(data.times, data["counts"])
    seen, exposed = events.sum(0), exposure.sum(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(seen > 0, seen / exposed, np.nan)
        error = rate / np.sqrt(seen)
    upper = np.triu(np.ones_like(rate, dtype=bool))
    return EventEstimate(
        np.where(upper, rate, rate.T), np.where(upper, error, error.T), events, exposure
    )


def logged(data: Trajectory, kind: type[Kind], remedy: str) -> Kind:
    """Return the log of the data, which must be of this class."""
    log = data.events
    has = "no log" if log is None else f"a {type(log).__name__}"
    require(isinstance(log, kind), "data", f"carry a {kind.__name__}", f"it has {has}", remedy)
    return cast(Kind, log)


class EventLikelihood(Objective):
    """−L(θ) as an objective, for any parametrisation of `equation.rate`.

    The terms K log K − K of the saturated model are left out: the value has no zero.
    """

    equation: KineticEquation
    parametrisation: Parametrisation
    events: Float[Array, "replicas masses masses"]
    exposure: Float[Array, "replicas masses masses"]

    def _rate(self, theta):
        rate = self.parametrisation.assemble(theta, self.equation).rate
        return (rate + rate.T) / 2

    def linearise(self, theta: Float[Array, " p"]) -> Linearised:
        """Return −L, −∂L, Fisher's information Σ E/β ∂β∂βᵀ, and ∂L of each replica."""
        rate, tangents = self._rate(theta), jax.jacfwd(self._rate)(theta)
        seen, exposed = self.events.sum(0), self.exposure.sum(0)
        safe = jnp.where(rate > 0, rate, 1)
        value = jnp.sum(rate * exposed - jnp.where(seen > 0, seen * jnp.log(safe), 0))
        scores = jnp.einsum("rnm,nmp->rp", self.events / safe - self.exposure, tangents)
        fisher = jnp.einsum("nm,nmp,nmq->pq", exposed / safe, tangents, tangents)
        return Linearised(value, -scores.sum(0), fisher, fisher, (scores,))
