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

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fitting.objectives import Linearised, Objective
from fitting.parametrisation import Parametrisation
from jaxkin.model import KineticEquation
from jaxkin.numerics.checks import require
from jaxkin.trajectory import Trajectory


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
        ValueError: the data carry no events, no `counts`, or not their density and number.
    """
    remedy = "Simulate with events=True, and record `counts`."
    logged = data.events or {}
    require(len(logged) > 0, "data", "carry a log of events", "it has none", remedy)
    require(
        "counts" in data.observables,
        "data",
        "record `counts`",
        f"it has {sorted(data.observables)}",
        remedy,
    )
    weight = one_particle(data)
    require(
        weight is not None,
        "data",
        "tell `n_particles` and `total_density` in its metadata",
        f"that holds {sorted(data.metadata)}",
    )
    log = {name: np.asarray(values) for name, values in logged.items()}
    counts = np.asarray(data["counts"], dtype=float) / weight
    last = float(data.times[-1])
    happened = log["time"] <= last  # NaN compares false
    i, j = (np.where(happened, log[name] - 1, 0) for name in ("mass_i", "mass_j"))
    jumps = _jumps(i, j, counts.shape[-1], data.metadata.get("reaction", "coagulation"))
    jumps = jumps * happened[..., None]
    first = np.rint(counts[:, 0] - _before(jumps, log["time"], float(data.times[0])))
    path = np.concatenate([first[:, None], first[:, None] + np.cumsum(jumps, axis=1)], axis=1)
    times = np.where(happened, log["time"], last)
    edges = np.pad(times, [(0, 0), (1, 1)], constant_values=((0, 0), (0.0, last)))
    stay = np.diff(edges, axis=1) * weight
    pairs = np.einsum("rk,rkn,rkm->rnm", stay, path, path, optimize=True)
    alone = np.einsum("rk,rkn->rn", stay, path)
    exposure = np.triu(pairs) - 0.5 * (pairs + _diagonal(alone)) * np.eye(counts.shape[-1])
    events = np.zeros_like(exposure)
    replica = np.broadcast_to(np.arange(len(i))[:, None], i.shape)
    np.add.at(events, (replica, np.minimum(i, j), np.maximum(i, j)), happened)
    seen, exposed = events.sum(0), exposure.sum(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(seen > 0, seen / exposed, np.nan)
        error = rate / np.sqrt(seen)
    upper = np.triu(np.ones_like(rate, dtype=bool))
    return EventEstimate(
        np.where(upper, rate, rate.T), np.where(upper, error, error.T), events, exposure
    )


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


def one_particle(data: Trajectory) -> float | None:
    """Return w = Z/N, the density of one particle, or None if the metadata do not tell."""
    known = {"n_particles", "total_density"} <= set(data.metadata)
    return data.metadata["total_density"] / data.metadata["n_particles"] if known else None


def _jumps(
    i: np.ndarray, j: np.ndarray, masses: int, reaction: str
) -> Float[np.ndarray, "replicas events masses"]:
    """Change of the counts in each event."""
    one = np.eye(masses)
    gone = -one[i] - one[j]
    # A product heavier than M leaves the classes: the extra rows are zero.
    products = np.concatenate([one, np.zeros((masses, masses))])
    gained = products[i + j + 1]
    return gone + gained if reaction == "coagulation" else gone


def _before(jumps: np.ndarray, times: np.ndarray, start: float) -> np.ndarray:
    return np.sum(jumps * (times <= start)[..., None], axis=1)


def _diagonal(vectors: np.ndarray) -> np.ndarray:
    return vectors[..., None] * np.eye(vectors.shape[-1])
