"""The balance of the one- and two-particle marginals, (2.22) and (2.25) of Cárdenas et al."""

import math
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxkin as jk
from jaxkin import collision_laws as cl
from jaxkin.laws.velocities import GaussianMixture
from jaxkin.observables import Observable

N = 5
LAWS, WEIGHTS = (cl.Binary("omega"), cl.Symmetric(3)), (0.6, 0.4)
BEAMS = GaussianMixture([0.5, 0.5], [[1.0, 0.0], [-0.5, 0.3]], [[0.2, 0.4], [0.5, 0.1]])


def phi(v):
    """A test function of one velocity that no law conserves."""
    return jnp.cos(1.5 * v[0]) - jnp.cos(2 * v[1])


def pair(v):
    """φ ⊗ φ."""
    return phi(v[0]) * phi(v[1])


def shear(v):
    """A test function of two whose remainder is large."""
    return v[0, 0] * v[1, 0] - v[0, 1] * v[1, 1]


class Marginal(Observable):
    """⟨f^{(s)}, φ⟩ and the right-hand side of its balance, from the velocities of a replica.

    Labels mean nothing, so that particles i, i + 1, … are a tuple as good as any, and normal
    numbers from the key of each replica and time average over ω.
    """

    name: str = eqx.field(static=True)
    test: Callable = eqx.field(static=True)
    size: int = eqx.field(static=True)

    def __init__(self, name, test, size):
        self.name, self.test, self.size = name, test, size

    def of_density(self, density):
        """Refuse."""
        raise ValueError("An equation has no particles.")

    def of_particles(self, measured, *, key=None):
        """Return the mean, and four rates."""
        v = measured.coordinates.velocity
        mean = jnp.mean(jax.vmap(self.test)(tuples(v, range(self.size))))
        rates = [mean]
        for k, (law, beta) in enumerate(zip(LAWS, WEIGHTS, strict=True)):
            K, s = law.order, self.size
            normals = jax.random.normal(jax.random.fold_in(key, k), (N, law.normals(2)), v.dtype)
            # One of the s particles meets K − 1 others; (2.25), and its remainder: two of them.
            change = self.change(v, law, normals, [0], list(range(s, s + K - 1)))
            rate = beta * N / math.comb(N, K) * math.comb(N - s, K - 1) * s
            rates.append(rate * change)
            both = 0.0
            if s == 2:
                both = self.change(v, law, normals, [0, 1], list(range(2, K)))
            rates.append(beta * N / math.comb(N, K) * math.comb(N - s, K - s) * both * (s == 2))
        return jnp.stack([jnp.asarray(r, v.dtype) for r in rates])

    def change(self, v, law, normals, inside, others):
        """Mean of φ(after) − φ(before) for tuples of `inside`, of the s, and others."""
        involved = tuples(v, inside + others)
        after = jax.vmap(law.collide)(involved, normals)[:, : len(inside)]
        before = tuples(v, range(self.size))
        moved = before.at[:, jnp.asarray(inside)].set(after)
        return jnp.mean(jax.vmap(self.test)(moved) - jax.vmap(self.test)(before))


def tuples(v, places):
    """(N, s, d): particles i + p for each place p."""
    return jnp.stack([jnp.roll(v, -p, axis=0) for p in places], axis=1)


@pytest.fixture(scope="module")
def paths():
    gas = jk.KacGas(N, LAWS, np.float32(WEIGHTS), dimension=2)
    times = jnp.linspace(0.0, 0.8, 9)
    observe = [
        Marginal("one", lambda v: phi(v[0]), 1),
        Marginal("two", pair, 2),
        Marginal("shear", shear, 2),
    ]
    return jk.simulate(gas, BEAMS, times, key=jax.random.key(0), replicas=120_000, observe=observe)


def defect(paths, name, factors):
    """Mean and error of ⟨φ⟩(T) − ⟨φ⟩(0) − ∫ (rates · factors) dt, by Simpson's rule."""
    data = np.asarray(paths[name], float)
    simpson = np.array([1, 4, 2, 4, 2, 4, 2, 4, 1]) / 30
    drift = np.einsum("rtk,t,k->r", data[:, :, 1:], simpson, np.asarray(factors, float))
    left = data[:, -1, 0] - data[:, 0, 0] - drift
    return left.mean(), left.std(ddof=1) / np.sqrt(left.size)


@pytest.mark.parametrize("name", ["one", "two", "shear"])
def test_balance(paths, name):
    """The change of a marginal is the integral of (2.25) with its remainder.

    Simpson's rule at steps of 0.1 is exact to 0.8·0.1⁴/180·|h⁗| < 2e-4 for rates up to 4.8.
    """
    mean, error = defect(paths, name, [1, 1, 1, 1])
    assert abs(mean) < 5 * error + 2e-4
    assert error < 6e-3


@pytest.mark.parametrize(
    ("name", "factors"),
    [
        ("one", [1.1, 0, 1, 0]),
        ("one", [1, 0, 2 / 3, 0]),
        ("two", [1.4, 1, 1, 1]),
        ("shear", [1, 0, 1, 1]),
        ("shear", [1, 1, 1, 0]),
        ("two", [1, 1, 2 / 3, 1]),
    ],
    ids=[
        "10 %",
        "K − 1 for K",
        "40 % of two",
        "no binary remainder",
        "no ternary remainder",
        "K − 1",
    ],
)
def test_a_planted_factor_is_seen(paths, name, factors):
    """The data tell each term from a wrong one by more than 5 standard errors."""
    mean, error = defect(paths, name, factors)
    assert abs(mean) > 5 * error + 2e-4
