"""Widths of the Gaussians of a mixture, and the warnings that they are wrong ones."""

import warnings

import jax.numpy as jnp
import numpy as np
import pytest

import jaxkin as jk
from jaxkin.laws.velocities import GaussianMixture, Maxwellian
from jaxkin.operators.mixture import HermiteMixture
from jaxkin.operators.mixture_widths import equilibrium_temperature, mixture_widths

MASSES = (1.0, 4.0)


def law(warm=2.0, cold=0.5):
    return jk.laws.ByType(Maxwellian(3, warm / MASSES[0]), Maxwellian(3, cold / MASSES[1]))


def test_by_hand():
    """N = 1 : 2, T = 2 and 0.5: T = 1 in the end, and variances 1 … 2 and 0.125 … 0.25."""
    assert equilibrium_temperature(law(), MASSES, (10, 20)) == pytest.approx(1.0)
    np.testing.assert_allclose(mixture_widths(law(), MASSES, (10, 20)), (1.5, 0.1875))


def test_directions_and_layers_count():
    """The second moments of beams with their means, and the coldest and warmest layer."""
    beams = GaussianMixture([0.5, 0.5], [[1.0, 0, 0], [-1.0, 0, 0]], [[0.2, 0.4, 0.4]] * 2)
    chambers = jk.laws.Chambers(Maxwellian(3, 0.9), Maxwellian(3, 0.1))
    wave = jk.laws.Wave(Maxwellian(3, 0.3), 0.5)
    # Type 1: 1.2 and 0.4 by direction; final T = (2/3 + 4·0.5)/2 = 4/3.
    found = mixture_widths(jk.laws.ByType(beams, chambers), MASSES, (5, 5))
    np.testing.assert_allclose(found, ((0.4 + 4 / 3) / 2, 0.5))
    assert mixture_widths(jk.laws.ByType(wave), (1.0,), (5,))[0] == pytest.approx(0.3)


def test_the_limit_takes_them_and_wrong_ones_are_told():
    gas = jk.HardSphereMixture((10, 20), MASSES, (0.1, 0.1))
    equation = gas.kinetic_limit(HermiteMixture(degree=4), law=law())
    np.testing.assert_allclose(equation.operator.variances, (1.5, 0.1875))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        equation.check(law())
    narrow = gas.kinetic_limit(HermiteMixture(degree=4, widths=(0.45, 0.125)))
    heated = law(0.4, 1.3)
    with (
        pytest.raises(ValueError, match=r"for type 2, with the width 0.125\. Try widths=\(0\.7"),
    ):
        narrow.check(heated)
    cool = gas.kinetic_limit(HermiteMixture(degree=4, widths=(0.45, 0.3)))
    with pytest.warns(UserWarning, match="at temperature 1, the Hermite series of type 1"):
        cool.check(heated)
    with pytest.raises(ValueError, match="`temperature` must be one number"):
        HermiteMixture(temperature=(1.0, 2.0))
    with pytest.raises(ValueError, match="`cells` must be given where `bins` are"):
        gas.kinetic_limit(bins=8)
    with pytest.raises(ValueError, match=r"`kinetic_limit\(\)`"):
        jk.solve(gas, law(), jnp.array([0.0, 1.0]))
