"""The balance (2.26) of f^{(1,1)} in a mixture of hard spheres: one contact, and the average."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxkin as jk
from jaxkin.hierarchy.annihilation import balance_defect
from jaxkin.hierarchy.spheres import MixedBalance
from jaxkin.laws.velocities import GaussianMixture
from jaxkin.observables import Atoms, Coordinates, Weighted

NUMBERS, MASSES = (3, 4), (4.0, 1.0)
# ⟨f, Φ⟩, streaming, mutual contacts, others of type 1, others of type 2, walls.
MUTUAL, FIRST, SECOND, WALLS = 2, 3, 4, 5


def squares(x, v, y, w):
    """A product of both types, which no collision conserves."""
    return v[0] ** 2 * w[0] ** 2


def dot(x, v, y, w):
    """What mutual contacts create even without mean velocities."""
    return v @ w


def wave(x, v, y, w):
    """What depends on where the two are."""
    return jnp.cos(2 * jnp.pi * (x[0] - y[0])) * v[0] * w[0]


def drift(x, v, y, w):
    """The velocity of type 1 alone, whose loss by contacts with type 2 is as 2M₂/(M₁ + M₂)."""
    return v[0]


def place(x, v, y, w):
    """What walls change much."""
    return x[0] * v[0] * w[0]


def general(x, v, y, w):
    """Without any symmetry."""
    wave = jnp.sin(2 * jnp.pi * (x[0] - y[1] + 0.1))
    return (1 + v[0] + v[1] ** 2) * (2 - w[0] + 0.5 * w[-1] ** 3) * (2 + wave)


def beams(dimension):
    """Two gases against each other, at temperatures 2 and 0.1 along the first axis."""
    more, third = [0.0] * (dimension - 1), [0.3] * (dimension - 1)
    return jk.laws.ByType(
        GaussianMixture([1.0], [[1.2, *more]], [np.diag([0.5, *third])]),
        GaussianMixture([1.0], [[-1.2, *more]], [np.diag([0.1, *third])]),
    )


def mixture(dimension, masses=MASSES, boundary="periodic"):
    diameters = (0.1, 0.05) if dimension == 2 else (0.2, 0.1)
    return jk.HardSphereMixture(NUMBERS, masses, diameters, dimension=dimension, boundary=boundary)


def measure(functions, dimension, horizon, span, times, replicas, boundary="periodic"):
    """Run with each function at h and 2h, and with masses exchanged in the balance at h."""
    gas = mixture(dimension, boundary=boundary)
    exchanged = mixture(dimension, MASSES[::-1], boundary)
    observe = [MixedBalance("exchanged", exchanged, drift, horizon)]
    for f in functions:
        observe.append(MixedBalance(f.__name__, gas, f, horizon))
        observe.append(MixedBalance(f.__name__ + "_2h", gas, f, 2 * horizon))
    grid, key = jnp.linspace(0.0, span, times), jax.random.key(5)
    return jk.simulate(gas, beams(dimension), grid, key=key, replicas=replicas, observe=observe)


def faulty(data, name, factors):
    """Defect, and error, with columns of the rates multiplied."""
    factors = np.array([1.0, *[factors.get(k, 1.0) for k in range(1, 6)]])
    values = {name: np.asarray(data[name], float) * factors}
    return balance_defect(jk.Trajectory(data.times, values, None, {}), name)


def check(data, name):
    """The defect at h is noise, and its bias −h²G″/12, a third of what 2h adds to it."""
    mean, error = balance_defect(data, name)
    bias = abs(balance_defect(data, name + "_2h")[0] - mean) / 3
    assert abs(mean) < 5 * error + bias
    return mean, error, bias


def meeting(who, dimension):
    """Two spheres of each type, of which these meet across a face, or one meets a wall."""
    x = np.tile(0.3 + 0.15 * np.arange(4.0)[:, None], dimension)
    v = np.random.default_rng(0).normal(size=(4, dimension)) * 0.1
    x[list(who), 1:], x[who[0], 0], v[who[0], 0] = 0.1, 0.87, 1.0
    for other in who[1:]:
        x[other, :2], v[other, 0] = (0.05, 0.12), -1.0
    return x, v


def when(x, v, radius, who):
    """The time until these meet, or one meets the wall at x₁ = 1."""
    if len(who) == 1:
        return (1 - radius[who[0]] - x[who[0], 0]) / v[who[0], 0]
    i, j = who
    apart, relative = x[i] - x[j] - np.round(x[i] - x[j]), v[i] - v[j]
    gap = apart @ apart - (radius[i] + radius[j]) ** 2
    return np.roots([relative @ relative, 2 * apart @ relative, gap]).min()


@pytest.mark.parametrize(
    ("boundary", "dimension", "cases"),
    [
        ("periodic", 2, {(0, 2): {MUTUAL, FIRST, SECOND}, (0, 1): {FIRST}, (3, 2): {SECOND}}),
        ("periodic", 3, {(0, 2): {MUTUAL, FIRST, SECOND}, (0, 1): {FIRST}, (3, 2): {SECOND}}),
        ("reflecting", 2, {(0,): {WALLS}, (3,): {WALLS}}),
    ],
)
def test_rates_before_one_contact_add_up_to_its_jump(boundary, dimension, cases):
    """To rounding, as midpoints are exact for ∫ (4 − 6u) du = 1; the jump is by (2.7), (2.8)."""
    gas = jk.HardSphereMixture((2, 2), MASSES, (0.1, 0.05), dimension=dimension, boundary=boundary)
    radius, mass, horizon = np.repeat([0.05, 0.025], 2), np.repeat(MASSES, 2), 0.03
    balance = MixedBalance("b", gas, general, horizon)

    @jax.jit
    @jax.vmap
    def measured(x, v):
        return balance.of_particles(Weighted(jnp.ones(4), Coordinates(position=x, velocity=v)))

    for who, columns in cases.items():
        x, v = meeting(who, dimension)
        contact = when(x, v, radius, who)
        times = contact - horizon * (np.arange(50) + 0.5) / 50
        values = measured(x + times[:, None, None] * v, np.broadcast_to(v, (50, *v.shape)))
        total = np.asarray(values)[:, 1:].mean(axis=0) * horizon
        # The weight has no first moment, except for that of 50 midpoints, 1/(2·50²); 1/h has ½.
        way = (contact - times)[:, None] * np.asarray(values)[:, 1:] / horizon
        first = way.mean(axis=0)[1:] * horizon
        total[0] = 0.0  # streaming before the contact
        assert np.abs(first).sum() < 2e-3 * np.abs(total).sum()
        x, after = x + contact * v, v.copy()
        if len(who) == 1:
            after[who[0], 0] *= -1
        else:
            i, j = who
            normal = (x[i] - x[j] - np.round(x[i] - x[j])) / (radius[i] + radius[j])
            transfer = 2 * (v[i] - v[j]) @ normal / (mass[i] + mass[j]) * normal
            after[i] -= mass[j] * transfer
            after[j] += mass[i] * transfer
        jump = np.diff(np.asarray(measured(np.stack([x, x]), np.stack([v, after])))[:, 0])[0]
        assert abs(jump) > 1e-2
        np.testing.assert_allclose(total.sum(), jump, rtol=1e-9)
        assert {k for k in range(1, 6) if total[k - 1] != 0} == columns


@pytest.fixture(scope="module")
def plane():
    """The torus of two dimensions, 0.9 collisions of each sphere."""
    return measure((dot, wave), 2, 0.06, 0.5, 21, 2000)


def test_balance_on_the_torus(plane):
    """(2.26) holds, and a tenth of the contacts is more than 5 standard errors.

    15,000 replicas with other keys left 1.2 ± 0.5 % of the contacts of `dot` at h, 2.3 ± 0.5 %
    at 2h: a bias as is allowed for.
    """
    for f in (wave, dot):
        _, error, bias = check(plane, f.__name__)
        assert bias < 2 * error
    contacts = np.asarray(plane["dot"])[:, :, MUTUAL:].sum(-1).mean() * 0.5
    assert 0.1 * contacts > 5 * error


@pytest.mark.parametrize(
    ("name", "factors"),
    [
        ("dot", {k: 2.0 for k in (MUTUAL, FIRST, SECOND)}),
        ("dot", {k: 0.9 for k in (MUTUAL, FIRST, SECOND)}),
        ("dot", {MUTUAL: 0.0}),
        ("wave", {MUTUAL: 0.0}),
        ("dot", {FIRST: 0.0}),
        ("dot", {SECOND: 0.0}),
        ("dot", {FIRST: 3 / 2, SECOND: 4 / 3}),
        ("wave", {1: 0.0}),
        ("exchanged", {}),
    ],
    ids=[
        "factor 2",
        "10 %",
        "no mutual",
        "no mutual, wave",
        "no others of type 1",
        "no others of type 2",
        "N for N − 1",
        "no streaming",
        "masses",
    ],
)
def test_a_planted_fault_is_seen(plane, name, factors):
    """By more than 5 standard errors and three times the bias of h.

    In the code, besides: weights 1/h for (4 − 6s/h)/h left `dot` at 4.6 errors, at 2h at 5.6.
    """
    mean, error = faulty(plane, name, factors)
    bias = 0.0 if name == "exchanged" else check(plane, name)[2]
    assert abs(mean) > 5 * error + 3 * bias


@pytest.mark.slow
@pytest.mark.parametrize(
    ("boundary", "dimension", "functions", "horizon", "span"),
    [
        ("periodic", 3, (squares, dot, wave), 0.06, 0.8),
        ("reflecting", 2, (squares, dot, place), 0.05, 0.5),
    ],
)
def test_balance_in_space_and_between_walls(boundary, dimension, functions, horizon, span):
    """(2.26) in three dimensions, and with walls; without a term it is seen to fail.

    As it is with masses exchanged, and where 15 % of all terms are missing.
    """
    data = measure(functions, dimension, horizon, span, 25, 5000, boundary)
    for f in functions:
        _, error, bias = check(data, f.__name__)
        assert bias < 2 * error
    for name, factors in [
        ("dot", {k: 0.85 for k in range(1, 6)}),
        ("dot", {MUTUAL: 0.0}),
        ("dot", {FIRST: 0.0}),
        ("exchanged", {}),
        *([("place", {WALLS: 0.0}), ("place", {1: 0.0})] if boundary == "reflecting" else []),
    ]:
        mean, error = faulty(data, name, factors)
        assert abs(mean) > 5 * error, (name, factors)


def test_what_is_refused():
    """An equation has no spheres; a marginal of both types needs both."""
    gas = mixture(2)
    balance = MixedBalance("b", gas, dot)
    with pytest.raises(ValueError, match=r"`observe` must hold observables of an equation"):
        balance.of_density(Atoms(jnp.ones(1), Coordinates()))
    with pytest.raises(ValueError, match=r"`gas` must have two types, but it has 1"):
        MixedBalance("b", jk.HardSphereMixture((5,), (1.0,), (0.1,)), dot)
    for horizon in (0.0, float("nan")):
        with pytest.raises(ValueError, match=r"`horizon` must be finite and above 0"):
            MixedBalance("b", gas, dot, horizon)
