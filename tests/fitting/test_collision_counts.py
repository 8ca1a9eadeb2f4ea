"""Constants of hard spheres from counts of collisions: bias, coverage, and the test of (1.12)."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxkin as jk
from fitting.collision_counts import constants_from_collisions
from jaxkin.laws.velocities import Maxwellian
from jaxkin.logs import CollisionCount, CollisionLog
from jaxkin.observables import Coordinates, Weighted
from jaxkin.physics.spheres.mixture_constraint import constraint_defect
from jaxkin.physics.spheres.relative_speed import RelativeSpeed
from jaxkin.trajectory import Trajectory

UPPER = np.triu_indices(2)


def simulated(gas, temperatures, span, replicas, *, key=1, times=5):
    pairs = zip(temperatures, np.asarray(gas.masses), strict=True)
    law = jk.laws.ByType(*(Maxwellian(gas.dimension, t / m) for t, m in pairs))
    return jk.simulate(
        gas,
        law,
        jnp.linspace(0, span, times),
        key=jax.random.key(key),
        replicas=replicas,
        events=True,
        observe=[RelativeSpeed(len(gas.numbers))],
    )


def part(data, chosen):
    speed, log = data["relative_speed"][chosen], data.events.select(chosen)
    told = data.metadata | {"replicas": len(speed)}
    return Trajectory(data.times, {"relative_speed": speed}, log, told)


def logged(collisions, numbers):
    """Collisions that nobody simulated."""
    none = jnp.zeros(len(collisions))
    return CollisionLog(
        collisions=collisions,
        bounces=none,
        rounds=none,
        closest=none,
        times=None,
        pairs=None,
        numbers=numbers,
        dimension=3,
        boundary="periodic",
        reversed=False,
    )


def z_scores(found, gas):
    return (found.constants - np.asarray(gas.constants)) / found.standard_error


# The observable.


def test_relative_speed_of_pairs_by_hand():
    velocity = np.array([[0.0, 0.0], [3.0, 4.0], [1.0, 0.0]])
    z = Coordinates(velocity=jnp.asarray(velocity), type=jnp.array([0, 0, 1]))
    found = RelativeSpeed(2).of_particles(Weighted(jnp.array([0.5, 0.5, 1.0]), z))
    across = (1 + np.hypot(2, 4)) / 2
    np.testing.assert_allclose(found, [[5, across], [across, 0]], rtol=1e-14)


def test_relative_speed_at_equilibrium_and_its_gradient():
    """⟨|v − w|⟩ = √(8θ/π) in d = 3. The gradient in the velocities is finite."""
    v = jax.random.normal(jax.random.key(0), (2000, 3))
    measured = Weighted(jnp.full(2000, 1 / 2000), Coordinates(velocity=v))
    found = RelativeSpeed().of_particles(measured)
    # A U-statistic: its variance is 4 Var E[|v − w| | v]/N, below 4·0.16/N.
    assert abs(found[0, 0] - np.sqrt(16 / np.pi)) < 5 * np.sqrt(0.64 / 2000)

    def speed(v):
        at = eqx.tree_at(lambda m: m.coordinates.velocity, measured, v)
        return RelativeSpeed().of_particles(at)[0, 0]

    slope = jax.grad(speed)(v)
    np.testing.assert_allclose(jnp.sum(slope * v), found[0, 0], rtol=1e-10)  # of degree 1


def test_equations_refuse_pairs():
    gas = jk.HardSphereMixture((40, 60), (1.0, 2.0), (0.06, 0.05))
    law = jk.laws.ByType(Maxwellian(3, 1.0), Maxwellian(3, 0.5))
    with pytest.raises(ValueError, match=r"over pairs.*`simulate`"):
        jk.solve(gas.kinetic_limit(), law, jnp.array([0.0, 0.1]), observe=[RelativeSpeed(2)])


# The constraint.


@pytest.mark.parametrize("dimension", [2, 3])
def test_the_defect_vanishes_on_constants_of_spheres_only(dimension):
    numbers, diameters = np.array([10.0, 30.0, 20.0, 5.0]), np.array([1.0, 0.7, 2.0, 0.4])
    reach = (diameters[:, None] + diameters) / 2
    matrix = numbers * reach ** (dimension - 1)
    np.testing.assert_allclose(constraint_defect(matrix, dimension), np.zeros(9), atol=1e-13)
    slope = jax.jacfwd(constraint_defect)(jnp.asarray(matrix), dimension).reshape(9, 16)
    assert np.linalg.matrix_rank(slope) == 9  # no condition follows from the others
    two = matrix[:2, :2] * np.array([[1.0, 1.1], [1.0, 1.0]])
    x, y = ((two / np.diagonal(two)) ** (1 / (dimension - 1)))[[0, 1], [1, 0]]
    np.testing.assert_allclose(
        constraint_defect(two, dimension), [np.log((1 / x + 1 / y) / 2)], rtol=1e-12
    )
    # The same set as (1.12), 1/x + 1/y = 2: of one x it names the y of (2x − 1)(2y − 1) = 1.
    y = (1 + 1 / (2 * x - 1)) / 2
    np.testing.assert_allclose(1 / x + 1 / y, 2, rtol=1e-14)


def test_the_defect_is_finite_where_no_diameter_is_left():
    matrix = jnp.array([[1.0, 0.2], [1.0, 1.0]])  # c₁₂ < c₂/4
    assert 0.1 < constraint_defect(matrix)[0] < np.inf
    assert np.all(np.isfinite(jax.jacrev(constraint_defect)(matrix)))


# The estimate.


@pytest.fixture(scope="module")
def small():
    """Types of different temperature and number; masses 1 : 2, diameters 1.5 : 1."""
    gas = jk.HardSphereMixture.from_scaling(0.15, 0.15, 1.5, 40, masses=(1.0, 2.0))
    return gas, simulated(gas, (1.0, 3.0), 1.0, 40)


def test_estimate_is_unbiased_out_of_equilibrium(small):
    """Within 4 standard errors of 2–4 %, after χ of about 1.02, from T₁ = 1 and T₂ = 3.

    Fails where pairs of one type are N_α² for N_α(N_α − 1), where c_αα has a factor 2, and where
    c₁₂ and c₂₁ are exchanged (`test_faults_are_seen`).
    """
    gas, data = small
    found = constants_from_collisions(data)
    relative = found.standard_error / found.constants
    assert np.all(relative < 0.05), relative
    assert np.all(np.abs(z_scores(found, gas)) < 4), found.summary(gas)
    exact = np.asarray(jk.contact_values(gas.numbers, gas.diameters, 3))
    np.testing.assert_allclose(found.contact, exact, rtol=0.01)
    np.testing.assert_allclose(found.raw, found.constants * found.contact, rtol=1e-12)
    n = np.array(gas.numbers)
    np.testing.assert_allclose(found.constants[0, 1] / found.constants[1, 0], n[1] / n[0])
    assert found.compatible().degrees == (1, 39) and found.compatible().p > 1e-4
    given = constants_from_collisions(data, contact=exact)
    np.testing.assert_allclose(given.constants, found.constants, rtol=0.01)


def test_an_admissible_estimate_has_diameters(small):
    """(1.12) holds to rounding, and errors are smaller: three numbers are fitted by two."""
    gas, data = small
    free, found = (constants_from_collisions(data, admissible=a) for a in (False, True))
    np.testing.assert_allclose(constraint_defect(found.constants), 0, atol=1e-12)
    c, ratio = jk.mixture_parameters(found.constants)
    n = np.array(gas.numbers)
    np.testing.assert_allclose(ratio[0], np.sqrt(c[0] / n[0] / (c[1] / n[1])), rtol=1e-10)
    assert np.all(found.standard_error < 1.02 * free.standard_error)
    assert np.all(np.abs(z_scores(found, gas)) < 4)
    assert found.compatible() == free.compatible()
    # A fifth more collisions between the types than diameters explain are seen.
    more = data.events.collisions.astype(float).at[:, 0, 1].multiply(1.2)
    log = dataclasses.replace(data.events, collisions=more)
    other = Trajectory(data.times, data.observables, log, data.metadata)
    assert constants_from_collisions(other).compatible().p < 1e-4


def test_faults_are_seen(small, monkeypatch):
    """Each planted fault moves an estimate by more than 4 of its standard errors."""
    gas, data = small
    module = "jaxkin.logs.pairs_of_types"

    def worst(data):
        return np.abs(z_scores(constants_from_collisions(data), gas)).max()

    assert worst(data) < 4
    monkeypatch.setattr(module, lambda n: np.outer(n, n) / 1.0)  # ordered pairs of one type
    assert worst(data) > 10
    monkeypatch.undo()
    found = constants_from_collisions(data)
    swapped = eqx.tree_at(lambda f: f.constants, found, found.constants.T)
    assert np.abs(z_scores(swapped, gas)).max() > 10


def test_what_is_told(small):
    gas, data = small
    found = constants_from_collisions(data)
    text = found.summary(gas)
    assert "c[2,1]" in text and "reference" in text and "χ" in text and "(1.12): F(1, 39)" in text
    assert "reference" not in str(found)
    interval = found.interval()
    assert np.all((interval[..., 0] < found.constants) & (found.constants < interval[..., 1]))
    one = constants_from_collisions(part(data, slice(1)))
    assert np.all(np.isnan(one.standard_error)) and np.isnan(one.compatible().p)
    assert "–" in one.summary(gas)


def test_refusals(small):
    _, data = small
    with pytest.raises(ValueError, match="events=True"):
        constants_from_collisions(Trajectory(data.times, data.observables, None, data.metadata))
    with pytest.raises(ValueError, match="relative_speed"):
        constants_from_collisions(Trajectory(data.times, {}, data.events, data.metadata))
    assert data.metadata["uniform"] and not data.events.reversed
    same = "same at all places and is not reversed"
    for wrong, message in (({"boundary": "reflecting"}, "torus"), ({"reversed": True}, same)):
        log = dataclasses.replace(data.events, **wrong)
        with pytest.raises(ValueError, match=message):
            constants_from_collisions(Trajectory(data.times, data.observables, log, data.metadata))
    with pytest.raises(ValueError, match=same):
        told = data.metadata | {"uniform": 0}
        constants_from_collisions(Trajectory(data.times, data.observables, data.events, told))
    with pytest.raises(ValueError, match="carry a CollisionLog, but it has a CollisionCount"):
        count = CollisionCount(jnp.zeros(40, int))
        constants_from_collisions(Trajectory(data.times, data.observables, count, data.metadata))
    with pytest.raises(ValueError, match=r"`relative_speed` of 2 types.*RelativeSpeed\(2\)"):
        other = {"relative_speed": data["relative_speed"][..., :1, :1]}
        constants_from_collisions(Trajectory(data.times, other, data.events, data.metadata))
    later = Trajectory(data.times + 1, data.observables, data.events, data.metadata)
    with pytest.raises(ValueError, match="from 0 on"):
        constants_from_collisions(later)
    with pytest.raises(ValueError, match="three times or more"):
        constants_from_collisions(
            Trajectory(data.times[:2], data.observables, data.events, data.metadata)
        )
    with pytest.raises(ValueError, match="`contact` must be symmetric"):
        constants_from_collisions(data, contact=[[1.0, 1.0], [2.0, 1.0]])
    none = dataclasses.replace(data.events, collisions=data.events.collisions.at[:, 0, 1].set(0))
    with pytest.raises(ValueError, match=r"none of \[\(1, 2\)\]"):
        constants_from_collisions(Trajectory(data.times, data.observables, none, data.metadata))


def test_three_types():
    """Six independent numbers and three diameters: three conditions; counts without noise."""
    numbers, e, d = np.array([20, 30, 40]), np.array([0.05, 0.03, 0.02]), 3
    chi = np.asarray(jk.contact_values(numbers, e, d))
    rate = chi * ((e[:, None] + e) / 2) ** 2 * np.pi
    pairs = (np.outer(numbers, numbers) - np.diag(numbers)) / (1 + np.eye(3))
    wobble = np.random.default_rng(0).normal(size=(12, 3, 3))
    wobble -= wobble.mean(0)
    data = Trajectory(
        jnp.array([0.0, 50.0, 100.0]),
        {"relative_speed": jnp.ones((12, 3, 3, 3))},
        logged(jnp.triu(100 * pairs * rate * (1 + 1e-6 * wobble)), tuple(numbers.tolist())),
        {"replicas": 12},
    )
    expected = numbers * ((e[:, None] + e) / 2) ** 2
    for admissible in (False, True):
        found = constants_from_collisions(data, admissible=admissible)
        np.testing.assert_allclose(found.constants, expected, rtol=1e-10)
        np.testing.assert_allclose(found.contact, chi, rtol=1e-10)
        assert found.covariance.shape == (6, 6) and found.compatible().degrees == (3, 9)


def test_a_time_grid_that_is_too_coarse_is_told():
    """⟨|v − w|⟩ that decays as e^{−5t}, seen three times."""
    times = jnp.linspace(0, 1, 3)
    speed = jnp.broadcast_to(jnp.exp(-5 * times)[None, :, None, None], (9, 3, 1, 1))
    counts = jnp.full((9, 1, 1), 10_000)
    log = logged(counts, (50,))
    data = Trajectory(times, {"relative_speed": speed}, log, {"replicas": 9})
    with pytest.warns(UserWarning, match="more times"):
        found = constants_from_collisions(data, contact=[[1.0]])
    assert found.compatible().degrees == (0, 9)


# Slow: gases of any kind, and calibration.


def drawn(rng):
    """c₁, c₂ in [0.3, 0.6] and b in [0.5, 2]; with 150 spheres or more of each type they fill at
    most 0.04 of the box (0.004 in d = 2), where χ of unequal spheres is known to some 0.1 %.

    Smaller constants or larger ratios make one type rare and its collisions too few for 3 %.
    """
    return (*rng.uniform(0.3, 0.6, 2), float(2 ** rng.uniform(-1, 1)))


def choices():
    seed = int(np.random.SeedSequence().entropy % 2**32)
    return [(0.3, 0.5, 1.0, 0), (0.5, 0.3, 2.0, 0), (*drawn(np.random.default_rng(seed)), seed)]


@pytest.mark.slow
@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_four_constants_to_three_percent(which, dimension):
    """c₁, c₂, c₁₂, c₂₁ within 4 standard errors of 3 % or less, and (1.12) with |z| < 4."""
    c1, c2, b, seed = choices()[which]
    n_1 = round(150 * max(1, c1 / (c2 * b ** (dimension - 1))))
    gas = jk.HardSphereMixture.from_scaling(c1, c2, b, n_1, masses=(1.0, 3.0), dimension=dimension)
    found = constants_from_collisions(simulated(gas, (1.0, 2.0), 1.5, 25))
    print(f"seed {seed}: c1 {c1:.4f}, c2 {c2:.4f}, b {b:.4f}, packing {gas.packing:.4f}")
    print(found.summary(gas))
    assert np.all(found.standard_error < 0.03 * found.constants), seed
    assert np.all(np.abs(z_scores(found, gas)) < 4), seed
    assert found.compatible().p > 6e-5, seed  # |z| < 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dimension", "b", "replicas", "each"), [(2, 1.5, 1000, 10), (3, 1.0, 3000, 20)]
)
def test_intervals_cover_and_p_values_are_uniform(dimension, b, replicas, each):
    """Data sets of 10 or 20 small gases from T₁ = 1, T₂ = 3, within 5 errors of the binomial law.

    K − sE scatters as Poisson's law says, to 5 of its errors, so that neither correlations of
    collisions nor of types matter in a thin gas; in d = 3 the raw estimate is 8 standard errors
    off, by the χ of 1.024.
    """
    gas = jk.HardSphereMixture.from_scaling(
        0.15, 0.15, b, 40, masses=(1.0, 2.0), dimension=dimension
    )
    data = simulated(gas, (1.0, 3.0), 1.0, replicas, key=dimension)
    whole = constants_from_collisions(data)
    assert np.all(np.abs(z_scores(whole, gas)) < 4), whole.summary(gas)
    assert whole.compatible().p > 6e-5
    if dimension == 3:
        raw = constants_from_collisions(data, contact=np.ones((2, 2)))
        assert z_scores(raw, gas).max() > 5
    spread = np.diagonal(whole.covariance) / whole.constants[UPPER] ** 2 * whole.events[UPPER]
    # χ moves with the estimate: its share of log ĉ is below log χ times 3/2.
    assert np.all(np.abs(spread - 1) < 5 * np.sqrt(2 / replicas) + 0.08), spread
    sets = replicas // each
    parts = [part(data, slice(n * each, (n + 1) * each)) for n in range(sets)]
    truth = np.asarray(gas.constants)
    for admissible in (False, True):
        found = [constants_from_collisions(d, admissible=admissible) for d in parts]
        interval = np.stack([f.interval() for f in found])
        for value in (whole.constants, truth):
            coverage = ((interval[..., 0] <= value) & (value <= interval[..., 1])).mean(0)
            print(admissible, coverage.ravel())
            assert np.all(np.abs(coverage - 0.95) < 5 * np.sqrt(0.0475 / sets)), coverage
    p = np.array([f.compatible().p for f in found])
    print([float((p < level).mean()) for level in (0.05, 0.5)])
    for level in (0.05, 0.5):
        error = np.sqrt(level * (1 - level) / sets)
        assert abs((p < level).mean() - level) < 5 * error, (level, (p < level).mean())
