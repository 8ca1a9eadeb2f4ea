"""Mixtures in a slab: order of transport, conservation, linearised modes, free flight, laws."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.special

import jaxkin as jk
from fitting.parametrisation import parametrise
from jaxkin.equations.slab import BoltzmannSlab
from jaxkin.laws.by_type import ByType, Chambers, Uniform, Wave
from jaxkin.laws.velocities import GaussianMixture, Maxwellian
from jaxkin.numerics.domains import Positive
from jaxkin.numerics.hermite import hermite_rows, multi_indices
from jaxkin.observables import (
    Coordinates,
    Entropy,
    FourierMode,
    Mean,
    Weighted,
    mixture_moments,
    mixture_profiles,
)
from jaxkin.operators import HermiteMixture

NUMBERS = np.array([0.8, 2.0])  # so that c_{12}/c_{21} = N₂/N₁
CONSTANTS = np.array([[0.5, 2.0], [0.8, 1.1]])
MASSES = np.array([1.0, 4.0])
EPS = np.finfo(float).eps


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


def slab(
    cells=8, *, kind=BoltzmannSlab, collide=1.0, degree=4, dimension=2, dtype=float, **options
):
    constants = jnp.asarray(collide * CONSTANTS, dtype)
    operator = HermiteMixture(MASSES.tolist(), dimension=dimension, degree=degree)
    return kind(jk.BoltzmannMixture(operator, constants), cells=cells, **options)


def chambers(d=2):
    """Warm on the left and cold on the right, the second type only nearly at rest."""
    drifting = GaussianMixture([1.0], [[0.3, 0.1, 0.0][:d]], [[1.2, 0.9, 1.0][:d]])
    return ByType(
        Chambers(drifting, Maxwellian(d, 0.7), share=0.6),
        Chambers(Maxwellian(d, 0.18), Maxwellian(d, 0.3), share=0.3),
    )


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


# Transport.


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


# Collisions and transport.


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


@pytest.mark.parametrize(
    ("boundary", "dimension"),
    [("periodic", 2), ("reflecting", 2), pytest.param("reflecting", 3, marks=pytest.mark.slow)],
)
def test_conservation(boundary, dimension):
    """Mass of each type, energy and momentum (between walls, along them) of a run from chambers.

    About 300 steps of 6 rates, each of which rounds sums of size √N·cells·h|F|: 2000·10 ε = 5e-12.
    (Faults: walls without the parity; V⁻ 0.1 % smaller; c₁₂ and c₂₁ exchanged.)
    """
    equation = slab(8, dimension=dimension, boundary=boundary)
    times = jnp.linspace(0.0, 0.5, 3)
    names = ("density_profile", "momentum_profile", "energy_profile", "energy", "momentum")
    solution = jk.solve(equation, chambers(dimension), times, observe=names)
    found = {name: np.asarray(solution[name]) for name in names}
    tolerance = 2e4 * EPS
    assert np.abs(found["density_profile"].mean(-1) - 1).max() < tolerance
    energy, momentum = found["energy"] @ NUMBERS, NUMBERS @ found["momentum"]
    kept = slice(None) if boundary == "periodic" else slice(1, None)
    assert np.abs(energy / energy[0] - 1).max() < tolerance
    assert np.abs(momentum - momentum[0])[:, kept].max() < tolerance
    # What is kept was on the move.
    assert np.abs(found["energy"][-1] - found["energy"][0]).min() > 0.01
    assert np.abs(found["energy_profile"][-1] - found["energy_profile"][0]).max() > 0.1
    assert np.abs(found["momentum"][-1] - found["momentum"][0]).max() > 0.01
    for name in ("energy", "momentum"):
        assert np.allclose(found[f"{name}_profile"].mean(2), found[name], rtol=0, atol=tolerance)


@pytest.mark.parametrize("boundary", ["periodic", "reflecting"])
def test_uniform_is_the_mixture(boundary):
    """Without space the rates and means are those of `BoltzmannMixture`.

    Fluxes of 35 terms of size 3 round, and are divided by h. (Fault: collisions 1 % stronger.)
    """
    equation = slab(8, boundary=boundary)
    law = ByType(GaussianMixture([1.0], [[0.0, 0.3]], [[1.3, 0.8]]), Maxwellian(2, 0.2))
    mixture = equation.homogeneous
    state, one = equation.project(law), mixture.project(law)
    rate = equation.rate_of_change(0.0, state, equation.prepare())
    expected = mixture.rate_of_change(0.0, one, mixture.prepare())
    assert np.abs(rate - expected).max() < 8 * 35 * 3 * EPS
    found, exact = (
        eqx.filter_jit(lambda f, e=e: {o.name: e.observe(f, o) for o in mixture_moments(2)})(f)
        for e, f in ((equation, state), (mixture, one))
    )
    for name, values in exact.items():
        assert np.allclose(found[name], values, rtol=1e-13, atol=1e-14)
    assert np.abs(expected).max() > 0.1


def test_the_limit_of_spheres_in_a_slab():
    """What `kinetic_limit(cells=…)` hands on, the entropy, and a Fourier mode along x₁.

    A uniform gas has in the slab the entropy that it has without space, exactly. Within a cell f is
    the derivative of a polynomial through its primitive at six faces, so that a wave of amplitude a
    misses the mode by (2π·a/2)(θ/2π)^6·∫|sin|/205·(2π)^5 ≤ a θ⁶/(205·π/2), θ = 2πh. The centers of
    cells instead miss it by 2.6 %. (Fault: the sum over cells for the mean.)
    """
    gas = jk.HardSphereMixture(
        (40, 40), (1.0, 4.0), (0.01, 0.01), dimension=2, boundary="reflecting"
    )
    warm, cold = Maxwellian(2, 1.1), Maxwellian(2, 0.2)
    equation = gas.kinetic_limit(cells=8, bins=4, law=ByType(warm, cold), finite=True)
    assert equation.homogeneous.operator.degree == 7 and equation.boundary == "reflecting"
    assert (equation.cells, equation.bins) == (8, 4)
    assert float(equation.homogeneous.contact[0, 1]) > 1
    state = equation.project(ByType(warm, cold))
    expected = equation.homogeneous.observe(state[0], Entropy())
    assert np.allclose(equation.observe(state, Entropy()), expected, rtol=1e-12)
    wave = equation.project(ByType(Wave(warm, 0.5), Wave(cold, 0.5)))
    mode = np.asarray(equation.observe(wave, FourierMode([(1, 0)])))
    bound = 2 * 0.5 * (2 * np.pi / 8) ** 6 / (205 * np.pi / 2)
    np.testing.assert_allclose(mode, [[2 * 0.25, 0.0]], atol=bound)
    assert bound < 1e-3


@pytest.mark.slow
def test_spheres_between_walls():
    """Two types let go from warm and cold, full and thin chambers, at 5 standard errors.

    Walls keep centers ε/2 away, which changes densities by a share ε; χ − 1 is 0.002. (Faults,
    with the largest |z|: no collisions, 13; none between the types, 9; constants doubled, 9.)
    """
    replicas, diameters = 40, (0.5 / 400, 1.0 / 400)
    gas = jk.HardSphereMixture(
        (400, 400), (1.0, 4.0), diameters, dimension=2, boundary="reflecting", crowding=1.6
    )
    law = ByType(
        Chambers(Maxwellian(2, 1.4), Maxwellian(2, 0.7)),
        Chambers(Maxwellian(2, 1.4 / 4), Maxwellian(2, 0.7 / 4), share=0.7),
    )
    times, profiles = jnp.array([0.15, 0.3, 0.6, 1.2, 2.4]), mixture_profiles(2, 4)
    data = jk.simulate(gas, law, times, key=jax.random.key(6), replicas=replicas, observe=profiles)
    mixture = gas.kinetic_limit(HermiteMixture(degree=8), finite=True)
    equation = BoltzmannSlab(mixture, cells=32, boundary="reflecting")
    exact = jk.solve(equation, law, times, observe=profiles, rtol=1e-6, atol=1e-8)
    for name in exact.observables:
        values, limit = np.asarray(data[name]), np.asarray(exact[name])
        error = values.std(0, ddof=1) / replicas**0.5
        bias = diameters[1] * np.abs(limit)
        assert np.all(np.abs(values.mean(0) - limit) < 5 * error + bias), name


# Laws and observables.


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
    """Of spheres: sums in slices. Of the slab: sums of cells, from means and from all points.

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


