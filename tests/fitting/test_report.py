"""The report: shapes, intervals, and the table."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from fitting.parametrisation import parametrise
from fitting.report import FitResult
from jaxkin.equations.smoluchowski import Smoluchowski

EQUATION = Smoluchowski(jnp.array([[4.0, 3.0], [3.0, 2.0]]))


def result(converged=True):
    p, _ = parametrise(EQUATION, "rate")
    return FitResult(
        equation=EQUATION,
        values=np.array([4.2, 2.9, np.nan]),
        covariance=np.diag([0.04, 0.01, np.nan]),
        log_error=np.array([0.2 / 4.2, 0.1 / 2.9, np.nan]),
        history={"value": np.array([9.0, 1.0]), "decrement": np.array([8.0, 0.0])},
        parametrisation=p,
        objective=1.0,
        names=tuple(p.names),
        degrees=31,
        converged=converged,
    )


def test_shapes():
    np.testing.assert_array_equal(result().estimate, [[4.2, 2.9], [2.9, np.nan]])
    np.testing.assert_allclose(result().standard_error, [[0.2, 0.1], [0.1, np.nan]])


def test_interval_is_students_up_on_the_logarithm_and_down_to_zero_at_most():
    reach = stats.t.ppf(0.975, 31) * 0.2 / 4.2
    np.testing.assert_allclose(result().interval()[0], 4.2 * np.array([1 - reach, np.exp(reach)]))
    sharp = replace(result(), conservative=False)
    np.testing.assert_allclose(sharp.interval()[0], 4.2 * np.exp([-reach, reach]))
    vague = replace(result(), covariance=np.diag([9.0, 0.01, np.nan]))
    assert vague.interval()[0, 0] == 0
    assert np.all(np.isnan(result().interval()[2]))
    with pytest.raises(ValueError, match="level"):
        result().interval(95)


def test_table():
    text = result().summary(reference=EQUATION)
    first, second, third = text.splitlines()[1:4]
    assert first.split() == ["rate[1,1]", "4.2", "0.2", "4", "+1.00"]
    assert second.split() == ["rate[1,2]", "2.9", "0.1", "3", "-1.00"]
    assert third.split() == ["rate[2,2]", "–", "–", "2", "–"]
    assert "not identified" in text and "\nconverged after 2" in text
    assert "NOT CONVERGED" in str(result(converged=False))
