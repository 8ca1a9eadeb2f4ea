"""Conditions on estimates: the test is calibrated and has power, the nearest point is right."""

import dataclasses
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fitting
import jaxkin as jk
from fitting.hypotheses import conditions_tested, hotelling, nearest
from jaxkin.laws.velocities import GaussianMixture
from jaxkin.physics.spheres.mixture_constraint import constraint_defect

TRUTH = jk.constants_matrix(jnp.array([0.5, 0.4]), jnp.array([2.0, 1.0]))


def defect(values):
    return constraint_defect(values.reshape(2, 2))


def drawn(replicas, truth, seed):
    """Means and covariances of log-normal measurements that correlate."""
    mix = np.array([[1, 0, 0, 0.3], [0.2, 1, 0, 0], [0, 0.5, 1, 0], [0, 0, 0.2, 1]])
    noise = 0.1 * np.random.default_rng(seed).normal(size=(replicas, 4)) @ mix
    x = np.asarray(truth).ravel() * np.exp(noise)
    return x.mean(0), np.cov(x.T) / replicas


def test_p_values_are_uniform_and_small_off_the_set():
    """5 errors of the binomial law for 100 sets of 12; what is six standard errors off is seen.

    (Fault: a spread of a quarter.)
    """

    def p_values(truth):
        found = [
            conditions_tested(lambda x: {"": defect(x)}, *drawn(12, truth, seed), 12)[""].p
            for seed in range(100)
        ]
        return np.array(found)

    p = p_values(TRUTH)
    for level in (0.05, 0.5):
        assert abs((p < level).mean() - level) < 5 * np.sqrt(level * (1 - level) / 100)
    off = TRUTH.at[1, 0].multiply(1.8)
    assert (p_values(off) < 0.01).mean() > 0.9


def test_hotelling_by_hand():
    """q = 1 is Student's t: F(1, R − 1) = t². (Fault: R for R − 1.)"""
    test = hotelling([0.3], [[0.01]], 10)
    assert test.degrees == (1, 9) and test.statistic == pytest.approx(9.0)
    assert test.p == pytest.approx(0.01496, rel=1e-3)  # P(|t₉| > 3)
    assert hotelling([1.0, 2.0], np.eye(2), 10).statistic == pytest.approx(5 * 8 / (2 * 9))
    assert np.isnan(hotelling([np.nan], [[1.0]], 10).p) and np.isnan(hotelling([], [[]], 10).p)


def test_conditions_that_too_few_numbers_are_free_for():
    """Rank 1 of two conditions: tested if the other holds, not if it does not, and no crash."""
    spread = np.array([[0.04, 0.0], [0.0, 0.0]])
    test = hotelling([0.4, 0.0], spread, 10)
    assert test.degrees == (1, 9) and test.statistic == pytest.approx(4.0)
    assert np.isnan(hotelling([0.4, 0.1], spread, 10).p)
    assert np.isnan(hotelling([0.0, 0.0], 0 * spread, 10).p)
    x, covariance = np.array([1.0, 2.0]), np.diag([0.01, 0.01])
    stuck, _ = nearest(lambda u: jnp.stack([u[0] - 1.1, u[0] - 1.2]), x, covariance)
    assert np.all(np.isnan(stuck))


def test_the_nearest_point():
    """On the set to rounding, no farther than the truth, and with a covariance of less rank."""
    x, covariance = drawn(30, TRUTH, 5)
    y, spread = nearest(defect, x, covariance)
    assert np.abs(defect(jnp.asarray(y))).max() < 1e-12
    metric = np.linalg.inv(covariance / np.outer(x, x))

    def far(z):
        return np.log(z / x) @ metric @ np.log(z / x)

    assert far(y) <= far(np.asarray(TRUTH).ravel())
    # Stationary: the gradient of the distance is normal to the set.
    H = np.asarray(jax.jacfwd(lambda u: defect(jnp.exp(u)))(jnp.log(jnp.asarray(y))))
    pull = metric @ np.log(y / x)
    assert np.allclose(pull, H[0] * (pull @ H[0]) / (H[0] @ H[0]), atol=1e-8 * np.abs(pull).max())
    assert np.linalg.matrix_rank(spread / np.outer(y, y), tol=1e-10) == 3
    assert np.all(np.diag(spread) / y**2 <= np.diag(covariance) / x**2 + 1e-12)


@pytest.fixture(scope="module")
def result():
    """A fit of all four constants to a noisy solution."""
    operator = jk.operators.HermiteMixture([1.0, 3.0], degree=4, widths=(1.2, 0.4))
    equation = jk.BoltzmannMixture(operator, TRUTH)
    law = jk.laws.ByType(
        GaussianMixture([1.0], jnp.zeros((1, 3)), [[1.9, 1.0, 1.0]]),
        GaussianMixture([1.0], jnp.zeros((1, 3)), [[0.2, 0.3, 0.4]]),
    )
    times = jnp.linspace(0.0, 0.3, 4)
    exact = jk.solve(equation, law, times, observe=["temperature", "stress"])
    rng = np.random.default_rng(0)
    noisy = {
        name: jnp.asarray(values + 0.01 * rng.normal(size=(40, *values.shape)))
        for name, values in exact.observables.items()
    }
    data = jk.Trajectory(times, noisy, None, {"replicas": 40})
    names = ("temperature", "stress")
    return equation, fitting.fit(equation, law, data, unknown="constants", observables=names)


def test_a_fit_tells_whether_diameters_explain_it(result):
    equation, found = result
    (name,) = found.compatible()
    assert "(1.12)" in name and found.compatible()[name].p > 1e-4
    assert f"{name}: F(1, 39)" in found.summary(reference=equation)
    held = found.constrained()
    assert held.compatible() == found.compatible() and "by construction" in held.summary()
    assert np.abs(constraint_defect(held.equation.constants)).max() < 1e-10
    assert np.all(held.errors <= found.errors * 1.05)
    truth = np.asarray(equation.constants).ravel()
    assert np.all(np.abs(held.values - truth) < 4 * held.errors)
    np.testing.assert_allclose(held.estimate.ravel(), held.values)


def test_what_cannot_be_tested(result):
    """Unknown entries leave the condition untested, and there is nothing to constrain."""
    _, found = result
    blank = found.covariance.copy()
    blank[0] = blank[:, 0] = np.nan
    lost = dataclasses.replace(found, covariance=blank)
    assert np.isnan(next(iter(lost.compatible().values())).p)
    assert "cannot be tested" in lost.summary()
    with pytest.raises(ValueError, match=r"constants\[1,1\]"):
        lost.constrained()
    few = dataclasses.replace(found, degrees=float("nan"))  # one experiment of a single replica
    assert "cannot be tested" in few.summary()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = jk.BoltzmannMixture(jk.operators.HermiteMixture([1.0], dimension=2), [[1.0]])
        assert one.conditions() == {}
