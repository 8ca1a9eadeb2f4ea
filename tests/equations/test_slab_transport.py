"""Transport in a slab: its order, free flight, and linearised modes with collisions."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.special
from slab_cases import MASSES, NUMBERS, slab

import jaxkin as jk
from jaxkin.laws.by_type import ByType, Wave
from jaxkin.laws.velocities import Maxwellian
from jaxkin.numerics.hermite import hermite_rows, multi_indices


def follow(equation, state, time, steps):
    """Classical Runge–Kutta steps: quicker to compile than the adaptive integrator."""
    prepared, h = equation.prepare(), time / steps

    def step(_, f):
        k1 = equation.rate_of_change(0.0, f, prepared)
        k2 = equation.rate_of_change(0.0, f + h / 2 * k1, prepared)
        k3 = equation.rate_of_change(0.0, f + h / 2 * k2, prepared)
        k4 = equation.rate_of_change(0.0, f + h * k3, prepared)
        return f + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    return jax.lax.fori_loop(0, steps, step, state)


def line(degree, dimension=2):
    """Places of the functions h_n(v₁), and the nodes and weights of their Gauss rule."""
    a = multi_indices(dimension, degree)
    places = [
        int(np.flatnonzero((a == [n] + [0] * (dimension - 1)).all(1))[0]) for n in range(degree + 1)
    ]
    nodes, weights = np.polynomial.hermite_e.hermegauss(degree + 1)
    return np.array(places), nodes, weights / weights.sum()


def defect(cells, speed, time):
    """Bound of the error of the wave e^{2πix} of amplitude 1 in the norm that neither flow raises.

    The symbol of the scheme errs by λ_max [θ⁶/60 + θ⁷/140]/h, θ = 2πh: of the dissipation
    (2 sin(θ/2))⁶/(60h), and of the central difference of order 6.
    """
    theta = 2 * np.pi / cells
    return time * speed * cells * (theta**6 / 60 + theta**7 / 140)


@pytest.mark.parametrize("boundary", ["periodic", "reflecting"])
def test_order_of_transport(boundary):
    """Plane waves along the fastest eigenvector of each type, and standing ones between walls.

    The eigenvector is h_n(x_j) in the functions of v₁ alone, x_j a zero of He_{D+1}. (Faults:
    s for √s; the wall without its parity; fluxes 0.5 % smaller; a reconstruction of order 3; its
    first weight 5 % smaller.)
    """
    degree, time = 3, 0.3
    places, nodes, _ = line(degree)
    ray = np.asarray(hermite_rows(jnp.asarray(nodes[-1]), degree))
    parity = (-1.0) ** np.arange(degree + 1)
    speeds = nodes[-1] / np.sqrt(MASSES)

    def exact(equation, t):
        x, h = equation.centers, 1 / equation.cells
        state = np.zeros((equation.cells, 2, len(equation.homogeneous.operator.degrees())))
        for kind, speed in enumerate(speeds):
            state[:, kind, places] += np.outer(np.cos(2 * np.pi * (x - speed * t)), ray)
            if boundary == "reflecting":
                back = np.cos(2 * np.pi * (x + speed * t))
                state[:, kind, places] += np.outer(back, parity * ray)
        return state * np.sinc(h)

    # Steps of 0.0015 err by 200·(2π·2.3·0.0015)⁵/120 = 8e-9.
    run = eqx.filter_jit(lambda equation, state: follow(equation, state, time, 200))
    errors = []
    for cells in (16, 32, 64):
        equation = slab(cells, collide=0.0, degree=degree, boundary=boundary)
        final = run(equation, jnp.asarray(exact(equation, 0.0)))
        errors.append(np.abs(final - exact(equation, time)).max())
    assert np.log2(errors[0] / errors[1]) > 4.7, errors
    assert np.log2(errors[1] / errors[2]) > 4.7, errors
    moved = np.abs(exact(equation, time) - exact(equation, 0.0)).max()
    assert errors[2] < 1e-5 * moved


def test_free_flight():
    """The mode of a wave of a Maxwellian decays as e^{−κ²/2}, κ = 2π t√s.

    In the series it is the mean of cos(κx) by the Gauss rule of n = D + 1 points, which errs by
    κ^{2n} n!/(2n)! at most. (Faults: s for √s; half the amplitude in `layers`.)
    """
    cells, a, dimension, degree = 32, 0.5, 3, 3
    equation = slab(cells, collide=0.0, degree=degree, dimension=dimension)
    law = ByType(*(Wave(Maxwellian(dimension, 1 / m), a) for m in MASSES))
    times = jnp.array([0.08, 0.16])
    solution = jk.solve(equation, law, times, observe=["density_profile"])
    found = np.asarray(solution["density_profile"])
    wave = np.cos(2 * np.pi * equation.centers) * 2 / cells / np.sinc(1 / cells)
    modes = found @ wave / a
    kappa = 2 * np.pi * np.outer(times, MASSES**-0.5)
    _, nodes, weights = line(degree)
    fastest, n = np.outer(times, nodes[-1] / np.sqrt(MASSES)), degree + 1
    rule = np.cos(kappa[..., None] * nodes) @ weights
    spatial = defect(cells, fastest, 1.0)
    assert np.all(np.abs(modes - rule) < spatial + 1e-9)
    series = kappa ** (2 * n) * scipy.special.factorial(n) / scipy.special.factorial(2 * n)
    assert np.all(np.abs(modes - np.exp(-(kappa**2) / 2)) < spatial + series + 1e-9)
    assert modes.min() < 0.7 and series[0].max() < 1e-4


def test_linearised_modes():
    """A small wave against the exponential of −2πiV + L, L the derivative of the collisions.

    Both flows contract in the norm weighted by N_α, so that cells err by `defect`, and amplitude a
    enters the mode as a² times the rate of collisions. (Faults: collisions 1 % stronger;
    fluxes 0.5 % smaller.)
    """
    cells, a, time, degree, steps = 32, 1e-4, 0.25, 4, 400
    equation = slab(cells, degree=degree)
    mixture = equation.homogeneous
    law = ByType(Wave(Maxwellian(2, 1.0), a), Wave(Maxwellian(2, 0.25), -a))
    run = eqx.filter_jit(lambda equation: follow(equation, equation.project(law), time, steps))
    state = np.asarray(run(equation))
    phase = np.exp(-2j * np.pi * equation.centers) * 2 / cells / np.sinc(1 / cells)
    found = np.tensordot(phase, state, 1) / a

    size = len(mixture.operator.degrees())
    ground = jnp.zeros((2, size)).at[:, 0].set(1.0)
    K = mixture.prepare()
    collide = jax.jit(jax.jacfwd(lambda f: mixture.rate_of_change(0.0, f, K)))
    L = np.asarray(collide(ground)).reshape(2 * size, -1)
    indices = multi_indices(2, degree)
    V = np.zeros((2, size, 2, size))
    for i, b in enumerate(indices):
        for j, c in enumerate(indices):
            if b[1] == c[1] and abs(b[0] - c[0]) == 1:
                V[0, i, 0, j] = np.sqrt(max(b[0], c[0]))
                V[1, i, 1, j] = np.sqrt(max(b[0], c[0]) / 4)
    start = np.zeros((2, size))
    start[:, 0] = 1.0, -1.0
    generator = -2j * np.pi * V.reshape(2 * size, -1) + L
    exact = (scipy.linalg.expm(time * generator) @ start.ravel()).reshape(2, size)

    weight = np.sqrt(NUMBERS)[:, None]
    error = np.linalg.norm(weight * (found - exact))
    speed = line(degree)[1][-1]
    rate = np.abs(np.linalg.eigvals(L)).max()
    stepped = steps * (np.linalg.norm(generator, 2) * time / steps) ** 5 / 120
    bound = defect(cells, speed, time) + stepped + a**2 * rate * time
    assert error < np.linalg.norm(weight * start) * bound + 1e-12 / a
    for other in (start, scipy.linalg.expm(time * (generator - L)) @ start.ravel()):
        assert np.linalg.norm(weight * (found - other.reshape(2, size))) > 1000 * bound
