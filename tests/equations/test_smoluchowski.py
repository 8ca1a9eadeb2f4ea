"""Smoluchowski's equation against exact solutions, its invariants, and an independent loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import gammaln

from jaxkin.drivers.solution import integrate, solve
from jaxkin.equations.smoluchowski import Smoluchowski, sum_over_products
from jaxkin.laws import Inhomogeneous, Monodisperse, Polydisperse
from jaxkin.numerics import torus
from jaxkin.observables import Atoms, Coordinates, FourierMode, Mean, Overflow, census
from jaxkin.physics.contacts.coagulation_kernels import (
    additive_kernel,
    constant_kernel,
    multiplicative_kernel,
)

DUST = Monodisperse()


def exact_constant(k, t):
    return (t / 2) ** (k - 1) / (1 + t / 2) ** (k + 1)


def exact_additive(k, t):
    theta = -np.expm1(-t)
    return np.exp(-t + (k - 1) * np.log(k * theta) - k * theta - gammaln(k + 1))


def exact_multiplicative(k, t):
    return np.exp((k - 1) * np.log(t) + (k - 2) * np.log(k) - k * t - gammaln(k + 1))


@pytest.mark.parametrize(
    ("kernel", "exact", "stop"),
    [
        (constant_kernel, exact_constant, 1.0),
        (additive_kernel, exact_additive, 0.5),
        (multiplicative_kernel, exact_multiplicative, 0.3),
    ],
)
def test_exact_kernels(kernel, exact, stop, max_mass=80):
    """The cut at M changes f_n only through the partners m > M that the loss term misses.

    Gains of n ≤ M come from smaller masses and are those of the infinite system, but the rate at
    which a particle of mass n is lost is too small by δ_n(t) = Σ_{m>M} K(n, m) f_m(t) ≤ δ_M(t).
    A particle of mass n is made of n atoms none of whose clusters met a partner above M, so that
    the relative error of f_n is at most n∫δ_M dt, and the absolute one at most ∫δ_M dt·Σ n f_n =
    ∫δ_M dt. f_m falls like r^m with r = t/(2 + t), θe^{1−θ} and te^{1−t}: .333, .722 and .604 at
    the last times, where δ is largest; the bound t·δ_M(t) is evaluated from the exact tail.

    Seen to fail with the factor ½ of the gain left out, and with ½β(n, n) for equal masses.
    """
    times = np.linspace(0, stop, 5)[1:]
    masses = np.arange(1, max_mass + 1)
    tail = np.arange(max_mass + 1, 4 * max_mass)
    missed = np.sum(kernel(float(max_mass), tail.astype(float)) * exact(tail, stop)) * stop
    assert missed < 1e-11
    trajectory = solve(Smoluchowski(kernel, max_mass=max_mass), DUST, times)
    error = np.abs(np.asarray(trajectory["counts"]) - exact(masses, times[:, None])).max()
    assert error < 1e-9
    conserved = np.asarray(trajectory["mass"] + trajectory["overflow"])
    np.testing.assert_allclose(conserved, 1.0, atol=1e-12)


def random_equation(seed=0, max_mass=6, **options):
    first, second = jax.random.split(jax.random.key(seed))
    rate = jax.random.uniform(first, (max_mass, max_mass), minval=0.5, maxval=3.0)
    diffusivity = jax.random.uniform(second, (max_mass,), minval=0.05, maxval=0.2)
    return Smoluchowski(rate + rate.T, diffusivity, **options)


@pytest.mark.parametrize("grid", [(), (3, 2)])
def test_reaction_against_loops(grid):
    """Every ordered pair, one at a time, in NumPy."""
    equation = random_equation(max_mass=5)
    f = np.random.default_rng(1).uniform(size=(6, *grid))
    beta, expected = np.asarray(equation.rate), np.zeros((6, *grid))
    for i in range(5):
        for j in range(5):
            events = 0.5 * beta[i, j] * f[i] * f[j]
            expected[i] -= events
            expected[j] -= events
            product = i + j + 1
            if product < 5:
                expected[product] += events
            else:
                expected[5] += (product + 1) * events
    result = equation.react(0.0, jnp.asarray(f), equation.prepare())
    np.testing.assert_allclose(result, expected, rtol=1e-13, atol=1e-13)


def test_both_sums_over_products_agree():
    equation = random_equation(max_mass=7)
    f = jax.random.uniform(jax.random.key(3), (7,))
    on_grid = sum_over_products(equation.rate, jnp.stack([f, 2 * f], axis=1))
    np.testing.assert_allclose(on_grid[:, 0], sum_over_products(equation.rate, f), rtol=1e-14)
    np.testing.assert_allclose(on_grid[:, 1], 4 * on_grid[:, 0], rtol=1e-14)


def test_an_unordered_pair_coagulates_at_rate_beta():
    """Alone, df_1/dt = −β f_1² and df_2/dt = +½β f_1²: A + A is not counted twice."""
    equation = Smoluchowski(3.0, max_mass=2)
    change = equation.react(0.0, jnp.array([0.7, 0.0, 0.0]), equation.prepare())
    np.testing.assert_allclose(change, [-3 * 0.49, 1.5 * 0.49, 0.0], rtol=1e-15)
    single = Smoluchowski(3.0, max_mass=1)
    change = single.react(0.0, jnp.array([0.7, 0.0]), single.prepare())
    np.testing.assert_allclose(change, [-3 * 0.49, 3 * 0.49], rtol=1e-15)


def test_annihilation():
    """(3.2): h(t) = h₀/(1 + h₀βt), and nothing is gained; seen to fail with β/2."""
    times = np.array([0.0, 0.3, 1.0, 4.0])
    equation = Smoluchowski(2.5, max_mass=1, reaction="annihilation")
    trajectory = solve(equation, Monodisperse(density=0.8), times)
    np.testing.assert_allclose(trajectory["number"], 0.8 / (1 + 0.8 * 2.5 * times), rtol=1e-9)
    np.testing.assert_array_equal(trajectory["overflow"], 0)
    several = random_equation(reaction="annihilation")
    f = jnp.linspace(1, 2, 7)
    change = several.react(0.0, f, several.prepare())
    np.testing.assert_allclose(change[:-1], -f[:-1] * (several.rate @ f[:-1]), rtol=1e-13)


def test_mass_and_overflow_together_are_conserved():
    law = Polydisperse([0.5, 0.3, 0.0, 0.7])
    trajectory = solve(random_equation(), law, np.linspace(0.1, 3.0, 6))
    total = np.asarray(trajectory["mass"] + trajectory["overflow"])
    np.testing.assert_allclose(total, 0.5 + 0.6 + 2.8, rtol=1e-12)
    assert trajectory["overflow"][-1] > 1.0  # the cut matters in this run


# Fields ---------------------------------------------------------------------------------------


def wavy(max_mass=2, sharpness=1.0):
    def densities(x):
        bump = jnp.exp(sharpness * jnp.cos(2 * jnp.pi * x[0]))
        return jnp.stack([bump, 0.3 + 0.2 * jnp.sin(2 * jnp.pi * (x[-1]))])[:max_mass]

    return Inhomogeneous(densities, maximum=30.0, max_mass=max_mass)


@pytest.mark.slow
def test_uniform_fields_obey_the_ode():
    times = np.array([0.02, 0.3])
    fields = random_equation(dimension=2, modes=6)
    law = Polydisperse([0.5, 0.3])
    expected = integrate(random_equation(), law, times)
    states = integrate(fields, law, times)
    np.testing.assert_allclose(
        states, np.broadcast_to(expected[..., None, None], states.shape), atol=1e-11
    )
    assert solve(fields, law, times)["counts"].shape == (2, 6)


@pytest.mark.parametrize("dimension", [1, 3])
def test_pure_diffusion_is_exact(dimension):
    """A mode k decays as e^{−4π²d|k|²t}, to rounding; seen to fail with d/2 (the 2d of B(2dt))."""
    equation = Smoluchowski(0.0, 0.3, max_mass=1, dimension=dimension, modes=8)

    def density(x):
        return jnp.array([1 + 0.5 * jnp.cos(2 * jnp.pi * (x[0] + x[-1]))])

    times = np.array([0.01, 0.05, 0.4])
    states = integrate(equation, Inhomogeneous(density, maximum=2.0, max_mass=1), times)
    places = torus.points(8, dimension)
    squared = 4 if dimension == 1 else 2
    wave = np.cos(2 * np.pi * (places[..., 0] + places[..., -1]))
    decay = np.exp(-4 * np.pi**2 * squared * 0.3 * times).reshape((-1,) + (1,) * dimension)
    np.testing.assert_allclose(states[:, 0], 1 + 0.5 * decay * wave, atol=1e-12)


@pytest.mark.slow
def test_spectral_convergence_in_modes():
    """For an entire density the error falls faster than any power of the number of points."""
    law, times = wavy(), np.array([0.01, 0.05])
    modes = FourierMode([(0,), (1,), (2,)], mass=2)

    def result(points):
        equation = random_equation(max_mass=2, dimension=1, modes=points)
        return np.asarray(solve(equation, law, times, observe=[modes])["modes_2"])

    reference = result(38)
    errors = [np.abs(result(p) - reference).max() for p in (8, 14, 26)]
    ratios = np.divide(errors[:-1], errors[1:])
    assert errors[-1] < 1e-9, errors
    assert np.all(ratios > 10), (errors, ratios)


def test_quadratic_term_has_no_aliasing():
    """cos²(2πkx) = ½ + ½cos(4πkx): with 2k kept no more, only ½ may remain."""
    equation = Smoluchowski(1.0, max_mass=1, dimension=1, modes=12)  # keeps |k| ≤ 3
    x = np.arange(12) / 12
    wave = np.cos(2 * np.pi * 3 * x)
    state = jnp.asarray(np.stack([wave, 0 * x]))
    still = Smoluchowski(1.0, 0.0, max_mass=1, dimension=1, modes=12)
    change = still.rate_of_change(0.0, state, still.prepare())
    np.testing.assert_allclose(change[0], -0.5, atol=1e-14)
    moved = equation.rate_of_change(0.0, state, equation.prepare())
    np.testing.assert_allclose(moved[0] - change[0], -((6 * np.pi) ** 2) * wave, atol=1e-11)


@pytest.mark.slow
def test_fields_conserve_mass_and_match_an_explicit_solver():
    """The split integration against Tsit5 on the whole right-hand side, stiff part included."""
    import diffrax

    equation = random_equation(max_mass=3, dimension=2, modes=7)
    law, times = wavy(sharpness=0.5), np.array([0.05, 0.2])
    states = integrate(equation, law, times)
    mass = np.array([1, 2, 3, 1])
    total = np.tensordot(np.asarray(states).mean((-1, -2)), mass, axes=1)
    np.testing.assert_allclose(total, total[0], rtol=1e-13)
    start = equation.project(law)
    np.testing.assert_allclose(total[0], mass @ start.mean((-1, -2)), rtol=1e-13)
    plain = diffrax.diffeqsolve(
        diffrax.ODETerm(equation.rate_of_change),
        diffrax.Tsit5(),
        0.0,
        0.2,
        1e-3,
        start,
        equation.prepare(),
        saveat=diffrax.SaveAt(ts=times),
        stepsize_controller=diffrax.PIDController(rtol=1e-10, atol=1e-12),
    )
    np.testing.assert_allclose(states[-1], plain.ys[-1], atol=2e-9)


# Observables ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_cheap_observables_equal_the_general_ones():
    """Functions of the mass alone skip the places; the rule over the torus must agree."""
    for options in ({}, {"dimension": 2, "modes": 6}):
        equation = random_equation(max_mass=4, **options)
        state = (
            equation.project(Polydisperse([0.5, 0.25])) if not options else equation.project(wavy())
        )
        for observable in census(4)[:3]:
            general = Mean(
                observable.name, lambda z, own=observable.function: own(z) + 0 * z.position.sum()
            )
            np.testing.assert_allclose(
                equation.observe(state, observable), equation.observe(state, general), rtol=1e-13
            )


def test_observables_that_see_places():
    """A uniform density has no Fourier mode; a field has those that it was given."""
    modes = FourierMode([(0, 0), (1, 0), (0, 3)])
    ode = random_equation(dimension=2)
    uniform = ode.observe(ode.project(Monodisperse(density=0.7)), modes)
    np.testing.assert_allclose(uniform, [[0.7, 0], [0, 0], [0, 0]], atol=1e-15)

    def density(x):
        return jnp.array([1 + 0.5 * jnp.sin(2 * jnp.pi * x[0])])

    field = random_equation(dimension=2, modes=6)
    law = Inhomogeneous(density, maximum=2.0, max_mass=1)
    # ∫ (1 + ½ sin 2πx) e^{−2πix} dx = −i/4
    seen = field.observe(field.project(law), FourierMode([(0, 0), (1, 0)]))
    np.testing.assert_allclose(seen, [[1, 0], [0, -0.25]], atol=1e-15)


def test_names_and_shapes():
    trajectory = solve(random_equation(max_mass=4), DUST, np.array([0.0, 0.1]))
    shapes = {name: value.shape for name, value in trajectory.observables.items()}
    assert shapes == {"counts": (2, 4), "number": (2,), "mass": (2,), "overflow": (2,)}
    np.testing.assert_array_equal(trajectory["counts"][0], [1, 0, 0, 0])
    assert census(4) is census(4)
    assert float(Overflow().of_density(random_equation().measure(jnp.arange(7.0)))) == 6.0
    with pytest.raises(ValueError, match="Only models with a largest mass"):
        Overflow().of_density(Atoms(jnp.ones(1), Coordinates(mass=jnp.ones(1))))


# Arguments ------------------------------------------------------------------------------------


def test_parameters_in_every_form():
    table = np.add.outer(np.arange(1, 4), np.arange(1, 4))
    by_call = Smoluchowski(additive_kernel, lambda n: 1 / n, max_mass=3)
    np.testing.assert_array_equal(by_call.rate, table)
    np.testing.assert_array_equal(Smoluchowski(table).rate, by_call.rate)
    np.testing.assert_allclose(by_call.diffusivity, [1, 1 / 2, 1 / 3])
    assert Smoluchowski(2.0, [1.0, 2.0]).rate.shape == (2, 2)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((-1.0,), {"max_mass": 2}, "`rate` must be finite and at least 0"),
        ((np.array([[1.0, np.nan], [np.nan, 1.0]]),), {}, "`rate` must be finite"),
        ((np.array([[1.0, 2.0], [3.0, 1.0]]),), {}, "`rate` must be symmetric"),
        (
            (np.ones((2, 3)),),
            {},
            "`rate` must be a number, a function of two masses, or an array of shape",
        ),
        ((1.0, -0.1), {"max_mass": 2}, "`diffusivity` must be finite and at least 0"),
        ((1.0, np.ones(3)), {"max_mass": 2}, "`diffusivity` must be a number"),
        ((1.0,), {}, "`max_mass` must be given"),
        ((1.0,), {"max_mass": 0}, "`max_mass` must be a positive integer"),
        ((1.0,), {"max_mass": 2, "modes": 3}, "`modes` must be None or an integer of at least 4"),
        ((1.0,), {"max_mass": 2, "dimension": 0}, "`dimension` must be"),
        ((1.0,), {"max_mass": 2, "reaction": "fusion"}, "`reaction` must be"),
    ],
)
def test_bad_arguments(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        Smoluchowski(*arguments, **options)


def test_laws_that_do_not_fit():
    equation = Smoluchowski(1.0, max_mass=2)
    with pytest.raises(ValueError, match="`law` must have masses up to 2"):
        solve(equation, Monodisperse(mass=3), np.array([1.0]))
    with pytest.raises(ValueError, match="`law` must be uniform"):
        equation.project(wavy())
    with pytest.raises(ValueError, match="`law` must be a law of masses"):
        equation.project("dust")
