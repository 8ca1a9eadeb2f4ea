"""Marcus–Lushnikov against exact finite-n formulas and its own limit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxkin.drivers.simulation import SimulationFault, simulate
from jaxkin.drivers.solution import solve
from jaxkin.laws import Monodisperse, Polydisperse
from jaxkin.operators import Hermite
from jaxkin.particles.marcus_lushnikov import MarcusLushnikov

N, TIMES = 12, jnp.array([0.0, 0.3, 1.0, 2.5])


def within(data, name, truth, errors=5.0):
    gap = np.abs(np.asarray(data.mean(name)) - truth)
    assert np.all(gap <= errors * data.standard_error(name) + 1e-12), gap


def constant_kernel_blocks(n, t):
    """E[blocks] = Σ_j (2j−1) e^{−j(j−1)t/2} n_[j]/n^(j), rate 1 per pair."""
    j = np.arange(1, n + 1)
    ratio = np.cumprod((n - j + 1) / (n + j - 1))
    return np.sum(
        (2 * j - 1) * np.exp(-np.multiply.outer(np.asarray(t), j * (j - 1)) / 2) * ratio, axis=-1
    )


def doubled_diagonal(process):
    """A planted fault: an unordered pair (n, n) at twice its rate."""
    return MarcusLushnikov(process.n_particles, process.rate * (1 + np.eye(process.max_mass)))


CONSTANT = MarcusLushnikov(N, float(N), max_mass=N)  # w = 1/N: rate 1 per pair
ADDITIVE = MarcusLushnikov(N, lambda n, m: n + m, max_mass=N)


@pytest.mark.parametrize(
    ("process", "blocks"),
    [
        (CONSTANT, lambda t: constant_kernel_blocks(N, t)),
        (ADDITIVE, lambda t: 1 + (N - 1) * np.exp(-t)),
    ],
)
def test_number_of_blocks(process, blocks):
    """Seen to fail with the rate doubled for equal masses, which `doubled_diagonal` plants."""
    data = simulate(process, Monodisperse(), TIMES, key=jax.random.key(0), replicas=20_000)
    within(data, "number", blocks(np.asarray(TIMES)) / N)
    wrong = simulate(
        doubled_diagonal(process), Monodisperse(), TIMES, key=jax.random.key(0), replicas=20_000
    )
    with pytest.raises(AssertionError):
        within(wrong, "number", blocks(np.asarray(TIMES)) / N)


def test_interruption_changes_no_law():
    """Many observation times or few: the same mean. Fails if a restart forgets the clock."""
    fine = simulate(
        CONSTANT, Monodisperse(), jnp.linspace(0, 0.3, 31), key=jax.random.key(3), replicas=20_000
    )
    gap = abs(fine.mean("number")[-1] - constant_kernel_blocks(N, 0.3) / N)
    assert gap < 5 * fine.standard_error("number")[-1]


def test_annihilation_is_the_pure_death_chain():
    """k → k − 2 at rate wβk(k−1)/2, solved exactly. Fails with w k²/2."""
    import scipy.linalg

    process = MarcusLushnikov(N, 3.0, max_mass=1, reaction="annihilation")
    data = simulate(process, Monodisperse(), TIMES, key=jax.random.key(4), replicas=20_000)
    k = np.arange(N + 1)
    rate = 3.0 / N * k * (k - 1) / 2
    generator = np.diag(-rate) + np.diag(rate[2:], -2)
    exact = [k @ scipy.linalg.expm(generator.T * float(t))[:, N] for t in TIMES]
    within(data, "number", np.asarray(exact) / N)


@pytest.mark.slow
def test_limit_and_order_in_n():
    """The gap to Smoluchowski falls as 1/N: N·gap agrees between N = 20 and N = 80."""
    law, rate = Polydisperse([0.6, 0.4]), np.array([[2.0, 1.5], [1.5, 1.0]])
    scaled = []
    for n in (20, 80):
        process = MarcusLushnikov(n, rate, overflow="absorb")
        data = simulate(process, law, jnp.array([1.0]), key=jax.random.key(n), replicas=100_000)
        limit = solve(process.kinetic_limit(), law, data.times)
        scaled.append(
            (
                n * (data.mean("counts") - limit["counts"])[0, 0],
                n * data.standard_error("counts")[0, 0],
            )
        )
    (a, error_a), (b, error_b) = scaled
    assert a > 5 * error_a
    assert abs(a - b) < 5 * np.hypot(error_a, error_b) + 0.1 * a


def test_mass_is_conserved_and_the_log_tells_the_story():
    process = MarcusLushnikov(30, 2.0, max_mass=3, overflow="absorb")
    data = simulate(
        process, Monodisperse(density=2.0), TIMES, key=jax.random.key(5), replicas=8, events=True
    )
    np.testing.assert_allclose(data["mass"] + data["overflow"], 2.0, rtol=1e-12)
    log = jax.tree.map(np.asarray, data.events)
    for r in range(8):
        count = log.count[r]
        assert np.all(np.diff(log.time[r, :count]) > 0) and log.time[r, count - 1] <= 2.5
        assert np.all(np.isnan(log.time[r, count:]))
        i, j = log.mass_i[r, :count], log.mass_j[r, :count]
        left = 30 - np.sum(np.where(i + j > 3, 2, 1))
        assert left == round(float(data["number"][r, -1]) * 15)
        assert np.all((1 <= i) & (i <= j) & (j <= 3))


def test_rate_zero_waits_for_ever():
    data = simulate(
        MarcusLushnikov(5, 0.0, max_mass=1), Monodisperse(), TIMES, key=jax.random.key(0)
    )
    np.testing.assert_array_equal(data["number"], 1.0)


def test_tiles_change_nothing():
    few = simulate(CONSTANT, Monodisperse(), TIMES, key=jax.random.key(6), replicas=3)
    many = simulate(CONSTANT, Monodisperse(), TIMES, key=jax.random.key(6), replicas=40)
    np.testing.assert_array_equal(few["counts"], many["counts"][:3])


def test_faults_and_refusals():
    with pytest.raises(SimulationFault, match="max_mass=2") as caught:
        simulate(MarcusLushnikov(20, 5.0, max_mass=2), Monodisperse(), TIMES, key=jax.random.key(0))
    assert caught.value.partial is not None
    with pytest.raises(ValueError, match="n_particles"):
        MarcusLushnikov(1, 1.0, max_mass=2)
    with pytest.raises(ValueError, match="symmetric"):
        MarcusLushnikov(5, np.array([[1.0, 2.0], [3.0, 1.0]]))
    with pytest.raises(ValueError, match="max_mass"):
        simulate(MarcusLushnikov(5, 1.0, max_mass=1), Monodisperse(2), TIMES, key=jax.random.key(0))
    with pytest.raises(ValueError, match=r"`method` must be None: .* no collision operator"):
        CONSTANT.kinetic_limit(Hermite())
