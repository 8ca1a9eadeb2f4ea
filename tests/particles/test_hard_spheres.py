"""Hard spheres: the flow against a loop over all pairs, what it keeps, and its rates."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brute_force_spheres import brute_force

import jaxkin as jk
from jaxkin.laws.velocities import Maxwellian
from jaxkin.logs import CollisionLog
from jaxkin.particles.spheres.hard_core import hard_core_positions

KEY = jax.random.key(3)


def thermal(gas, *temperatures):
    d = gas.dimension
    pairs = zip(temperatures, np.asarray(gas.masses), strict=True)
    return jk.laws.ByType(*(Maxwellian(d, t / m) for t, m in pairs))


@eqx.filter_jit
def advance(gas, state, start, stop):
    return gas.advance(state, start, stop)


@pytest.mark.parametrize(
    ("boundary", "numbers", "diameters", "dimension", "span"),
    [
        ("periodic", (8, 12), (0.1, 0.05), 2, 0.5),
        ("reflecting", (30, 40), (0.03, 0.05), 2, 0.3),
        ("periodic", (150, 50), (0.05, 0.07), 3, 0.3),
        ("reflecting", (5, 3), (0.2, 0.1), 3, 2.0),
    ],
)
def test_events_are_those_of_a_loop_over_all_pairs(boundary, numbers, diameters, dimension, span):
    """Partners, order and times; paths part by the factor of chaos, so times are kept short."""
    gas = jk.HardSphereMixture(
        numbers, (1.0, 3.0), diameters, dimension=dimension, boundary=boundary, log=400
    )
    start = gas.sample(thermal(gas, 1.0, 2.0), key=KEY)
    assert not start.misplaced
    end = advance(gas, start, jnp.asarray(0.0), jnp.asarray(span))
    kind = np.repeat([0, 1], numbers)
    s = start.spheres
    x, v, events = brute_force(
        s.position,
        s.velocity,
        np.array([1.0, 3.0])[kind],
        np.array(diameters)[kind] / 2,
        span,
        boundary == "periodic",
    )
    e = end.spheres
    assert len(events) > 5
    assert int(e.collisions.sum()) == len(events)
    order = np.argsort(e.log_times[: len(events)])
    np.testing.assert_array_equal(np.asarray(e.log_pairs)[order], [(i, j) for _, i, j in events])
    np.testing.assert_allclose(
        np.asarray(e.log_times)[order], [t for t, _, _ in events], rtol=0, atol=1e-8
    )
    np.testing.assert_allclose(e.velocity, v, rtol=0, atol=1e-7)
    apart = np.asarray(e.position) - x
    apart -= np.round(apart) if boundary == "periodic" else 0
    np.testing.assert_allclose(apart, 0, atol=1e-7)
    assert not any(jax.tree.leaves(gas.faults(end)))


@pytest.mark.slow
@pytest.mark.parametrize("boundary", ["periodic", "reflecting"])
def test_what_a_long_run_keeps(boundary):
    """Energy, and momentum on the torus, to 1e-12 over 10⁵ collisions; nobody overlaps."""
    gas = jk.HardSphereMixture((100, 50), (1.0, 5.0), (0.08, 0.1), dimension=3, boundary=boundary)
    data = jk.simulate(gas, thermal(gas, 1.0, 3.0), jnp.array([0.0, 150.0]), key=KEY, events=True)
    assert int(data.events.collisions.sum(axis=(1, 2)).min()) > 1e5
    energy = np.asarray(data["energy"]) @ [100, 50]
    np.testing.assert_allclose(energy[:, 1], energy[:, 0], rtol=1e-12)
    if boundary == "periodic":
        momentum = np.einsum("rtkd,k->rtd", data["momentum"], [100, 50])
        np.testing.assert_allclose(momentum[:, 1], momentum[:, 0], atol=1e-12 * 150)
    assert float(data.events.closest.min()) > 1 - 1e-12


def test_a_reversed_gas_returns():
    """After 1.5 collisions of each sphere: rounding grows by some 1e2 a collision."""
    gas = jk.HardSphereMixture((200,), (1.0,), (0.07,), reverse_at=0.15)
    start = gas.sample(thermal(gas, 1.0), key=KEY)
    zero, half, one = jnp.array([0.0, 0.15, 0.3])
    halfway, end = advance(gas, start, zero, half), advance(gas, start, zero, one)
    in_steps = advance(gas, halfway, half, one)
    for back in (end, in_steps):
        apart = np.asarray(back.spheres.position - start.spheres.position)
        assert np.abs(apart - np.round(apart)).max() < 1e-9
        np.testing.assert_allclose(back.spheres.velocity, -start.spheres.velocity, atol=1e-8)
    assert int(halfway.spheres.collisions[0, 0]) > 100
    apart = np.asarray(halfway.spheres.position - start.spheres.position)
    assert np.abs(apart - np.round(apart)).max() > 0.1


def contact_value(numbers, diameters, dimension):
    """χ of each pair of types: Boublík and Mansoori in d = 3, Jenkins and Mancini in d = 2."""
    n, e = np.array(numbers, float), np.array(diameters, float)
    s = e[:, None] * e / (e[:, None] + e)
    if dimension == 3:
        x2, x3 = (np.pi / 6 * np.sum(n * e**k) for k in (2, 3))
        return 1 / (1 - x3) + 3 * x2 * s / (1 - x3) ** 2 + 2 * x2**2 * s**2 / (1 - x3) ** 3
    x1, x2 = np.pi / 4 * np.sum(n * e), np.pi / 4 * np.sum(n * e**2)
    return 1 / (1 - x2) + 9 / 8 * x1 * s / (1 - x2) ** 2


@pytest.mark.slow
@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("ratio", [1.0, 4.0, 16.0])
@pytest.mark.parametrize("b", [1.0, 2.0, 4.0])
def test_rates_at_equilibrium(b, ratio, dimension):
    """Collisions of each pair of types against c_{αβ}|S^{d−1}|√(θ/2π)χ at 5 standard errors.

    θ = T₁/M₁ + T₂/M₂; N_α − 1 partners of one's own type. χ is known to 0.5 % at these densities.
    """
    n_1 = {1.0: 300, 2.0: 200, 4.0: 60}[b]
    gas = jk.HardSphereMixture.from_scaling(
        0.5, 0.5, b, n_1, masses=(ratio, 1.0), dimension=dimension
    )
    span, replicas = 0.2, 60
    data = jk.simulate(
        gas, thermal(gas, 1.0, 1.0), jnp.array([span]), key=KEY, replicas=replicas, events=True
    )
    numbers, theta = np.array(gas.numbers), np.add.outer(1 / gas.masses, 1 / gas.masses)
    sphere = 2 * np.pi if dimension == 2 else 4 * np.pi
    partners = 1 - np.eye(2) / numbers
    rate = np.asarray(gas.constants) * partners * sphere * np.sqrt(theta / (2 * np.pi))
    rate = rate * contact_value(gas.numbers, gas.diameters, dimension)
    expected = span * numbers[:, None] * rate / (1 + np.eye(2))
    counts = np.asarray(data.events.collisions, float)
    mean, error = counts.mean(0), counts.std(0, ddof=1) / replicas**0.5
    # 60 runs estimate their own spread to 9 %: not below that of Poisson counts.
    error = np.maximum(error, np.sqrt(expected / replicas))
    for a, c in ((0, 0), (0, 1), (1, 1)):
        assert abs(mean[a, c] - expected[a, c]) < 5 * error[a, c] + 0.005 * expected[a, c], (a, c)


@pytest.mark.slow
@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize(("b", "ratio"), [(1.0, 4.0), (2.0, 1.0), (4.0, 16.0)])
def test_heat_passes_between_the_types_at_first(b, ratio, dimension):
    """dT₁/dt at t = 0 from T₁ = 2, T₂ = 1, by a parabola through three short times."""
    n_1 = {1.0: 400, 2.0: 200, 4.0: 60}[b] * (4 - dimension)
    replicas = 400 // (dimension - 1)
    gas = jk.HardSphereMixture.from_scaling(
        0.5, 0.5, b, n_1, masses=(1.0, ratio), dimension=dimension
    )
    times = np.array([0.0, 0.02, 0.04])
    data = jk.simulate(gas, thermal(gas, 2.0, 1.0), jnp.asarray(times), key=KEY, replicas=replicas)
    temperature = np.asarray(data["temperature"])[:, :, 0]
    slope = (-3 * temperature[:, 0] + 4 * temperature[:, 1] - temperature[:, 2]) / (2 * 0.02)
    m1, m2 = 1.0, ratio
    chi = contact_value(gas.numbers, gas.diameters, dimension)[0, 1]
    sphere = 2 * np.pi if dimension == 2 else 4 * np.pi
    drift = (2.0 - 1.0 / 1.0) * np.sqrt(2 / m1 + 1 / m2) * m1 * m2 / (m1 + m2) ** 2
    exact = -8 / (dimension * np.sqrt(2 * np.pi)) * sphere * gas.constants[0, 1] * chi * drift
    error = slope.std(ddof=1) / replicas**0.5
    # The third derivative is at most that of an exponential of the same rate.
    bias = abs(exact) * (abs(exact) * 0.02) ** 2 + 0.005 * abs(exact)
    assert abs(slope.mean() - exact) < 5 * error + bias
    assert error < 0.2 * abs(exact)


@pytest.mark.slow
def test_positions_are_those_of_independent_spheres_that_happen_not_to_touch(monkeypatch):
    """Four discs: how many pairs are near contact, against rejection of all four at once.

    Without the steps of Metropolis (the planted fault) there are 4 % fewer.
    """
    radius, number = jnp.full(4, 0.13), 60_000

    def near(x):
        apart = x[:, None] - x
        distance = jnp.sqrt(jnp.sum((apart - jnp.round(apart)) ** 2, -1))[jnp.triu_indices(4, 1)]
        return jnp.mean(distance < 1.15 * 0.26), jnp.all(distance >= 0.26)

    def mine(key):
        x, failed = hard_core_positions(
            lambda k: jax.random.uniform(k, (4, 2)),
            radius,
            key=key,
            largest=0.26,
            met=4 * np.pi * 0.26**2,
            crowding=1.0,
            periodic=True,
        )
        share, valid = near(x)
        return share, valid & ~failed

    trial = jax.random.uniform(jax.random.key(9), (2_000_000, 4, 2))
    theirs, free = jax.lax.map(near, trial, batch_size=100_000)
    theirs = np.asarray(theirs)[np.asarray(free)]

    def deviation():
        share, valid = jax.lax.map(mine, jax.random.split(KEY, number), batch_size=2000)
        assert bool(jnp.all(valid))
        error = np.hypot(share.std() / number**0.5, theirs.std() / theirs.size**0.5)
        return float((share.mean() - theirs.mean()) / error)

    assert abs(deviation()) < 5
    monkeypatch.setattr("jaxkin.particles.spheres.hard_core._REFRESHED", 0)
    assert deviation() < -5


def test_a_thin_gas_goes_on():
    """Hardly any event is known, yet how far a round looks ahead is bounded; single precision."""
    gas = jk.HardSphereMixture((40,), np.float32([1]), np.float32([0.01]), dimension=2)
    assert gas.dtype == np.float32
    start = gas.sample(thermal(gas, 1.0), key=KEY)
    end = advance(gas, start, jnp.float32(0), jnp.float32(300))
    assert int(end.spheres.collisions[0, 0]) > 1000
    assert float(end.spheres.elapsed) == pytest.approx(300, rel=1e-5)
    energy = [float(jnp.sum(s.spheres.velocity**2)) for s in (start, end)]
    assert energy[1] == pytest.approx(energy[0], rel=1e-5)
    assert not any(map(bool, gas.faults(end).values()))


def test_chambers_are_warm_and_cold():
    gas = jk.HardSphereMixture((4000,), (1.0,), (0.005,), boundary="reflecting")
    law = jk.laws.ByType(jk.laws.Chambers(Maxwellian(3, 4.0), Maxwellian(3, 1.0), share=0.25))
    s = gas.sample(law, key=KEY).spheres
    left = np.asarray(s.position[:, 0] < 0.5)
    assert abs(left.mean() - 0.25) < 5 * (0.25 * 0.75 / 4000) ** 0.5
    for side, temperature in ((left, 4.0), (~left, 1.0)):
        square = np.asarray(s.velocity)[side] ** 2
        assert abs(square.mean() / temperature - 1) < 5 * (2 / square.size) ** 0.5
    x = np.asarray(s.position)
    assert x.min() >= 0.0025
    assert x.max() <= 0.9975


def test_a_run_is_kept_in_a_file(tmp_path):
    """Counts, log and metadata of a gas that is reversed, from chambers."""
    gas = jk.HardSphereMixture((20, 10), (1.0, 2.0), (0.05, 0.05), reverse_at=0.1, log=200)
    law = jk.laws.ByType(jk.laws.Chambers(Maxwellian(3), Maxwellian(3, 0.5)), Maxwellian(3, 0.5))
    times = jnp.array([0.0, 0.2])
    data = jk.simulate(gas, law, times, key=KEY, replicas=2, events=True)
    data.save(tmp_path / "run.nc")
    back = jk.Trajectory.load(tmp_path / "run.nc")
    assert type(back.events) is CollisionLog
    assert back.events.described() == data.events.described()
    for name, values in data.events.arrays().items():
        np.testing.assert_array_equal(getattr(back.events, name), values)
    assert back.metadata == data.metadata
    assert back.metadata["reversed"] and not back.metadata["uniform"]


def test_the_scaling_tells_what_it_rounds():
    """N₂ = c₂b²N₁/c₁ = 101.4: 101 spheres of type 2 and c₂ a little smaller."""
    gas = jk.HardSphereMixture.from_scaling(1.0, 0.6, 1.3, 100, masses=(1.0, 2.0))
    assert gas.numbers == (100, 101)
    assert gas.constants[0, 0] == pytest.approx(1.0, rel=1e-12)
    assert gas.constants[1, 1] == pytest.approx(0.6 * 101 / 101.4, rel=1e-12)
    c12, c21 = jk.mixture_constants(1.0, gas.constants[1, 1], 1.3)
    assert gas.constants[0, 1] == pytest.approx(float(c12), rel=1e-12)
    assert gas.constants[1, 0] == pytest.approx(float(c21), rel=1e-12)
    assert c12 / c21 == pytest.approx(101 / 100, rel=1e-12)
    with pytest.warns(UserWarning, match=r"is 1\.5 and rounded to 2: c₂ changes by \+33%"):
        jk.HardSphereMixture.from_scaling(0.01, 0.006, 0.5, 10)


def test_faults_are_seen():
    """Each flag of a state raises its message; a log that is too short; an overlap."""
    gas = jk.HardSphereMixture((60,), (1.0,), (0.08,), log=5)
    law = thermal(gas, 1.0)
    with pytest.raises(jk.SimulationFault, match="raise `log`"):
        jk.simulate(gas, law, jnp.array([0.3]), key=KEY)
    state = gas.sample(law, key=KEY)
    assert not any(map(bool, gas.faults(state).values()))
    for where, message in (
        (lambda s: s.spheres.crowded, "crowding"),
        (lambda s: s.spheres.ambiguous, "two contacts"),
        (lambda s: s.misplaced, "no place"),
    ):
        bad = eqx.tree_at(where, state, jnp.asarray(True))
        assert message in next(m for m, flag in gas.faults(bad).items() if flag)
    overlapping = eqx.tree_at(
        lambda s: s.spheres.position,
        state,
        state.spheres.position.at[1].set(state.spheres.position[0] + 0.01),
    )
    missed = gas.faults(advance(gas, overlapping, jnp.asarray(0.0), jnp.asarray(0.01)))
    assert any("missed" in m for m, flag in missed.items() if flag)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"masses": (1.0, -1.0)}, "masses"),
        ({"diameters": (0.0, 0.1)}, "diameters"),
        ({"diameters": (0.3, 0.1)}, "below 1/4"),
        ({"numbers": (3000, 10)}, "leave room"),
        ({"dimension": 4}, "2 or 3"),
        ({"boundary": "open"}, "boundary"),
        ({"masses": (1.0,)}, "one for each"),
        ({"crowding": 0.5}, "crowding"),
        ({"crowding": "much"}, "`crowding` must be 1 or more, but it is 'much'"),
        ({"crowding": [1.0, 2.0]}, "`crowding` must be 1 or more"),
        ({"masses": "heavy"}, "`masses` must be a number or an array of numbers.*'heavy'"),
        ({"diameters": (0.1, None)}, "`diameters` must be a number or an array of numbers"),
        ({"diameters": ((0.1, 0.05),)}, r"`diameters` must have 2 entries.*\(1, 2\)"),
        ({"reverse_at": (0.1, 0.2)}, "`reverse_at` must be a number"),
        ({"reverse_at": "later"}, "`reverse_at` must be a number or"),
        ({"log": 2.5}, "`log` must be an integer of at least 0"),
        ({"numbers": (10.0, 10)}, "`numbers` must be a positive integer"),
        ({"boundary": ["periodic"]}, "`boundary` must be one of"),
        ({"largest": 0.09}, "`largest` must be at least 0.1, the largest of `diameters`"),
        ({"largest": 0.3}, "`largest` must be a known number between 0 and 1/4"),
        ({"largest": "wide"}, "`largest` must be at least 0.1"),
    ],
)
def test_bad_input(arguments, message):
    good = {"numbers": (10, 10), "masses": (1.0, 2.0), "diameters": (0.1, 0.05)}
    with pytest.raises(ValueError, match=message):
        jk.HardSphereMixture(**(good | arguments))


def test_diameters_share_a_program_up_to_a_bound():
    """Lists are made for `largest`, the only thing that a program knows of diameters.

    Runs are those of lists made to measure, up to rounding; beyond the bound a run is at fault.
    """
    numbers, masses, times = (30, 20), (1.0, 2.0), jnp.array([0.5])
    small, wide = (
        jk.HardSphereMixture(numbers, masses, e, largest=0.08) for e in ((0.05, 0.06), (0.08, 0.03))
    )
    assert jax.tree.structure(small) == jax.tree.structure(wide)
    to_measure = jk.HardSphereMixture(numbers, masses, (0.05, 0.06))
    assert to_measure.largest == 0.06
    assert to_measure.packing == pytest.approx(np.pi / 6 * (30 * 0.05**3 + 20 * 0.06**3))
    law = thermal(small, 1.0, 1.0)
    start = small.sample(law, key=KEY)
    ends = [advance(gas, start, jnp.asarray(0.0), times[0]).spheres for gas in (small, to_measure)]
    assert int(ends[0].collisions.sum()) > 5
    np.testing.assert_array_equal(ends[0].collisions, ends[1].collisions)
    np.testing.assert_allclose(ends[0].velocity, ends[1].velocity, atol=1e-9)
    grown = eqx.tree_at(lambda g: g.diameters, small, 1.4 * small.diameters)
    assert any("exceed" in m for m, flag in grown.faults(start).items() if flag)
    assert not any("exceed" in m for m, flag in wide.faults(start).items() if flag)


def test_traced_diameters_need_a_bound():
    def fourth(e, **options):
        return jk.HardSphereMixture((10,), 1.0, e, **options).constants[0, 0]

    with pytest.raises(ValueError, match="`largest` must be given where `diameters` are traced"):
        jax.grad(fourth)(0.1)
    assert jax.grad(lambda e: fourth(e, largest=0.2))(0.1) == pytest.approx(2 * 10 * 0.1)


def test_bad_laws_and_scalings():
    gas = jk.HardSphereMixture((10, 10), (1.0, 2.0), (0.1, 0.05))
    times = jnp.array([0.1])
    with pytest.raises(ValueError, match="ByType"):
        jk.simulate(gas, Maxwellian(3), times, key=KEY)
    with pytest.raises(ValueError, match="2 laws"):
        jk.simulate(gas, jk.laws.ByType(Maxwellian(3)), times, key=KEY)
    with pytest.raises(ValueError, match="3 dimensions"):
        jk.simulate(gas, jk.laws.ByType(Maxwellian(2), Maxwellian(2)), times, key=KEY)
    with pytest.raises(ValueError, match="one dimension"):
        jk.laws.ByType(Maxwellian(3), Maxwellian(2))
    with pytest.raises(ValueError, match="large enough"):
        jk.HardSphereMixture.from_scaling(1.0, 0.01, 0.5, 10)
    with pytest.raises(ValueError, match="`b`"):
        jk.HardSphereMixture.from_scaling(1.0, 1.0, 0.0, 10)


def test_a_crowd_in_a_corner_is_told():
    """All spheres in a hundredth of the box: lists overflow, in the search for places already."""
    gas = jk.HardSphereMixture((200,), (1.0,), (0.01,))

    class Corner(type(jk.laws.Chambers(Maxwellian(3), Maxwellian(3)))):
        def sample_positions(self, number, dimension, *, key, dtype):
            return 0.2 * jax.random.uniform(key, (number, dimension), dtype)

    law = jk.laws.ByType(Corner(Maxwellian(3), Maxwellian(3)))
    with pytest.raises(jk.SimulationFault, match="raise `crowding`"):
        jk.simulate(gas, law, jnp.array([0.1]), key=KEY)
    # The flow by itself tells it as well, and ends.
    start = gas.sample(thermal(gas, 1.0), key=KEY)
    near = 0.2 * start.spheres.position
    crowd = eqx.tree_at(lambda s: s.spheres.position, start, near)
    end = advance(gas, crowd, jnp.asarray(0.0), jnp.asarray(0.1))
    assert bool(end.spheres.crowded)
    assert float(end.spheres.elapsed) == pytest.approx(0.1)
