"""Kac's gas and its disjoint scheme against what is exact at finite N, over 10⁷ collisions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

import jaxkin as jk
from jaxkin.velocity_laws import GaussianMixture, VelocityLaw

F = np.float32
TIMES = jnp.array([0.0, 1.0, 2.5])
HOT = GaussianMixture([1.0], [[0.0, 0.0, 0.0]], [[2.0, 0.5, 0.5]])
FOURTH = jk.Observable("fourth", lambda z: jnp.sum(z.velocity**2) ** 2)
SHEAR = jk.Observable("shear", lambda z: z.velocity[0] ** 2 - jnp.sum(z.velocity**2) / 3)


class Fixed(VelocityLaw):
    """The same N velocities in every replica, of mean zero, from a fixed seed."""

    seed: int = 0

    @property
    def dimension(self):
        return 3

    def density(self, velocity):
        raise NotImplementedError

    def values(self, number):
        v = np.random.default_rng(self.seed).laplace(size=(number, 3)) * [2.0, 1.0, 0.5]
        return v - v.mean(0)

    def sample_velocities(self, number, *, key, dtype):
        return jnp.asarray(self.values(number), dtype)


def exact_fourth(v, times):
    """Mean of ⟨|v|⁴⟩ from velocities v (N, 3) of mean zero, by a closed linear system.

    With E = Σ|v|², m = Σ|v|⁴ and s = tr S², S = Σ v⊗v, summed over pairs at rate 1/N,

        N m' = −(N−1)/3·m + 2/3·(E²−m) − 1/3·(s−m),
        N s' = N E²/3 − N s + 1/3·Σ_pairs |g|⁴,   Σ_pairs |g|⁴ = N m + E² + 2s,

    since E and Σv = 0 are kept.
    """
    n, square = len(v), np.sum(v**2, 1)
    E2 = square.sum() ** 2
    S = v.T @ v
    rows = np.array(
        [
            [-(n - 1) / 3 - 2 / 3 + 1 / 3, -1 / 3, 2 / 3 * E2],
            [n / 3, -n + 2 / 3, n * E2 / 3 + E2 / 3],
            [0, 0, 0],
        ]
    )
    start = np.array([np.sum(square**2), np.trace(S @ S), 1.0])
    return np.array([(scipy.linalg.expm(rows / n * t) @ start)[0] / n for t in times])


def run(gas, law, replicas, observe, **options):
    return jk.simulate(
        gas, law, TIMES, key=jax.random.key(3), replicas=replicas, observe=observe, **options
    )


def test_fourth_moment_over_ten_million_collisions():
    """⟨|v|⁴⟩ at N = 20 within 5 standard errors of the exact mean, resolved to 2e-4 of it.

    A clock off by N/(N−1), 5 %, fails by more than 50 standard errors.
    """
    n, law = 20, Fixed()
    gas = jk.KacGas(n, kernel=jk.MaxwellKernel(F(1)))
    data = run(gas, law, 440_000, [FOURTH], events=True)
    assert int(np.sum(data.events["count"], dtype=np.int64)) >= 10**7
    found = np.asarray(data["fourth"], float)
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    exact = exact_fourth(law.values(n), np.asarray(TIMES))
    rounding = 1e-5 * exact
    assert np.all(np.abs(found.mean(0) - exact) < 5 * error + rounding)
    assert np.all(error < 3e-4 * exact)
    fast = exact_fourth(law.values(n), np.asarray(TIMES) * n / (n - 1))
    assert np.all(np.abs(found.mean(0) - fast)[1:] > 50 * error[1:])


@pytest.mark.parametrize("fraction", [1.0, 0.5, 0.1])
def test_the_disjoint_scheme_is_of_first_order(fraction):
    """The stress decays at rate −log(1 − φ/2)/φ = ½(1 + φ/4 + …) for a fraction φ.

    In a step each velocity collides with probability φ, which halves its stress, where the exact
    process would have compounded; blocks come at the exact rate. N = 1000, so that the terms of
    order 1/N, which are those of the exact process, are kept by comparing with it: P(t) =
    P₀[1/N + (1 − 1/N) e^{−t·rate}]. Zero order fails by 5 and more standard errors at φ = 1, ½.
    """
    n = 1000
    gas = jk.KacGas(n, kernel=jk.MaxwellKernel(F(1)), scheme="disjoint", fraction=fraction)
    found = np.asarray(run(gas, HOT, 8000, [SHEAR])["shear"], float)
    mean, error = found.mean(0), found.std(axis=0, ddof=1) / np.sqrt(len(found))
    t = np.asarray(TIMES)

    def stress(rate):
        return 1 / n + (1 - 1 / n) * np.exp(-rate * t)

    biased = stress(-np.log1p(-fraction / 2) / fraction)
    # A last block that the end of the time cuts compounds less: at most half a step of its bias.
    cut = fraction / 4 * fraction / 2 * np.exp(-t / 2) * (t > 0)
    assert np.all(np.abs(mean - biased) < 5 * error + cut)
    if fraction > 0.4:
        assert np.all(np.abs(mean - stress(0.5))[1:] > 5 * error[1:])


def test_pairs_of_a_pattern_do_not_correlate_velocities():
    """The two-particle marginal and the variance of means are those of the exact scheme.

    A pattern of pairs that comes back would show in both. Errors are 2e-4 of ⟨φφ⟩, a hundredth
    of 1/N. Fails if the rounds are not drawn anew (c always 0).
    """
    n, replicas = 50, 300_000
    pair = jk.PairMean("pair", lambda z: jnp.sum(z.velocity**2) - z.velocity[0] ** 2)
    found = {}
    for scheme in ("exact", "disjoint"):
        gas = jk.KacGas(n, kernel=jk.MaxwellKernel(F(1)), scheme=scheme, fraction=0.04)
        data = run(gas, HOT, replicas, [SHEAR, pair])
        shear, pairs = (np.asarray(data[k], float)[:, 1:] for k in ("shear", "pair"))
        spread = shear.var(axis=0, ddof=1)
        found[scheme] = pairs.mean(0), pairs.std(0) / np.sqrt(replicas), spread
    (a, ea, va), (b, eb, vb) = found["exact"], found["disjoint"]
    assert np.all(np.abs(a - b) < 5 * np.hypot(ea, eb))
    assert np.all(np.hypot(ea, eb) < 0.02 / n * np.abs(a))
    # Relative error of a variance from R nearly normal numbers: √(2/R), in each.
    assert np.all(np.abs(va / vb - 1) < 5 * np.sqrt(2 * 2 / replicas))
