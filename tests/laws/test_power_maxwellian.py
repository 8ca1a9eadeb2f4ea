"""The law |v|^μ times a Gaussian: moments by samples, rule and density."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxkin.laws.velocities import Maxwellian, PowerMaxwellian


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("power", [-1.5, 0.0, 2.0])
def test_power_maxwellian(dimension, power):
    """⟨|v|²⟩ = dT and ⟨|v|⁴⟩ = d²T²(1 + 2/(d+μ)), by samples, rule and density; isotropy."""
    d = dimension
    law = PowerMaxwellian(d, power, 0.7)
    second, fourth_moment = d * 0.7, (d * 0.7) ** 2 * (1 + 2 / (d + power))
    nodes, weights = (np.asarray(x) for x in law.quadrature(4))
    square = (nodes**2).sum(1)
    assert weights @ square == pytest.approx(second, rel=1e-13)
    assert weights @ square**2 == pytest.approx(fourth_moment, rel=1e-13)
    np.testing.assert_allclose((nodes.T * weights) @ nodes, 0.7 * np.eye(d), atol=1e-13)
    np.testing.assert_allclose(weights @ nodes**3, 0, atol=1e-13)
    drawn = np.asarray(law.sample_velocities(100_000, key=jax.random.key(1), dtype=jnp.float64))
    for values, exact in (
        ((drawn**2).sum(1), second),
        ((drawn**2).sum(1) ** 2, fourth_moment),
        (drawn[:, 0] * drawn[:, 1], 0.0),
        (drawn[:, 1] ** 2, 0.7),
    ):
        assert abs(values.mean() - exact) < 5 * values.std() / np.sqrt(values.size)
    y = np.linspace(-60, 2.5, 4001)  # r = e^y, on which the trapezoid is exact to rounding
    r = np.exp(y)
    density = np.asarray(law.density(jnp.asarray(r[:, None] * np.eye(d)[0])))
    area = {2: 2 * np.pi, 3: 4 * np.pi}[d]
    for k, exact in ((0, 1.0), (2, second)):
        assert area * np.sum(density * r ** (d + k)) * (y[1] - y[0]) == pytest.approx(exact)
    for wrong in ({"power": -d}, {"temperature": 0.0}):
        with pytest.raises(ValueError, match="must be finite and above"):
            PowerMaxwellian(d, **wrong)


def test_power_maxwellian_without_power():
    v = jnp.asarray(np.random.default_rng(0).normal(size=(5, 3)))
    np.testing.assert_allclose(
        PowerMaxwellian(3, 0.0, 0.7).density(v), Maxwellian(3, 0.7).density(v), rtol=1e-13
    )
