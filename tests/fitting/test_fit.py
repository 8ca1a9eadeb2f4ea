"""Fits from end to end: what is found, what is refused, what is said."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fitting import NotConverged, WellMixed, fit, fit_batches
from jaxkin.drivers.simulation import simulate
from jaxkin.drivers.solution import solve
from jaxkin.equations.smoluchowski import Smoluchowski
from jaxkin.laws import Monodisperse, Polydisperse
from jaxkin.observables import Mean
from jaxkin.observables.census import census
from jaxkin.particles.marcus_lushnikov import MarcusLushnikov
from jaxkin.trajectory import Trajectory

RATE = np.array([[5.0, 3.0, 2.0], [3.0, 2.0, 1.0], [2.0, 1.0, 0.5]])
LAW, TIMES = Monodisperse(), jnp.linspace(0, 1, 11)
EQUATION = Smoluchowski(RATE)
FREE = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 0]], bool)


@pytest.fixture(scope="module")
def data():
    gas = MarcusLushnikov(200, RATE, overflow="absorb")
    return simulate(gas, LAW, TIMES, key=jax.random.key(0), replicas=64)


@pytest.fixture(scope="module")
def exact():
    solution = solve(EQUATION, LAW, TIMES)
    return Trajectory(TIMES, solution.observables, None, {})


def test_rates_come_back(data):
    """5 standard errors, and narrow ones. Fails for an optimiser that does nothing."""
    result = fit(EQUATION, LAW, data, unknown="rate", free=FREE)
    assert result.converged and result.names == ("rate[1,1]", "rate[1,2]", "rate[2,2]")
    truth = RATE[np.triu(FREE)]
    assert np.all(np.abs(result.values - truth) < 5 * result.errors)
    assert np.all(result.errors[:2] < 0.1 * truth[:2])
    assert result.history["value"][-1] < 0.01 * result.history["value"][0]
    np.testing.assert_array_equal(result.estimate[~FREE], RATE[~FREE])
    np.testing.assert_array_equal(result.standard_error[~FREE], 0)


def test_noiseless_data_are_fitted_exactly_from_afar(exact):
    """No replicas: the estimate to solver precision, errors NaN, and a warning says why."""
    with pytest.warns(UserWarning, match="Standard errors are NaN"):
        result = fit(EQUATION, LAW, exact, unknown="rate", free=FREE, start=0.05)
    np.testing.assert_allclose(result.values, RATE[np.triu(FREE)], rtol=1e-4)
    assert np.all(np.isnan(result.errors))


def test_the_answer_does_not_depend_on_the_value_in_the_equation(data):
    """Fails when the search starts at the equation's rates, or reads them."""
    other = Smoluchowski(np.where(FREE, 77.0, RATE))
    a = fit(EQUATION, LAW, data, unknown="rate", free=FREE)
    b = fit(other, LAW, data, unknown="rate", free=FREE)
    np.testing.assert_array_equal(a.values, b.values)


def test_an_optimiser_that_does_nothing_is_found_out(data):
    with pytest.warns(NotConverged, match="did not converge") as caught:
        result = fit(
            EQUATION, LAW, data, unknown="rate", free=FREE, steps=5, optimizer=optax.set_to_zero()
        )
    said = next(w.message for w in caught if isinstance(w.message, NotConverged))
    assert len(said.history["value"]) == len(result.history["value"]) == 12
    assert not result.converged and np.all(np.isnan(result.errors))
    np.testing.assert_array_equal(result.values, 1.0)


@pytest.mark.slow
def test_optax_optimisers_agree(data):
    ours = fit(EQUATION, LAW, data, unknown="rate", free=FREE)
    lbfgs = fit(EQUATION, LAW, data, unknown="rate", free=FREE, optimizer=optax.lbfgs())
    assert lbfgs.converged
    np.testing.assert_allclose(lbfgs.values, ours.values, rtol=1e-4)


@pytest.mark.slow
def test_unidentified_pairs_are_named(data):
    """A mass that is not there: its rates are NaN, and the others do not suffer."""
    rate = np.pad(RATE, (0, 2), constant_values=1.0)
    counts = jnp.pad(data["counts"], [(0, 0), (0, 0), (0, 2)])
    wider = Trajectory(data.times, {"counts": counts}, None, data.metadata)
    law = Polydisperse([1.0])
    gas = Smoluchowski(rate, reaction="annihilation")
    # Under annihilation nothing but mass 1 ever lives: only rate[1,1] can be known.
    with pytest.warns(UserWarning, match=r"rate\[4,5\]"):
        result = fit(gas, law, wider, unknown="rate")
    known = np.isfinite(result.estimate)
    assert known[0, 0] and known.sum() == 1
    assert np.isnan(result.standard_error[3, 4])
    assert np.all(np.isfinite(result.equation.rate))