# Programs.


def check_gradient(warmth):
    """Reverse mode against central differences, good to h² and to 1e-10/h of adaptive steps."""
    c, h = jnp.asarray(CONSTANTS), 1e-3
    slope, value = np.asarray(jax.jit(jax.grad(warmth))(c)), jax.jit(warmth)
    for i, j in np.ndindex(2, 2):
        difference = (value(c.at[i, j].add(h)) - value(c.at[i, j].add(-h))) / (2 * h)
        assert abs(slope[i, j] - difference) < 1e-6 * np.abs(slope).max()
    assert np.abs(slope).min() > 1e-5


def test_gradient_by_the_constants():
    """Of an energy in a slice. (Faults: `stop_gradient` on f_β, or on the constants.)"""
    equation = slab(6, degree=3, boundary="reflecting")
    *_, energy = mixture_profiles(2, 2)
    start = equation.project(chambers())

    @check_gradient
    def _(constants):
        e = eqx.tree_at(lambda e: e.homogeneous.constants, equation, constants)

        def step(f, _):
            return f + 0.02 * e.rate_of_change(0.0, f, tensor), None

        tensor = equation.prepare()
        found = e.observe(jax.lax.scan(step, start, None, 10)[0], energy)
        return found[0, 0] + 2 * found[1, 1]


