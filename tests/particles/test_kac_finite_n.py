"""Kac's gas and its disjoint scheme against what is exact at finite N, over 10⁷ collisions."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

import jaxkin as jk
from jaxkin.laws.velocities import GaussianMixture, VelocityLaw
from jaxkin.numerics.tuples import disjoint_pairs

F = np.float32
TIMES = jnp.array([0.0, 1.0, 2.5])
HOT = GaussianMixture([1.0], [[0.0, 0.0, 0.0]], [[2.0, 0.5, 0.5]])
FOURTH = jk.observables.Mean("fourth", lambda z: jnp.sum(z.velocity**2) ** 2)
SHEAR = jk.observables.Mean("shear", lambda z: z.velocity[0] ** 2 - jnp.sum(z.velocity**2) / 3)


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
    """⟨|v|⁴⟩ at N = 20 within 5 standard errors of the exact mean, resolved to 3e-4 of it.

    A clock off by N/(N−1), 5 %, fails by more than 25 standard errors.
    """
    n, law = 20, Fixed()
    gas = jk.KacGas(n, kernel=jk.MaxwellKernel(F(1)))
    data = run(gas, law, 440_000, [FOURTH], events=True)
    assert int(np.sum(data.events.count, dtype=np.int64)) >= 10**7
    found = np.asarray(data["fourth"], float)
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    exact = exact_fourth(law.values(n), np.asarray(TIMES))
    rounding = 1e-5 * exact
    assert np.all(np.abs(found.mean(0) - exact) < 5 * error + rounding)
    assert np.all(error < 3e-4 * exact)
    fast = exact_fourth(law.values(n), np.asarray(TIMES) * n / (n - 1))
    assert np.all(np.abs(found.mean(0) - fast)[1:] > 25 * error[1:])


@pytest.mark.parametrize("fraction", [1.0, 0.5, 0.1])
def test_the_disjoint_scheme_is_of_first_order(fraction):
    """The stress decays at rate −log(1 − φ/2)/φ = ½(1 + φ/4 + …) for a fraction φ.

    In a step each velocity collides with probability φ, which halves its stress, where the exact
    process would have compounded; blocks come at the exact rate. N = 1000, so that the terms of
    order 1/N, which are those of the exact process, are kept by comparing with it: P(t) =
    P₀[1/N + (1 − 1/N) e^{−t·rate}]. Zero order fails by 5 and more standard errors at φ = 1, ½.
    """
    n = 1000
    gas = jk.KacGas(n, kernel=jk.MaxwellKernel(F(1)), scheme=jk.schemes.Disjoint(fraction))
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


def matched(v, places, key):
    """Maxwell molecules collide in the pairs given, (2, B) places of (N, 3) velocities."""
    first, second = v[places[0]], v[places[1]]
    direction = jax.random.normal(key, first.shape)
    direction = direction / jnp.linalg.norm(direction, axis=1, keepdims=True)
    centre, half = (first + second) / 2, jnp.linalg.norm(first - second, axis=1)[:, None] / 2
    after = jnp.stack([centre + half * direction, centre - half * direction])
    return v.at[places].set(after)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "steps"), [(25, 6)])
def test_pairs_of_a_pattern_do_not_correlate_velocities(size, steps):
    """⟨φφ⟩ of two particles and the variance of means are as after random matchings.

    Both from independent velocities, N = 50, `steps` times `size` disjoint pairs; the matchings by
    sorting random numbers. 5 standard errors, which are below 0.1/N of ⟨φφ⟩ and 1.5 % of the
    variance. Fails with one round for all steps.
    """
    n, replicas = 50, 40_000

    @jax.jit
    @jax.vmap
    def both(key):
        start, run = jax.random.split(key)
        v0 = jax.random.normal(start, (n, 3)) * jnp.sqrt(jnp.array([2.0, 0.5, 0.5]))

        def step(state, key):
            word_key, sort_key, *angles = jax.random.split(key, 4)
            words = jax.random.bits(word_key, (2, 1), jnp.uint32)
            rounds = disjoint_pairs(words[0], words[1], n, size)[..., 0]
            order = jnp.argsort(jax.random.uniform(sort_key, n))[: 2 * size].reshape(2, size)
            places = rounds, order
            return tuple(map(matched, state, places, angles)), None

        ends, _ = jax.lax.scan(step, (v0, v0), jax.random.split(run, steps))
        phi = jnp.stack([v[:, 0] ** 2 - jnp.mean(v**2, 1) for v in ends])
        total = phi.sum(1)
        return total / n, (total**2 - jnp.sum(phi**2, 1)) / (n * (n - 1))

    mean, pairs = map(np.asarray, both(jax.random.split(jax.random.key(1), replicas)))
    gap, error = pairs[:, 0] - pairs[:, 1], (pairs[:, 0] - pairs[:, 1]).std() / replicas**0.5
    assert abs(gap.mean()) < 5 * error and 5 * error < 0.3 / n
    # Relative error of a variance of nearly normal numbers: √(2/R), in each.
    ratio = mean[:, 0].var() / mean[:, 1].var()
    assert abs(ratio - 1) < 5 * np.sqrt(2 * 2 / replicas)


def test_a_law_that_tells_first_from_second():
    """v → (v₁, 0): each label loses its velocity as often, also by disjoint pairs of even N.

    Fails if the last particle is always second, as tournaments have it.
    """
    n, replicas = 6, 20_000
    law = jk.collision_laws.Custom(2, lambda v, z: v.at[1].set(0.0), 1)
    gas = jk.KacGas(n, law, F([1]), dimension=1, scheme=jk.schemes.Disjoint(0.3))
    start = jk.laws.Maxwellian(1, 1e-6, mean=1.0)

    class Labels(jk.observables.Observable):
        name: str = eqx.field(static=True)

        def of_particles(self, measured, *, key=None):
            return measured.coordinates.velocity[:, 0]

        def of_density(self, density):
            raise NotImplementedError

    data = run(gas, start, replicas, [Labels("labels")])
    alive = np.asarray(data["labels"], float)[:, 1]
    error = alive.std(0) / replicas**0.5
    assert np.all(np.abs(alive.mean(0) - alive.mean()) < 5 * error)


@pytest.mark.parametrize("n", [2, 3, 7])
def test_a_step_holds_every_particle_once_at_most(n):
    """All particles in one step: momentum and energy are kept, and the block fits."""
    gas = jk.KacGas(n, kernel=jk.MaxwellKernel(F(1)), scheme=jk.schemes.Disjoint(1.0))
    assert gas.block == n // 2
    energy = jk.observables.Mean("energy", lambda z: jnp.sum(z.velocity**2))
    data = np.asarray(run(gas, HOT, 200, [energy])["energy"])
    np.testing.assert_allclose(data, np.broadcast_to(data[:, :1], data.shape), rtol=1e-5)
