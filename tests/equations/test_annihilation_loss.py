"""The loss of annihilation: rules in both velocities, two bases, a grid, single precision."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from annihilation_cases import FOURTH, SPHERES

import jaxkin as jk
from jaxkin.equations.annihilation import Annihilation
from jaxkin.laws.velocities import BKW
from jaxkin.numerics.hermite import gauss_hermite
from jaxkin.numerics.sphere_rules import sphere_product_rule
from jaxkin.operators.hermite import Hermite
from jaxkin.operators.hermite_tensor import radial_rule
from jaxkin.operators.sonine import Sonine


@eqx.filter_jit
def losses(operator, f):
    return operator.loss(f, operator.prepare_loss())


@eqx.filter_jit
def rates(equation, law):
    return equation.rate_of_change(0.0, equation.project(law), equation.prepare())


@pytest.mark.parametrize("dimension", [2, 3])
def test_loss_of_hard_spheres_by_a_rule_in_both_velocities(dimension):
    """Σ L_{a,bc} f_b f_c for random f, by products of exact rules in v + v* and v − v*.

    (Fault: b = c counted twice.)
    """
    d, width = dimension, 0.7
    operator = Hermite(SPHERES, dimension=d, degree=2, width=width)
    f = jnp.asarray(np.random.default_rng(0).normal(size=operator.degrees().size))
    x, wx = gauss_hermite(4, d)
    r, wr = radial_rule(6, d)
    directions, areas = sphere_product_rule(4, d)
    y = (r[:, None, None] * directions).reshape(-1, d)
    wy = np.outer(wr, areas / areas.sum()).ravel()
    v, other = ((width / 2) ** 0.5 * (x[:, None] + sign * y).reshape(-1, d) for sign in (1, -1))
    rows, others = (np.asarray(operator.basis(jnp.asarray(u))) for u in (v, other))
    weight = np.outer(wx, wy).ravel() * np.linalg.norm(v - other, axis=1)
    expected = (weight * (rows @ f) * (others @ f)) @ rows
    np.testing.assert_allclose(losses(operator, f), expected, atol=1e-11)


@pytest.mark.parametrize("dimension", [2, 3])
def test_loss_in_radial_functions(dimension):
    """One function by two bases, whose loss tensors share radial integrals alone.

    (Fault: κ_j for κ_{j+k}.)
    """
    law = BKW(0.75, dimension)
    v = jnp.asarray(np.random.default_rng(2).normal(size=(20, dimension)))
    found = []
    for cls in (Hermite, Sonine):
        operator = cls(jk.PowerKernel(1.3, 0.7), dimension=dimension, degree=6, width=0.9)
        found.append(operator.density(losses(operator, operator.project(law)), v))
    np.testing.assert_allclose(*found, atol=1e-13)
    assert float(jnp.max(found[0])) > 0.05


def test_loss_of_maxwell_molecules_and_on_the_grid():
    """C f n for constant kernels; for hard spheres the moments of the grid and of the basis.

    The law is a polynomial of degree 2 times the Gaussian of the basis, so that the basis is
    exact, and the grid is to 1e-7.
    """
    law = BKW(0.75, 2)
    for cls in (Hermite, Sonine):
        operator = cls(jk.MaxwellKernel(1.3), dimension=2, degree=6)
        f = operator.project(law)
        np.testing.assert_allclose(losses(operator, f), 1.3 * f, atol=1e-13)
    grid = jk.operators.Fourier(SPHERES, dimension=2, points=48, support=6.0)
    basis = Hermite(SPHERES, dimension=2, degree=6, width=0.75)
    moments = []
    for operator in (grid, basis):
        lost = losses(operator, operator.project(law))
        mass, _, square = operator.invariants(lost)
        moments.append([mass, square, FOURTH.of_density(operator.measure(lost))])
    np.testing.assert_allclose(*moments, rtol=1e-6)


def test_single_precision():
    single = jk.PowerKernel(np.float32(1), np.float32(1))
    for operator in (Hermite, Sonine):
        equation = Annihilation(operator(single, dimension=2, degree=4), 0.3)
        exact = Annihilation(operator(SPHERES, dimension=2, degree=4), 0.3)
        law, found = BKW(0.8, 2), []
        for e in (equation, exact):
            found.append(rates(e, law))
        assert found[0].dtype == jnp.float32
        np.testing.assert_allclose(*found, atol=3e-6)
