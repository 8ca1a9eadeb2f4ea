"""The hierarchy of the annihilating gas: the balance (4.3) of Lods et al., and its exact chain.

With Φ a symmetric function of ℓ velocities and ε = 1/Λ, the correlation functions (1.12) obey

    d/dt ⟨f_ℓ, Φ⟩ = ε Σ_{i<j≤ℓ} ⟨f_ℓ, ∫ B [(1−α) Φ(V^{ij}) − Φ(V)] dσ⟩
                  + Σ_{i≤ℓ} ⟨f_{ℓ+1}, ∫ B_{i,ℓ+1} [(1−α) Φ(V^{i,ℓ+1}) − Φ(V)] dσ⟩,

where V^{ij} is V after a collision of i and j. It is exact at every Λ. With Φ = 1 and B̄ constant
it is closed: the number of particles is a chain N → N − 2 at rate α B̄ N(N−1)/(2Λ).
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.integrate
import scipy.linalg
from jaxtyping import Array, PRNGKeyArray

from jaxkin.numerics.checks import one_of, require, require_finite, require_increasing, whole
from jaxkin.numerics.vectors import inner
from jaxkin.observables.base import Observable, Weighted
from jaxkin.observables.density import Density
from jaxkin.particles.annihilation import AnnihilatingGas
from jaxkin.trajectory import Trajectory


class Balance(Observable):
    """⟨f_ℓ, Φ⟩ and the two terms of its rate of change, estimated on one replica.

    Labels mean nothing, so that particles i, i + 1, … (mod N) are a tuple as good as any: N tuples
    stand for all, and one random direction σ of each for the integral. The means
    over replicas are those of (4.3).

    Args:
        name: name in the trajectory, of shape (3,): ⟨f_ℓ, Φ⟩, the rate by collisions within the ℓ
            particles, and the rate by those with another.
        gas: the gas that is simulated.
        function: Φ, from (ℓ, d) velocities to a number, symmetric in its rows.
        size: ℓ, 1 or 2.
    """

    name: str = eqx.field(static=True)
    gas: AnnihilatingGas
    function: Callable[[Array], Any] = eqx.field(static=True)
    size: int = eqx.field(static=True)

    def __init__(self, name: str, gas: AnnihilatingGas, function: Callable, size: int = 1):
        one_of(size, "size", (1, 2))
        require(
            isinstance(gas, AnnihilatingGas),
            "gas",
            "be an `AnnihilatingGas`",
            f"it is a {type(gas).__name__}",
        )
        self.name, self.gas, self.function, self.size = name, gas, function, size

    def of_density(self, density: Density) -> Array:
        """Refuse: an equation has no particles."""
        raise ValueError(
            "Argument `observe` must hold observables of an equation, but `Balance` counts tuples "
            "of particles. Observe it in `simulate`."
        )

    def of_particles(self, measured: Weighted, *, key: PRNGKeyArray | None = None) -> Array:
        """Return the three numbers."""
        require(
            key is not None,
            "key",
            "be given to `Balance`, which draws directions",
            "it is None",
            "Pass `key=` to `observe`; `simulate` does.",
        )
        require(
            measured.coordinates.velocity is not None,
            "observe",
            "hold balances of the gas that is simulated",
            f"{self.name!r} needs velocities, and these particles have none",
        )
        v, size = measured.coordinates.velocity, self.size
        number = jnp.sum(measured.alive)
        volume = self.gas.volume.astype(v.dtype)
        place = jnp.arange(v.shape[0])
        # The next particles of the first `number` places, round and round.
        tuples = jnp.stack([v[(place + k) % jnp.maximum(number, 1)] for k in range(3)], axis=1)
        value = jax.vmap(self.function)(tuples[:, :size])
        falling = jnp.cumprod((number - jnp.arange(3)).astype(v.dtype) / volume)
        alive = place < number

        def total(values, size):
            # Tuples that wrap round on themselves count for nothing, whatever Φ is there.
            mean = jnp.sum(jnp.where(alive, values, 0)) / jnp.maximum(number, 1)
            return jnp.where(number >= size, mean * falling[size - 1], 0)

        shape = 2, v.shape[0], self.gas.normals
        assert key is not None
        normals = jax.random.normal(key, shape, v.dtype)
        between = total(self._change(tuples, value, 0, size, normals[0]), size + 1) * size
        within = jnp.zeros((), v.dtype)
        if size == 2:
            within = total(self._change(tuples, value, 0, 1, normals[1]), 2) / volume
        return jnp.stack([total(value, size), within, between])

    def _change(self, tuples: Array, value: Array, i: int, j: int, normals: Array) -> Array:
        """Return B̄ [(1−α) Φ(after) − Φ(before)] for a collision of the members i and j."""
        chosen = jnp.asarray([i, j])
        pairs = tuples[:, chosen]
        apart = (pairs[:, 0] - pairs[:, 1]).T
        rate = self.gas.kernel.total(jnp.sqrt(inner(apart, apart)))
        after = tuples.at[:, jnp.asarray([i, j])].set(
            jax.vmap(self.gas.law.collide)(pairs, normals)
        )
        stays = (1 - self.gas.alpha) * jax.vmap(self.function)(after[:, : self.size])
        return (rate * (stays - value)).astype(value.dtype)


def balance_defect(data: Trajectory, name: str) -> tuple[float, float]:
    """Return what a balance leaves over a run, ⟨f, Φ⟩(T) − ⟨f, Φ⟩(0) − ∫ rate dt, and its error.

    The mean over replicas and its standard error. The integral is Simpson's rule over the times of
    the run, whose own error is not part of that: record often enough.

    Args:
        data: a run that observed a `Balance` or `MixedBalance` at an odd number of times.
        name: its name.
    """
    times, values = np.asarray(data.times), np.asarray(data[name], float)
    require(
        times.size > 2 and times.size % 2 == 1,
        "data",
        "hold an odd number of times, at least 3",
        f"it holds {times.size}",
    )
    rate = scipy.integrate.simpson(values[:, :, 1:].sum(axis=2), x=times, axis=1)
    left = values[:, -1, 0] - values[:, 0, 0] - rate
    return float(left.mean()), float(left.std(ddof=1) / np.sqrt(left.size))


def pure_death(
    n_particles: int, times: Any, *, alpha: float, volume: float, strength: float = 1.0
) -> np.ndarray:
    """Return the exact law of the number of particles where B̄ is constant.

    The chain N → N − 2 at rate α B̄ N(N−1)/(2Λ), by the exponential of its generator, in double
    precision. The cost grows as N₀³.

    Args:
        n_particles: N₀.
        times: (times,) increasing, not negative.
        alpha: α in [0, 1].
        volume: Λ.
        strength: B̄.

    Returns:
        (times, N₀ + 1) probabilities of N = 0 … N₀. With N(N−1)…(N−ℓ+1) they give the factorial
        moments, the mass of Λ^ℓ f_ℓ.
    """
    size = whole(n_particles, "n_particles", 0)
    require_increasing(times)
    require_finite(volume, "volume", minimum=0.0, strict=True)
    require_finite(strength, "strength", minimum=0.0)
    require(0 <= alpha <= 1, "alpha", "lie in [0, 1]", f"it is {alpha}")
    number = np.arange(size % 2, size + 1, 2)
    rate = alpha * strength * number * (number - 1) / (2 * volume)
    generator = np.diag(rate[1:], 1) - np.diag(rate)
    law, now, rows = np.zeros(number.size), 0.0, []
    law[-1] = 1.0
    for time in np.asarray(times, float):
        law = scipy.linalg.expm(generator * (time - now)) @ law
        now = time
        row = np.zeros(size + 1)
        row[number] = law
        rows.append(row)
    return np.stack(rows)
