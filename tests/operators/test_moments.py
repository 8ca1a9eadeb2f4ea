"""What moments tell and what they refuse to tell; derivatives, fits, precision, bad input."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from moments_cases import SKEWED, TIMES, Atoms, rates

import fitting
import jaxkin as jk
from jaxkin import collision_laws as cl
from jaxkin.laws.velocities import GaussianMixture, Maxwellian
from jaxkin.operators.moments import Moments

# Reading the state.


def test_integrals_give_the_moments_back():
    """Every polynomial of degree ≤ D, of a law with atoms."""
    places = jnp.array([[1.0, 0.0, 2.0], [-3.0, 1.0, 0.5], [0.0, -1.0, 1.0]])
    law = Atoms(places, jnp.array([0.2, 0.3, 0.5]))
    equation = Moments(cl.Binary())
    state = equation.project(law)
    read = jax.jit(
        lambda s: equation.measure(s).integral(
            lambda z: jnp.prod(z.velocity ** equation.indices(), axis=1), 6
        )
    )
    np.testing.assert_allclose(read(state), state, rtol=1e-9, atol=1e-9)
    sixth = (np.asarray(places) ** 2).sum(1) ** 3 @ np.asarray(law.weights)
    observed = equation.observables()[-1].of_density(equation.measure(state))
    assert float(observed[1]) == pytest.approx(sixth, rel=1e-10)


@pytest.mark.usefixtures("errors_raise")
def test_characteristic_function():
    """The series is within 1e-6 of e^{−ik·u−T|k|²/2} where it is given, and is refused elsewhere.

    At degree 8 the first term that is left out is E(k·v)⁸/8!, 1.3e-7 for |k| = 0.3.
    """
    k = np.array([[0.2, -0.15], [0.0, 0.3]])
    mean = np.array([0.4, 0.1])
    phase = np.exp(-1j * k @ mean - 0.45 * (k**2).sum(1))
    exact = np.stack([phase.real, phase.imag], 1)
    law = Maxwellian(2, 0.9, mean=jnp.asarray(mean))
    observe = jk.observables.CharacteristicFunction
    for degree, fine in ((4, False), (8, True), (9, True)):
        operator = Moments(cl.Binary(), dimension=2, degree=degree)
        measured = operator.measure(operator.project(law))
        if fine:
            found = observe(k).of_density(measured)
            np.testing.assert_allclose(found, exact, atol=1e-6)
        else:
            with pytest.raises(RuntimeError, match="`wave_vectors` must be so small"):
                jax.block_until_ready(observe(k).of_density(measured))
        with pytest.raises(RuntimeError, match="`wave_vectors` must be so small"):
            jax.block_until_ready(observe([(5.0, 0.0)]).of_density(measured))


@pytest.mark.usefixtures("errors_raise")
def test_what_moments_do_not_tell_is_refused():
    """No jump, no |v|, no histogram, no entropy, no degree above D; polynomials are recognised."""
    operator = Moments(cl.Binary(), dimension=2, degree=4)
    measured = operator.measure(operator.project(SKEWED[2]))
    for name, function, degree, message in (
        ("tail", lambda z: jnp.sum(z.velocity**2) > 4, None, "hold polynomials of the velocity"),
        ("speed", lambda z: jnp.sqrt(jnp.sum(z.velocity**2)), None, "hold polynomials"),
        ("sixth", lambda z: jnp.sum(z.velocity**2) ** 3, None, "of degree 4 or less"),
        ("six", lambda z: jnp.sum(z.velocity**2), 6, "of degree 4 or less"),
    ):
        with pytest.raises(ValueError, match=message):
            jk.observables.Mean(name, function, degree).of_density(measured)
    for observable in (jk.observables.Histogram([0.0, 1.0]), jk.observables.Entropy()):
        with pytest.raises(ValueError, match="Argument `observe` must hold what"):
            observable.of_density(measured)
    false = jk.observables.Mean("false", lambda z: jnp.abs(z.velocity[0]), 2)
    with pytest.raises(RuntimeError, match="`degree` must be the degree of a polynomial"):
        jax.block_until_ready(false.of_density(measured))
    true = jk.observables.Mean("true", lambda z: jnp.exp(jnp.log(z.velocity[0] ** 2)), 2)
    plain = jk.observables.Mean("plain", lambda z: z.velocity[0] ** 2)
    assert true.of_density(measured) == pytest.approx(float(plain.of_density(measured)), rel=1e-12)
    with pytest.raises(ValueError, match="must have values, but a MomentsDensity has none"):
        measured(jnp.zeros(2))


# Derivatives and fits.


@pytest.mark.slow
def test_gradients():
    """By β_K and the rate, and by the temperature of a bath, against central differences."""
    laws = [cl.Binary(), cl.Symmetric(2), cl.Thermostat(2.0)]
    start = Moments(laws, [0.3, 0.3, 0.4], dimension=2, degree=2)

    def stress(x):
        where = lambda e: (e.weights, e.rate, e.laws[2].temperature)  # noqa: E731
        equation = eqx.tree_at(where, start, (x[:3], x[3], x[4]))
        moments, change = rates(equation, SKEWED[2])
        observed = equation.observables()[3].of_density(equation.measure(moments + 0.3 * change))
        return jnp.sum(observed[0])

    at, h = jnp.array([0.3, 0.3, 0.4, 1.0, 2.0]), 1e-5
    steps = h * jnp.eye(5)
    both = jax.jit(jax.vmap(stress))(jnp.concatenate([at + steps, at - steps]))
    found = np.asarray(jax.grad(stress)(at))
    np.testing.assert_allclose(found, (both[:5] - both[5:]) / (2 * h), rtol=1e-6)
    assert np.min(np.abs(found)) > 1e-3


@pytest.mark.slow
def test_fit_of_the_weights():
    """β from a solution whose weights the fit does not know."""
    laws = [cl.Symmetric(2, momentum=True), cl.Symmetric(3, momentum=True)]
    truth = Moments(laws, [0.4, 0.6], dimension=2, degree=2)
    law = GaussianMixture([0.5, 0.5], [[1.5, 0], [-1.5, 0]], [[0.3, 0.3], [0.3, 0.3]])
    data = jk.solve(jk.Boltzmann(truth), law, jnp.linspace(0.0, 2.0, 6))
    guess = Moments(laws, [0.9, 0.1], dimension=2, degree=2)
    with pytest.warns(UserWarning):
        found = fitting.fit(
            jk.Boltzmann(guess), law, data, unknown="weights", observables=("stress",)
        )
    np.testing.assert_allclose(found.estimate, [0.4, 0.6], atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_keeps_the_dtype(dtype):
    laws = [cl.Symmetric(2), cl.Thermostat(dtype(2.0))]
    equation = Moments(laws, dtype([0.5, 0.5]), dimension=2, degree=3)
    moments, change = rates(equation, SKEWED[2])
    assert moments.dtype == change.dtype == dtype
    measured = equation.measure(moments)
    assert all(o.of_density(measured).dtype == dtype for o in equation.observables())


# Bad input.


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([cl.Binary(), cl.KacToy()],), {"dimension": 1}, "`weights` must be given"),
        ((cl.Binary(), [0.5]), {}, "`weights` must sum to 1"),
        (([cl.Binary(), cl.Rotation()], [1.5, -0.5]), {}, "`weights` must be finite and at"),
        (([cl.Binary(), cl.Rotation()], [1.0]), {}, "`weights` must hold one"),
        (([],), {}, "`laws` must name at least one"),
        ((["binary"],), {}, "`laws` must be collision laws"),
        ((cl.Custom(2, lambda v, n: v[:1], 1),), {}, "`laws` must map velocities"),
        ((cl.Binary(),), {"degree": 1}, "`degree` must be an integer of at least 2"),
        ((cl.Binary(),), {"dimension": 0}, "`dimension` must be a positive integer"),
        ((cl.Binary(),), {"rate": -1.0}, "`rate` must be finite and at least 0"),
        ((cl.Binary(),), {"nodes": 0}, "`nodes` must be a positive integer"),
    ],
)
def test_bad_input(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        Moments(*arguments, **options)


def test_bad_laws():
    nonlinear = cl.Custom(2, lambda v, n: v * jnp.abs(v), 1)
    with pytest.raises(ValueError, match="`laws` must be linear in the velocities"):
        Moments(nonlinear).prepare()
    with pytest.raises(ValueError, match="`law` must be a law in 3 dimensions, but it has 2"):
        jk.solve(jk.Boltzmann(Moments(cl.Binary())), Maxwellian(2), TIMES)
    still = Atoms(jnp.zeros((1, 3)), jnp.ones(1))
    with pytest.raises(ValueError, match="`law` must have a positive temperature"):
        jk.solve(jk.Boltzmann(Moments(cl.Binary())), still, TIMES)
    with pytest.raises(ValueError, match="`law` must have finite moments"):
        jk.solve(
            jk.Boltzmann(Moments(cl.Binary())), Atoms(jnp.full((1, 3), jnp.inf), jnp.ones(1)), TIMES
        )