@pytest.mark.slow
def test_gradient_of_a_solution():
    equation = slab(6, boundary="reflecting")
    *_, energy = mixture_profiles(2, 2)

    @check_gradient
    def _(constants):
        e = eqx.tree_at(lambda e: e.homogeneous.constants, equation, constants)
        found = jk.solve(e, chambers(), jnp.array([0.2]), observe=[energy])["energy_profile"]
        return found[-1, 0, 0] + 2 * found[-1, 1, 1]


def test_fits_reach_the_constants():
    found, _ = parametrise(slab(), "homogeneous.constants")
    assert found.fields[0].domain == Positive() and found.size == 4


def test_programs_and_precision():
    """Batches and `jit` agree, nothing compiles again, and float32 stays float32."""
    traces = []

    class Counted(BoltzmannSlab):
        def transport(self, f):
            traces.append(1)
            return super().transport(f)

    def solve(**options):
        equation = slab(8, kind=Counted, dtype="float32", **options)
        return jk.solve(equation, chambers(), jnp.array([0.0, 0.05]), observe=["energy_profile"])

    first = solve()["energy_profile"]
    compiled = len(traces)
    second = solve(collide=0.5)["energy_profile"]
    assert compiled >= 1 and len(traces) == compiled
    assert first.dtype == np.float32
    assert np.array_equal(first[0], second[0]) and not np.array_equal(first[1], second[1])

    def rate(equation, f):
        return equation.rate_of_change(0.0, f, equation.prepare())

    equation, single = slab(8), slab(8, dtype="float32")
    states = jnp.stack([equation.project(chambers()), 0.5 * equation.project(chambers())])
    both = eqx.filter_jit(eqx.filter_vmap(rate, in_axes=(None, 0)))(equation, states)
    one = eqx.filter_jit(rate)(equation, states[0])
    assert np.allclose(both[0], one, rtol=0, atol=1e-12)
    low = eqx.filter_jit(rate)(single, single.project(chambers()))
    assert low.dtype == np.float32
    # Sums of 8·35 terms of size 1, divided by h.
    assert np.allclose(low, one, rtol=0, atol=8 * 35 * 6e-8 * float(jnp.abs(one).max()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cells": 5}, "`cells` must be an integer of at least 6, but it is 5"),
        ({"boundary": "open"}, "`boundary` must be one of"),
        ({"bins": 3}, "`bins` must divide the 8 cells of the slab, but it is 3"),
        (
            {"homogeneous": 1.0},
            "`homogeneous` must be a homogeneous equation on an operator, such as "
            r"`Boltzmann\(operator\)`, but it is a float",
        ),
    ],
)
def test_bad_arguments(change, message):
    arguments = {"homogeneous": slab().homogeneous, "cells": 8} | change
    with pytest.raises(ValueError, match=message):
        BoltzmannSlab(**arguments)


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


class Layerless:
    """A law for particles alone."""

    dimension = 2

    def sample_positions(self, number, dimension, *, key, dtype):
        return jnp.zeros((number, dimension), dtype)

    def sample_velocities_at(self, position, *, key):
        return jnp.zeros_like(position)
