"""c_{1,2}, c_{2,1} of Ampatzoglou et al., (1.12), (2.29) and (2.30)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxkin as jk


def test_values():
    """b = 2, d = 3: c₁₂ = c₂(3/2)², c₂₁ = c₁(3/4)²; d = 2: the roots."""
    c12, c21 = jk.mixture_constants(1.0, 0.5, 2.0)
    assert float(c12) == pytest.approx(1.125, rel=1e-14)
    assert float(c21) == pytest.approx(0.5625, rel=1e-14)
    c12, c21 = jk.mixture_constants(1.0, 0.5, 2.0, dimension=2)
    assert float(c12) == pytest.approx(0.75, rel=1e-14)
    assert float(c21) == pytest.approx(0.75, rel=1e-14)


@pytest.mark.parametrize("dimension", [2, 3])
def test_they_are_those_of_spheres(dimension):
    """(2.27): N_β((ε_α+ε_β)/2)^{d−1}, for three types."""
    numbers, diameters = np.array([100, 50, 300]), np.array([0.02, 0.05, 0.01])
    own = numbers * diameters ** (dimension - 1)
    found = jk.constants_matrix(own, diameters, dimension)
    both = (diameters[:, None] + diameters) / 2
    np.testing.assert_allclose(found, numbers * both ** (dimension - 1), rtol=1e-13)
    c, ratio = jk.mixture_parameters(found, dimension=dimension)
    np.testing.assert_allclose(c, own, rtol=1e-13)
    np.testing.assert_allclose(ratio, diameters / diameters[-1], rtol=1e-12)


def test_the_constraint_among_four():
    """(2x−1)(2y−1) = 1 with x = (c₁₂/c₂)^{1/(d−1)}, y = (c₂₁/c₁)^{1/(d−1)}."""
    c12, c21 = jk.mixture_constants(0.7, 1.9, 0.4)
    x, y = (c12 / 1.9) ** 0.5, (c21 / 0.7) ** 0.5
    assert float((2 * x - 1) * (2 * y - 1)) == pytest.approx(1, rel=1e-13)


def test_inadmissible_constants_are_refused():
    with pytest.raises(ValueError, match="disagree"):
        jk.mixture_parameters([[1.0, 1.1], [1.1, 1.0]])
    with pytest.raises(ValueError, match="c_β/2"):
        jk.mixture_parameters([[1.0, 0.2], [1.0, 1.0]])
    with pytest.raises(ValueError, match="square"):
        jk.mixture_parameters([[1.0, 0.2]])
    with pytest.raises(ValueError, match="`c1`"):
        jk.mixture_constants(-1.0, 1.0, 1.0)


def test_gradient():
    """∂c₁₂/∂b = c₂(1+b)/2 in d = 3; both modes, and under vmap."""
    for mode in (jax.grad, jax.jacfwd):
        slope = mode(lambda b: jk.mixture_constants(1.0, 0.5, b)[0])(2.0)
        assert float(slope) == pytest.approx(0.75, rel=1e-13)
    many = jax.vmap(lambda b: jk.mixture_constants(1.0, 0.5, b)[0])(jnp.array([1.0, 2.0]))
    np.testing.assert_allclose(many, [0.5, 1.125], rtol=1e-13)
