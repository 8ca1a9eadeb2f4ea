"""Coagulation beyond the contract: mass in whole units, counts that add up, gradients of rates."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxkin as jk
from jaxkin.testing import Case, check_sides, check_values

LAW, N, M = jk.laws.Monodisperse(), 32, 3
TIMES = jnp.array([0.0, 0.02, 0.2])
STRENGTH = jnp.array([[30.0, 20.0, 10.0], [20.0, 20.0, 15.0], [10.0, 15.0, 30.0]])


def contact(dtype, scale=1.0, **options):
    return jk.BrownianCoagulation(
        N,
        strength=(scale * STRENGTH).astype(dtype),
        diffusivity=jnp.array([1.0, 0.7, 0.5], dtype),
        interaction=jk.interactions.Ball(jnp.asarray(1.0, dtype)),
        max_mass=M,
        overflow="absorb",
        **options,
    )


def pair_law(dtype, scale=1.0):
    return contact(dtype, scale, scheme=jk.schemes.PairLaw())


def marcus_lushnikov(dtype, scale=1.0):
    return jk.MarcusLushnikov(N, (scale * STRENGTH).astype(dtype), overflow="absorb")


def uniform(dtype, scale=1.0):
    return jk.Smoluchowski((scale * STRENGTH).astype(dtype))


def on_a_grid(dtype, scale=1.0):
    return jk.Smoluchowski(
        (scale * STRENGTH).astype(dtype), jnp.ones(M, dtype), dimension=2, modes=6
    )


PARTICLES = [contact, pair_law, marcus_lushnikov]
EQUATIONS = [uniform, on_a_grid]


@pytest.fixture(
    scope="module",
    params=[
        (make, dtype) for make in PARTICLES + EQUATIONS for dtype in (jnp.float32, jnp.float64)
    ],
    ids=lambda p: f"{p[0].__name__}-{p[1].__name__}",
)
def run(request):
    """The floating type, whether it is an equation, and what was recorded."""
    make, dtype = request.param
    model = make(dtype)
    if isinstance(model, jk.KineticEquation):
        return dtype, True, jk.solve(model, LAW, TIMES)
    key = jax.random.key(0)
    return dtype, False, jk.simulate(model, LAW, TIMES, key=key, replicas=8, events=True)


def test_conserves_mass(run):
    """Particles: whole units of mass, so to the bit. Equations: to the rounding of their steps."""
    dtype, equation, data = run
    mass, overflow = np.asarray(data["mass"]), np.asarray(data["overflow"])
    assert overflow[..., -1].max() > 0, "the run must be long enough to test the overflow"
    if equation:
        # A linear invariant of the scheme: one rounding for each of about 100 steps.
        np.testing.assert_allclose(mass + overflow, 1.0, atol=200 * np.finfo(dtype).eps)
        return
    assert data.events.time.dtype == dtype
    weight = dtype(1 / N)
    units = [np.rint(np.asarray(x, float) * N).astype(int) for x in (mass, overflow)]
    for values, whole in zip((mass, overflow), units, strict=True):
        np.testing.assert_array_equal(values, np.asarray(whole, dtype) * weight)
    np.testing.assert_array_equal(units[0] + units[1], N)


def test_observables_agree_with_each_other(run):
    """number = Σ counts_n and mass = Σ n counts_n, and counts fall off at t = 0 as the law says."""
    dtype, _, data = run
    atol = 20 * np.finfo(dtype).eps
    counts = np.asarray(data["counts"])
    np.testing.assert_allclose(data["number"], counts.sum(-1), atol=atol)
    np.testing.assert_allclose(data["mass"], counts @ np.arange(1, M + 1), atol=atol)
    np.testing.assert_allclose(
        counts[..., 0, :], np.broadcast_to([1, 0, 0], counts[..., 0, :].shape), atol=atol
    )
    assert np.all(np.diff(np.asarray(data["number"]), axis=-1) <= atol)


@pytest.mark.parametrize("make", PARTICLES)
def test_the_limit_is_differentiable(make):
    """Through `kinetic_limit` to the rates, forward and reverse, against a central difference.

    With h = 1e-5 relative, the difference is good to h²·β''' and rounding/h, both below 1e-8.
    """
    model = make(jnp.float64)
    name = "rate" if make is marcus_lushnikov else "strength"

    def rates(scale):
        scaled = eqx.tree_at(lambda m: getattr(m, name), model, scale * getattr(model, name))
        return scaled.kinetic_limit().rate

    h = 1e-5
    truth = (rates(1 + h) - rates(1 - h)) / (2 * h)
    assert np.all(np.asarray(truth) > 0)
    np.testing.assert_allclose(jax.jacfwd(rates)(1.0), truth, rtol=1e-7)
    np.testing.assert_allclose(jax.grad(lambda s: rates(s).sum())(1.0), truth.sum(), rtol=1e-7)


def test_the_solution_is_differentiable_in_the_strength():
    """From α to the counts of the limit, end to end: α enters through β alone."""

    def monomers(scale):
        equation = contact(jnp.float64, scale).kinetic_limit()
        return jk.solve(equation, LAW, TIMES[-1:])["counts"][0, 0]

    h = 1e-4
    difference = (monomers(1 + h) - monomers(1 - h)) / (2 * h)
    np.testing.assert_allclose(jax.grad(monomers)(1.0), difference, rtol=1e-6)


def test_the_limit_in_space_records_the_same():
    """`kinetic_limit(modes=6)` and particles: names, shapes and values at time 0."""
    gas = contact(jnp.float64)
    case = Case(gas, LAW, times=TIMES[:2], limit=gas.kinetic_limit(modes=6), replicas=8)
    check_sides(case)
    check_values(case)


def test_simulation_under_jit_is_the_simulation():
    """One program for parameters and key, with the same counts as the host's loop."""
    model, times = marcus_lushnikov(jnp.float64), TIMES
    outside = jk.simulate(model, LAW, times, key=jax.random.key(0), replicas=8)
    inside = jax.jit(lambda m, k: jk.simulate(m, LAW, times, key=k, replicas=8))(
        model, jax.random.key(0)
    )
    np.testing.assert_array_equal(inside["counts"], outside["counts"])