@pytest.mark.slow
def test_well_mixed_is_the_mean_at_finite_n():
    """N·(simulation − theory): 5 standard errors at N = 40, where the bare equation fails."""
    gas, law = MarcusLushnikov(40, RATE, overflow="absorb"), Polydisperse([0.6, 0.4])
    data = simulate(gas, law, TIMES[1::3], key=jax.random.key(1), replicas=50_000)
    counts = census(3)[:1]
    corrected = solve(WellMixed(gas.kinetic_limit(), 40), law, data.times, observe=counts)
    bare = solve(gas.kinetic_limit(), law, data.times, observe=counts)
    error = 5 * data.standard_error("counts") + 1 / 40**2  # what is left is O(1/N²)
    assert np.all(np.abs(data.mean("counts") - corrected["counts"]) < error)
    assert not np.all(np.abs(data.mean("counts") - bare["counts"]) < error)


@pytest.mark.slow
def test_many_replicas_are_warned_of():
    gas = MarcusLushnikov(10, RATE, overflow="absorb")
    data = simulate(gas, LAW, TIMES, key=jax.random.key(1), replicas=16)
    only = np.zeros_like(FREE)
    only[0, 0] = True
    with pytest.warns(UserWarning, match="well-mixed"):
        fit(EQUATION, LAW, data, unknown="rate", free=only)


@pytest.mark.slow
def test_float32_works(data):
    equation = Smoluchowski(RATE.astype(np.float32))
    assert equation.rate.dtype == jnp.float32
    fine = fit(EQUATION, LAW, data, unknown="rate", free=FREE)
    coarse = fit(equation, LAW, data, unknown="rate", free=FREE)
    assert coarse.converged
    assert np.all(np.abs(coarse.values - fine.values) < 0.05 * fine.errors)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"unknown": "kernel"}, "be among the fields"),
        ({"unknown": "rate", "observables": ("modes",)}, "Record it with `observe=`"),
        ({"unknown": "rate", "finite_size": "huge"}, "well-mixed"),
        ({"unknown": "rate", "observables": "events"}, "events=True"),
        ({"unknown": "rate", "steps": 0}, "steps"),
    ],
)
def test_refusals(data, keywords, message):
    with pytest.raises(ValueError, match=message):
        fit(EQUATION, LAW, data, **keywords)


def test_other_shapes_are_refused(data):
    with pytest.raises(ValueError, match="max_mass"):
        fit(Smoluchowski(1.0, max_mass=5), LAW, data, unknown="rate")


def test_no_retrace_between_data_sets(data):
    """A second data set of the same shape costs no compilation."""
    fit(EQUATION, LAW, data, unknown="rate", free=FREE)
    moved = Trajectory(data.times, {"counts": data["counts"] * 0.99}, None, data.metadata)
    with warnings.catch_warnings(), jax.log_compiles():
        warnings.simplefilter("ignore")
        import logging

        records = []
        handler = logging.Handler()
        handler.emit = lambda record: records.append(record.getMessage())
        logging.getLogger("jax").addHandler(handler)
        try:
            fit(EQUATION, LAW, moved, unknown="rate", free=FREE)
        finally:
            logging.getLogger("jax").removeHandler(handler)
    assert not [r for r in records if "Compiling" in r and "_estimate" in r]


DIMERS = Mean("dimers", lambda z: z.mass == 2)


@pytest.fixture(scope="module")
def counted():
    """Data that hold an observable that no equation knows by name."""
    gas = MarcusLushnikov(200, RATE, overflow="absorb")
    return simulate(
        gas, LAW, TIMES, key=jax.random.key(3), replicas=64, observe=["number", "counts", DIMERS]
    )


ONLY = {"unknown": "rate", "free": np.outer([1, 0, 0], [1, 0, 0]) > 0}


def test_objects_that_both_sides_observe_are_compared(counted):
    """Alone, or beside a name; the object of a name is the name. In batches too."""
    counts = census(3)[0]
    with_name = fit(EQUATION, LAW, counted, **ONLY, observables="counts")
    with_object = fit(EQUATION, LAW, counted, **ONLY, observables=counts)
    np.testing.assert_array_equal(with_object.values, with_name.values)
    for given in (DIMERS, ("number", DIMERS)):
        result = fit(EQUATION, LAW, counted, **ONLY, observables=given)
        assert result.converged
        assert abs(result.values[0] - 5.0) < 5 * result.errors[0] < 2.5
    found = fit_batches(EQUATION, LAW, counted, batches=2, **ONLY, observables=("number", DIMERS))
    assert np.all(np.abs(found.values - 5.0) < 5 * found.errors)


@pytest.mark.parametrize(
    ("observables", "message"),
    [
        (("number", "dimers"), r"`observables` must hold observables, or names.*Pass the object"),
        ((census(3)[0], "counts"), "'counts' comes twice"),
        ((), "at least one"),
        (Mean("trimers", lambda z: z.mass == 3), "`data` must hold the observable 'trimers'"),
    ],
)
def test_observables_that_are_refused(counted, observables, message):
    for options in ({}, {"batches": 2}):
        with pytest.raises(ValueError, match=message):
            (fit_batches if options else fit)(
                EQUATION, LAW, counted, **ONLY, **options, observables=observables
            )
