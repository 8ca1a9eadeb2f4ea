"""Broadwell's four velocities: the exact chain of occupation numbers, Kac's gas, and the limit.

v ∈ {e₁, −e₁, e₂, −e₂} in the plane. Only (e₁, −e₁) ↔ (e₂, −e₂) changes anything: such a pair turns
by a right angle with probability ½. With the clock of pairs,

    (n₁, n₂, n₃, n₄) → (n₁−1, n₂−1, n₃+1, n₄+1) at rate n₁n₂/(2N), and back at rate n₃n₄/(2N),
    limit: f₁' = f₂' = −f₃' = −f₄' = ½(f₃f₄ − f₁f₂).
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, sparse, stats
from scipy.sparse.linalg import expm_multiply

import jaxkin as jk

CHANCES = np.array([0.5, 0.3, 0.15, 0.05])
DIRECTIONS = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
TIMES = np.array([0.0, 1.0, 3.0])
COUNTS = jk.observables.Mean(
    "counts", lambda z: jnp.all(jnp.abs(z.velocity - DIRECTIONS) < 1e-3, axis=1) * 1.0
)


class Four(jk.laws.VelocityLaw):
    """Independent draws of the four velocities."""

    @property
    def dimension(self):
        return 2

    def density(self, velocity):
        raise NotImplementedError("atoms have no density")

    def sample_velocities(self, number, *, key, dtype):
        which = jax.random.choice(key, 4, (number,), p=jnp.asarray(CHANCES))
        return jnp.asarray(DIRECTIONS, dtype)[which]


def turn(velocity, normal):
    """Turn a pair of opposite velocities by a right angle, with probability ½."""
    opposite = jnp.all(jnp.abs(velocity[0] + velocity[1]) < 1e-3)
    turned = jnp.stack([-velocity[:, 1], velocity[:, 0]], axis=1)
    return jnp.where(opposite & (normal[0] > 0), turned, velocity)


def simulated(n, replicas):
    """Mean and standard error of the four densities and of n₁n₂/N²."""
    law = jk.collision_laws.Custom(2, turn, 1)
    gas = jk.KacGas(n, law, kernel=jk.PowerKernel(np.float32(1)), dimension=2)
    data = jk.simulate(
        gas, Four(), jnp.asarray(TIMES), key=jax.random.key(n), replicas=replicas, observe=[COUNTS]
    )
    f = np.asarray(data["counts"], float)
    both = np.concatenate([f, f[..., :1] * f[..., 1:2]], -1)
    return both.mean(0), both.std(0, ddof=1) / np.sqrt(replicas)


def chain(n):
    """The same means, exactly, by the exponential of the generator."""
    states = [
        (a, b, c, n - a - b - c)
        for a in range(n + 1)
        for b in range(n + 1 - a)
        for c in range(n + 1 - a - b)
    ]
    place = {s: k for k, s in enumerate(states)}
    rows, columns, rates = [], [], []
    for s, k in place.items():
        for sign, pair in ((-1, s[0] * s[1]), (1, s[2] * s[3])):
            if pair:
                after = (s[0] + sign, s[1] + sign, s[2] - sign, s[3] - sign)
                rows += [place[after], k]
                columns += [k, k]
                rates += [pair / (2 * n), -pair / (2 * n)]
    generator = sparse.csc_matrix((rates, (rows, columns)), shape=(len(states),) * 2)
    p = stats.multinomial.pmf(states, n, CHANCES)
    f = np.asarray(states) / n
    values = np.concatenate([f, f[:, :1] * f[:, 1:2]], 1)
    return np.stack([expm_multiply(generator * t, p) @ values for t in TIMES])


def limit():
    """f at the times."""

    def rate(_, f):
        change = 0.5 * (f[2] * f[3] - f[0] * f[1])
        return [change, change, -change, -change]

    return integrate.solve_ivp(rate, (0, 3), CHANCES, t_eval=TIMES, rtol=1e-10, atol=1e-12).y.T


@pytest.mark.parametrize(("n", "replicas"), [(3, 20_000), (10, 10_000)])
def test_simulation_agrees_with_the_chain(n, replicas):
    """5 standard errors, at N where the limit is far off. Fails for the rate 1/(N−1) of a pair."""
    mean, error = simulated(n, replicas)
    exact = chain(n)
    assert np.all(np.abs(mean - exact) < 5 * error + 1e-6)
    apart = np.abs(exact[-1, :4] - limit()[-1])
    assert np.all(apart > 5 * error[-1, :4]), "the test must tell N from the limit"


def test_the_mean_approaches_the_limit_as_one_over_n():
    """N·(E_N − f) of the chain tends to a constant, and the simulation at N = 40 shows it.

    Extrapolated from N = 8 and 16 the coefficient predicts N = 24 to O(1/N²).
    """
    gap = {n: n * (chain(n)[-1, :4] - limit()[-1]) for n in (8, 16, 24)}
    coefficient = 2 * gap[16] - gap[8]
    predicted = coefficient + (gap[8] - coefficient) * 8 / 24
    np.testing.assert_allclose(predicted, gap[24], rtol=0.02)
    mean, error = simulated(40, 8000)
    expected = limit()[-1] + coefficient / 40
    assert np.all(
        np.abs(mean[-1, :4] - expected) < 5 * error[-1, :4] + 0.1 * np.abs(coefficient) / 40
    )
