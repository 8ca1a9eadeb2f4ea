"""The Hermite operator of hard-sphere mixtures: conservation, one gas, exact rates, quadrature."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxkin as jk
from jaxkin.laws.by_type import ByType, Chambers
from jaxkin.laws.velocities import GaussianMixture, Maxwellian
from jaxkin.numerics.hermite import gauss_hermite
from jaxkin.numerics.sphere_rules import sphere_product_rule
from jaxkin.operators.hermite import Hermite
from jaxkin.operators.mixture import HermiteMixture
from jaxkin.physics.collisions.angles import Angle
from jaxkin.physics.collisions.kernels import PowerKernel

KAPPA = {2: 2.0, 3: math.pi}  # ∫ (e·θ)_+ dθ
NUMBERS = np.array([0.8, 2.0])  # so that c_{12}/c_{21} = N₂/N₁
CONSTANTS = np.array([[0.5, 2.0], [0.8, 1.1]])


def mixture_of(masses, constants, **options):
    """The system of types with these constants."""
    return jk.BoltzmannMixture(HermiteMixture(masses, **options), constants)


class HardDisc(Angle):
    """Impact parameter u in units of the diameter uniform on (0, 1): cos θ = 2u² − 1."""

    def cosine(self, u, dimension):
        return 2 * u**2 - 1


@eqx.filter_jit
def rate(equation, f):
    """Q(f, f) of an operator, or the rate of change of a system."""
    if isinstance(equation, jk.operators.Operator):
        return equation.collision(f, equation.prepare())
    return equation.rate_of_change(0.0, f, equation.prepare())


def random_state(equation, seed=0):
    shape = (equation.operator.types, equation.operator.degrees().size)
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape))


def ground(equation):
    """Maxwellians whose variances are the widths."""
    shape = (equation.operator.types, equation.operator.degrees().size)
    return jnp.zeros(shape).at[:, 0].set(1.0)


def means(equation, state):
    return {o.name: np.asarray(equation.observe(state, o)) for o in equation.observables()}


@pytest.mark.parametrize("widths", [None, (1.3, 0.4)])
@pytest.mark.parametrize("mass", [1.0, 8.0, 16.0])
@pytest.mark.parametrize("dimension", [2, 3])
def test_conservation(dimension, mass, widths):
    """Mass of each type, Σ N M⟨v⟩ and Σ N M⟨|v|²⟩/2 of Q of any coefficients vanish to rounding.

    Sums over about N² = 35² products of rounding 1e-16 give 1e-14 of Σ|f_b f_c| |K|. (Fault: the
    masses exchanged.)
    """
    equation = mixture_of([1.0, mass], CONSTANTS, dimension=dimension, degree=4, widths=widths)
    f = random_state(equation)
    Q = rate(equation, f)
    found = means(equation, Q)
    size = float(jnp.sum(jnp.abs(Q)))
    assert size > 10
    assert np.abs(Q[:, 0]).max() == 0
    for name in ("momentum", "energy"):
        assert np.abs(found[name]).max() > 0.1, "types exchange it"
        assert np.abs(NUMBERS @ found[name]).max() < 1e-14 * mass * size, name


@pytest.mark.parametrize("dimension", [2, 3])
def test_equal_types_are_one_gas(dimension):
    """For equal spheres F = f₁ + f₂ obeys ∂F = c Q(F, F), and f₁ = f₂ the equation with 2c.

    The single gas has another tensor, from radial integrals and harmonics. (Fault: uniform σ in
    d = 2.)
    """
    c, degree, width = 0.7, 5, 0.9
    angle = HardDisc() if dimension == 2 else None
    mixture = mixture_of(
        [1.0, 1.0], c * np.ones((2, 2)), dimension=dimension, degree=degree, temperature=width
    )
    f = random_state(mixture)
    scale = dict(dimension=dimension, degree=degree, width=width)
    strength = jnp.float64(c * KAPPA[dimension])
    single = Hermite(PowerKernel(strength, jnp.float64(1.0), angle), **scale)
    expected = rate(single, f.sum(0))
    assert np.allclose(rate(mixture, f).sum(0), expected, rtol=0, atol=1e-11)
    assert float(jnp.abs(expected).max()) > 5

    twice = Hermite(PowerKernel(2 * strength, jnp.float64(1.0), angle), **scale)
    same = rate(mixture, jnp.stack([f[0], f[0]]))
    assert np.allclose(same, rate(twice, f[0]), rtol=0, atol=1e-11)


@pytest.mark.parametrize("mass", [1.0, 3.0, 16.0])
@pytest.mark.parametrize("dimension", [2, 3])
def test_exchange_of_heat(dimension, mass):
    """dT₁/dt of Maxwellians of two temperatures, exact at degree 2 when they are the Gaussians.

    dT₁/dt = −(8/(d√(2π)))|S^{d−1}| c₁₂ M₁M₂/(M₁+M₂)² √θ (T₁−T₂), θ = T₁/M₁ + T₂/M₂. (Fault:
    √s left out.)
    """
    T, M = np.array([1.7, 0.6]), np.array([1.0, mass])
    equation = mixture_of(M, CONSTANTS, dimension=dimension, degree=2, widths=T / M)
    found = means(equation, rate(equation, ground(equation)))["energy"] * 2 / dimension
    sphere = {2: 2 * math.pi, 3: 4 * math.pi}[dimension]
    factor = 8 / (dimension * math.sqrt(2 * math.pi)) * sphere
    exchange = factor * M.prod() / M.sum() ** 2 * math.sqrt(np.sum(T / M)) * (T[0] - T[1])
    expected = exchange * np.array([-CONSTANTS[0, 1], CONSTANTS[1, 0]])
    assert np.allclose(found, expected, rtol=1e-13)


def polynomial(v):
    """A polynomial of degree 3 without symmetry."""
    last = v[..., -1]
    return v[..., 0] ** 2 * last + 0.5 * v[..., 0] * v[..., 1] - last**3 + 0.3 * last


def brute_force(equation, f, kind, points):
    """∬ f_α(v) f_β(w) ∫ ((w−v)·θ)_+ [P(v*) − P(v)] dθ dw dv for α ≠ β, without the method's tricks.

    Gauss–Hermite for the narrower type, about it polar coordinates for the other.
    """
    operator = equation.operator
    d, M, widths = operator.dimension, operator.masses, np.array(operator.variances)
    narrow = int(np.argmin(widths))
    nodes, weights = gauss_hermite(points["center"], d)
    center = jnp.asarray(nodes * widths[narrow] ** 0.5)
    weights = jnp.asarray(weights) * (operator.basis(center, narrow) @ f[narrow])

    x, dx = np.polynomial.legendre.leggauss(points["radius"])
    top = 10 * widths.max() ** 0.5  # beyond, the wider Gaussian is below 1e-12
    radius, dradius = top * (x + 1) / 2, top * dx / 2
    omega, area = sphere_product_rule(points["sphere"], d)  # the direction of the other's v − mine
    offset = jnp.asarray((radius[:, None, None] * omega).reshape(-1, d))
    measure = jnp.asarray(np.outer(dradius * radius ** (d - 1), area).ravel())

    # θ about w − v: cos χ = (e·θ), of density cos χ.
    sign = 1.0 if kind == narrow else -1.0  # of w − v
    e = sign * np.tile(omega, (len(radius), 1))
    if d == 2:
        psi, dpsi = np.polynomial.legendre.leggauss(24)
        psi, dpsi = psi * np.pi / 2, dpsi * np.pi / 2 * np.cos(psi * np.pi / 2)
        across = np.stack([-e[:, 1], e[:, 0]], 1)
        theta = np.cos(psi)[:, None, None] * e + np.sin(psi)[:, None, None] * across
    else:
        # P(v*) has degree 6 in θ; its mean over the ring is a polynomial of cos χ.
        cosine, dcosine = np.polynomial.legendre.leggauss(4)
        cosine, dcosine = (cosine + 1) / 2, dcosine / 2
        around = np.arange(7) * 2 * np.pi / 7
        first = np.cross(e, [0.3, -0.5, 0.8])
        first /= np.linalg.norm(first, axis=1, keepdims=True)
        second = np.cross(e, first)
        rings = [math.cos(a) * first + math.sin(a) * second for a in around]
        theta = np.stack([c * e + math.sqrt(1 - c**2) * ring for c in cosine for ring in rings])
        dpsi = np.repeat(cosine * dcosine, 7) * 2 * np.pi / 7
    theta, dpsi = jnp.asarray(theta), jnp.asarray(dpsi)
    share = 2 * M[1 - kind] / (M[0] + M[1])
    wv = sign * offset  # w − v
    kick = share * jnp.sum(wv * theta, -1, keepdims=True) * theta  # v* − v
    speed = jnp.linalg.norm(offset, axis=1)

    def at(item):
        place, weight = item
        other = operator.density(f, place + offset)[1 - narrow]
        v = jnp.broadcast_to(place, offset.shape) if kind == narrow else place + offset
        change = jnp.tensordot(dpsi, polynomial(v + kick) - polynomial(v), 1)
        return weight * jnp.sum(measure * other * speed * change)

    return float(jnp.sum(jax.lax.map(at, (center, weights), batch_size=4)))


@pytest.mark.parametrize("dimension", [2, 3])
def test_against_quadrature(dimension):
    """⟨Q_{αβ}, P⟩ of laws that are no Maxwellians and move, and of widths of two temperatures.

    The quadrature is converged to 2e-8; its error is that of Gauss–Hermite in the narrower type,
    and falls by 70 with two more points. (Faults: r = 1; a rate 5 % off; uniform σ in d = 2.)
    """
    M, widths = [1.0, 6.0], (1.1, 0.12)
    off = np.array([[0.0, 1.3], [0.9, 0.0]])
    equation = mixture_of(M, off, dimension=dimension, degree=3, widths=widths)
    f = ground(equation) + 0.2 * random_state(equation).at[:, 0].set(0)
    Q = rate(equation, f)
    measured = equation.measure(Q)
    if dimension == 2:
        points = {"center": 14, "radius": 48, "sphere": 20}
    else:
        points = {"center": 8, "radius": 32, "sphere": 13}
    for kind in (0, 1):
        found = float(measured.of_type(kind).integral(lambda z: polynomial(z.velocity)))
        expected = off[kind, 1 - kind] * brute_force(equation, f, kind, points)
        assert abs(expected) > 0.02
        assert abs(found - expected) < 1e-7


@pytest.mark.parametrize("dimension", [2, 3])
def test_maxwellians_of_one_temperature_are_steady(dimension):
    """Three types; the rate is rounding, and is not at other widths."""
    masses, constants = [1.0, 4.0, 16.0], np.arange(1.0, 10.0).reshape(3, 3)
    scale = dict(dimension=dimension, degree=4)
    equation = mixture_of(masses, constants, temperature=1.4, **scale)
    assert float(jnp.abs(rate(equation, ground(equation))).max()) < 1e-12
    other = mixture_of(masses, constants, widths=(1.4, 0.35, 0.1), **scale)
    assert float(jnp.abs(rate(other, ground(other))).max()) > 0.1


def test_relaxation():
    """T₁, T₂ meet at (N₁T₁+N₂T₂)/(N₁+N₂), the energy stays, and T₁(t) converges in the degree.

    At rest, so that energy is all heat. Temperatures approach at rates near 3.7 at degree 2 (that
    of `test_exchange_of_heat`) and 3.1 at degree 8, so that of 0.2 less than 1e-5 is left at t = 4.
    Two more degrees shrink what is missing at t = 0.1 by 5 or more.
    """
    law = ByType(Maxwellian(2, 1.15), Maxwellian(2, 0.95 / 6))
    times, final = jnp.asarray([0.0, 0.1, 4.0]), NUMBERS @ [1.15, 0.95] / NUMBERS.sum()
    found = []
    for degree in (2, 4, 6):
        equation = mixture_of([1.0, 6.0], CONSTANTS, dimension=2, degree=degree, temperature=final)
        out = jk.solve(equation, law, times, rtol=1e-8, atol=1e-10)
        T = np.asarray(out["temperature"])
        total = NUMBERS @ np.asarray(out["energy"]).T
        assert np.abs(total / total[0] - 1).max() < 1e-13
        assert np.abs(np.asarray(out["momentum"])).max() < 1e-13
        assert np.allclose(T[0], [1.15, 0.95], rtol=1e-13)
        assert T[0, 0] > T[1, 0] > final > T[1, 1] > T[0, 1]
        assert np.abs(T[-1] - final).max() < 1e-5
        found.append(T[1, 0])
    assert abs(found[0] - found[1]) > 5 * abs(found[1] - found[2]) > 0
    assert abs(found[1] - found[2]) < 1e-4


@pytest.mark.slow
def test_gradient_in_the_constants():
    """Reverse and forward mode against central differences of step 1e-5, error O(1e-10)."""
    law = ByType(Maxwellian(2, 1.4), Maxwellian(2, 0.4))
    times = jnp.asarray([0.0, 0.2])

    def final(constants):
        equation = mixture_of([1.0, 2.0], constants, dimension=2, degree=4)
        return jk.solve(equation, law, times, rtol=1e-9, atol=1e-11)["temperature"][-1, 0]

    c = jnp.asarray(CONSTANTS)
    gradient = jax.jit(jax.grad(final))(c)
    compiled = jax.jit(final)
    for place in np.ndindex(2, 2):
        step = jnp.zeros((2, 2)).at[place].set(1e-5)
        difference = float(compiled(c + step) - compiled(c - step)) / 2e-5
        assert abs(float(gradient[place]) - difference) < 1e-7, place
    assert abs(float(gradient[0, 1])) > 0.01
    # Linear in c: a derivative of the rate is the rate of the change.
    equation = mixture_of([1.0, 2.0], c, dimension=2, degree=4)
    f, K = random_state(equation), equation.prepare()

    def at(c):
        return eqx.tree_at(lambda e: e.constants, equation, c).rate_of_change(0, f, K)

    value, tangent = jax.jvp(at, (c,), (c,))
    assert np.allclose(value, tangent, rtol=0, atol=1e-12 * float(jnp.abs(value).max()))


def test_laws_and_moments():
    """Projection and measure give back means, and weights of sum 1; degree 6 is exact."""
    covariance = [[1.2, 0.1, 0.0], [0.1, 0.9, 0.2], [0.0, 0.2, 0.7]]
    laws = (GaussianMixture([1.0], [[0.3, 0.0, -0.2]], [covariance]), Maxwellian(3, 0.3))
    equation = mixture_of([1.0, 4.0], np.ones((2, 2)))
    state = equation.project(ByType(*laws))
    equation.check(ByType(*laws))
    found = means(equation, state)
    assert np.allclose(found["momentum"], [[0.3, 0, -0.2], [0, 0, 0]], atol=1e-13)
    mean = np.array([0.3, 0, -0.2])
    assert np.allclose(found["stress"][0], np.array(covariance) + np.outer(mean, mean), atol=1e-12)
    assert np.allclose(found["temperature"], [2.8 / 3, 1.2], rtol=1e-12)
    assert np.allclose(found["fourth_moment"][1], 15 * 0.3**2, rtol=1e-12)
    for kind in (0, 1):
        assert abs(float(equation.measure(state).of_type(kind).mass()) - 1) < 1e-13
    v = jnp.asarray([[0.4, -0.3, 0.2], [0.0, 0.1, 0.0]])
    exact = jnp.exp(-jnp.sum(v**2, 1) / 0.6) / (0.6 * np.pi) ** 1.5
    assert np.allclose(equation.measure(state)(v)[1], exact, rtol=6e-3)  # next term 0.2⁴·2.5


def test_batches_and_single_precision():
    """Batches, `vmap` and `jit` agree; float32 stays float32."""
    equation = mixture_of([1.0, 2.0], CONSTANTS, dimension=2, degree=4)
    K = equation.prepare()
    assert equation.prepare() is K
    f = jnp.stack([random_state(equation, seed) for seed in range(3)])
    one = jnp.stack([equation.rate_of_change(0, each, K) for each in f])
    collide = lambda f: equation.rate_of_change(0, f, K)  # noqa: E731
    for other in (collide(f), jax.jit(jax.vmap(collide))(f)):
        assert np.allclose(one, other, rtol=0, atol=1e-12)
    single = mixture_of([1.0, 2.0], jnp.asarray(CONSTANTS, "float32"), dimension=2, degree=4)
    low = rate(single, f[0].astype("float32"))
    assert low.dtype == np.float32
    assert np.allclose(low, one[0], rtol=0, atol=1e-5 * float(jnp.abs(one).max()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"masses": [1.0, -1.0]}, "`masses` must be finite and above 0"),
        ({"constants": np.ones((2, 3))}, "`constants` must have the shape"),
        ({"constants": -np.ones((2, 2))}, "`constants` must be finite and at least 0"),
        ({"widths": [1.0]}, "`widths` must have 2 entries"),
        ({"temperature": 0.0}, "`temperature` must be finite and above 0"),
        ({"degree": 1}, "`degree` must be an integer of at least 2"),
        ({"dimension": 4}, "`dimension` must be one of"),
    ],
)
def test_bad_arguments(change, message):
    arguments = {"masses": [1.0, 2.0], "constants": CONSTANTS} | change
    with pytest.raises(ValueError, match=message):
        mixture_of(**arguments)


def test_bad_laws():
    equation = mixture_of([1.0, 2.0], CONSTANTS, dimension=2, degree=4)
    cold, hot = Maxwellian(2, 0.5), Maxwellian(2, 2.5)
    for law, message in (
        (cold, "`law` must be `ByType` with 2 laws"),
        (ByType(cold), "`law` must be `ByType` with 2 laws"),
        (ByType(cold, Chambers(cold, hot)), "`law` must be the same at all places"),
        (ByType(cold, hot), "`widths` must let the Hermite series of the law converge"),
    ):
        with pytest.raises(ValueError, match=message):
            equation.check(law)
    equation.check(ByType(Maxwellian(2, 1.0), cold))
    with pytest.raises(ValueError, match="`masses` must be known numbers"):
        jax.jit(lambda m: mixture_of([m, 1.0], CONSTANTS).constants)(1.0)


def test_a_gas_of_one_type_refuses_the_method():
    with pytest.raises(ValueError, match="`method` must be made for one gas, but it is `HermiteM"):
        jk.KacGas(10, kernel=jk.MaxwellKernel(1.0)).kinetic_limit(HermiteMixture())
    with pytest.raises(ValueError, match="`method` must be an operator, but it is 'hermite'"):
        jk.KacGas(10).kinetic_limit("hermite")
    gas = jk.HardSphereMixture((10, 10), (1.0, 2.0), (0.1, 0.1))
    with pytest.raises(ValueError, match=r"`method` must be `jaxkin\.operators\.HermiteMixture`"):
        gas.kinetic_limit(Hermite())
