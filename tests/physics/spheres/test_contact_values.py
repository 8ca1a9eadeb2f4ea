"""χ of mixtures."""

import numpy as np
import pytest

import jaxkin as jk


@pytest.mark.parametrize("dimension", [2, 3])
def test_one_type(dimension):
    """(1−η/2)/(1−η)³ (Carnahan and Starling) and (1−7η/16)/(1−η)² (Henderson)."""
    n, e = 50, 0.08
    eta = n * np.pi * (e**2 / 4 if dimension == 2 else e**3 / 6)
    exact = (1 - 7 * eta / 16) / (1 - eta) ** 2
    if dimension == 3:
        exact = (1 - eta / 2) / (1 - eta) ** 3
    assert float(jk.contact_values([n], [e], dimension)[0, 0]) == pytest.approx(exact, rel=1e-14)


@pytest.mark.parametrize("dimension", [2, 3])
def test_two_names_for_one_type(dimension):
    one = jk.contact_values([60], [0.05], dimension)
    two = jk.contact_values([20, 40], [0.05, 0.05], dimension)
    np.testing.assert_allclose(two, one[0, 0], rtol=1e-14)


@pytest.mark.parametrize("dimension", [2, 3])
def test_first_order_in_density(dimension):
    """χ − 1 to first order: the volume from which both spheres at contact keep the others out."""
    n, e = np.array([1e-6, 2e-6]), np.array([1.0, 0.4])
    found = (np.asarray(jk.contact_values(n, e, dimension)) - 1) / 1e-6
    rng = np.random.default_rng(0)
    for a, b in ((0, 0), (0, 1), (1, 1)):
        apart, total, variance = (e[a] + e[b]) / 2, 0.0, 0.0
        for c in (0, 1):
            r, q = (e[a] + e[c]) / 2, (e[b] + e[c]) / 2
            x = rng.uniform(-r, r, (400_000, dimension))
            inside = np.sum(x**2, 1) < r**2
            shifted = x - np.eye(dimension)[0] * apart
            both = inside & (np.sum(shifted**2, 1) < q**2)
            box = (2 * r) ** dimension * n[c] / 1e-6
            total += box * both.mean()
            variance += box**2 * both.var() / both.size
        # In d = 2 the formula is fitted: 4 % here, 0.1 % for equal discs.
        rounded = 0.04 * total if dimension == 2 else 0
        assert abs(found[a, b] - total) < 5 * variance**0.5 + rounded
