"""Laws and profiles in a slab: chambers, waves, slices, and laws that do not fit."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from slab_cases import EPS, MASSES, chambers, slab

import jaxkin as jk
from jaxkin.laws.by_type import ByType, Chambers, Uniform, Wave
from jaxkin.laws.velocities import Maxwellian
from jaxkin.observables import (
    Coordinates,
    Mean,
    Weighted,
    mixture_profiles,
)


def test_chambers_in_cells():
    """Halves are exact, and a cell across the wall has both; means are those of the law.

    (Fault: the wall at 0.45.)
    """
    equation = slab(8)
    state = np.asarray(equation.project(chambers()))
    assert np.allclose(state[:4, 0, 0], 1.2, atol=4 * EPS) and np.allclose(
        state[4:, 0, 0], 0.8, atol=4 * EPS
    )
    left = Uniform(chambers().laws[0].left)
    alone = equation.homogeneous.project(ByType(left, Maxwellian(2, 0.2)))[0]
    assert np.allclose(state[:4, 0], 1.2 * alone, rtol=0, atol=1e-14)
    odd = np.asarray(slab(9).project(chambers()))[:, :, 0]
    assert np.allclose(odd[[3, 4, 5]], [[1.2, 0.6], [1.0, 1.0], [0.8, 1.4]], atol=1e-14)
    assert np.allclose(odd.mean(0), 1.0, atol=1e-14)


@pytest.mark.parametrize("mode", [1, 3])
def test_wave(mode):
    """Modes of a sample within 5 standard errors, of cells exact. (Faults: a move by a period;
    to stay with probability ½ + a cos; cells twice as wide.)"""
    law, n = Wave(Maxwellian(2), 0.7, mode), 40_000
    x = np.asarray(law.sample_positions(n, 2, key=jax.random.key(1), dtype=jnp.float64))
    assert x.shape == (n, 2) and x.min() >= 0 and x.max() < 1
    for m in (mode, 2 * mode, mode + 1):
        angle = 2 * np.pi * m * x[:, 0]
        expected = 0.35 if m == mode else 0.0  # ∫ (1 + a cos) cos
        assert abs(np.cos(angle).mean() - expected) < 5 * 0.5**0.5 / n**0.5
        assert abs(np.sin(angle).mean()) < 5 * 0.5**0.5 / n**0.5
    assert abs(np.cos(2 * np.pi * x[:, 1]).mean()) < 5 * 0.5**0.5 / n**0.5
    edges = np.array([0.0, 0.1, 0.35, 1.0])
    integral = edges + 0.7 * np.sin(2 * np.pi * mode * edges) / (2 * np.pi * mode)
    ((profile, velocity),) = law.layers(edges)
    assert velocity is law.velocity
    assert np.allclose(profile, np.diff(integral) / np.diff(edges), rtol=0, atol=1e-14)


def test_profiles_of_both_sides():
    """Spheres give sums in slices; the slab gives sums of cells, by means and by all points.

    (Fault: profiles not multiplied by the number of slices.)
    """
    position = jnp.array([[0.0, 0.3], [0.1, 0.2], [0.74, 0.9], [1.0, 0.1]])
    velocity = jnp.array([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0], [1.0, 1.0]])
    kind = jnp.array([0, 0, 0, 1])
    z = Coordinates(jnp.asarray(MASSES)[kind], position, velocity, kind)
    density, momentum, energy = mixture_profiles(2, 4)
    spheres = Weighted(jnp.array([1 / 3, 1 / 3, 1 / 3, 1.0]), z)
    assert np.allclose(density.of_particles(spheres), [[8 / 3, 0, 4 / 3, 0], [0, 0, 0, 4]])
    assert np.allclose(energy.of_particles(spheres), [[4 / 3 * 2.5, 0, 6, 0], [0, 0, 0, 16]])
    assert np.allclose(momentum.of_particles(spheres)[0, 0], [4 / 3, 8 / 3])
    assert np.allclose(momentum.of_particles(spheres)[1, 3], [16, 16])

    equation = slab(8, bins=4)
    state = equation.project(chambers())
    assert abs(float(equation.measure(state).mass()) - 2) < 1e-13
    profiles = mixture_profiles(2, 4)
    assert profiles == equation.observables()[-3:]

    def by_places(o):
        """The same sums from f(x, v) at all places, which jump between slices."""

        def function(z):
            own = jax.nn.one_hot(z.type, 2)
            here = (z.position[0] >= jnp.arange(4) / 4) & (z.position[0] < jnp.arange(1, 5) / 4)
            return jnp.multiply.outer(4.0 * jnp.outer(own, here), o.function(z))

        return Mean(o.name, function, o.degree)

    found = eqx.filter_jit(lambda f: [equation.observe(f, o) for o in profiles])(state)
    places = eqx.filter_jit(lambda f: [equation.observe(f, by_places(o)) for o in profiles])(state)
    for values, expected in zip(found, places, strict=True):
        assert np.allclose(values, expected, rtol=0, atol=1e-13)
    left = Mean("left", lambda z: (z.type == 1) * (z.position[0] < 0.5))
    assert abs(float(equation.observe(state, left)) - 0.3) < 1e-13


class Layerless:
    """A law for particles alone."""

    dimension = 2

    def sample_positions(self, number, dimension, *, key, dtype):
        return jnp.zeros((number, dimension), dtype)

    def sample_velocities_at(self, position, *, key):
        return jnp.zeros_like(position)


def test_bad_laws():
    equation, cold = slab(), Maxwellian(2, 0.2)
    for law, message in (
        (cold, "`law` must be `ByType` with 2 laws"),
        (ByType(cold), "`law` must be `ByType` with 2 laws"),
        (ByType(*[Maxwellian(3)] * 2), "`law` must be a law in 2 dimensions"),
        (ByType(cold, Layerless()), "`law` must offer `layers`"),
        (ByType(cold, Chambers(cold, Maxwellian(2, 0.6))), "`widths` must let the Hermite series"),
    ):
        with pytest.raises(ValueError, match=message):
            jk.solve(equation, law, jnp.array([0.1]))
    still = ByType(*(Maxwellian(2, s) for s in equation.homogeneous.operator.variances))
    with pytest.raises(ValueError, match="no profiles of an equation without space"):
        jk.solve(equation.homogeneous, still, jnp.array([0.1]), observe=mixture_profiles(2, 2))
    with pytest.raises(ValueError, match="`bins` must divide the 8 cells"):
        jk.solve(equation, chambers(), jnp.array([0.1]), observe=mixture_profiles(2, 3))
    for wrong, message in (
        ({"amplitude": 1.1}, "`amplitude` must lie in"),
        ({"amplitude": jnp.ones(3)}, "`amplitude` must be a number"),
        ({"amplitude": 0.1, "mode": 0}, "`mode` must be a positive integer"),
        ({"amplitude": 0.1, "velocity": 1.0}, "`velocity` must be a law of velocities"),
    ):
        with pytest.raises(ValueError, match=message):
            Wave(**({"velocity": cold} | wrong))
