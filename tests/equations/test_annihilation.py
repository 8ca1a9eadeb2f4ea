"""Annihilation: the loss, exact solutions, self-similar variables, gradients."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxkin as jk
from jaxkin.drivers.solution import integrate
from jaxkin.equations.annihilation import Annihilation
from jaxkin.equations.annihilation_decay import decay
from jaxkin.equations.self_similar import SelfSimilarAnnihilation
from jaxkin.laws.velocities import BKW, GaussianMixture, Maxwellian, PowerMaxwellian
from jaxkin.numerics.domains import Interval
from jaxkin.numerics.hermite import gauss_hermite
from jaxkin.numerics.sphere_rules import sphere_product_rule
from jaxkin.observables import Mean, ScaledTime
from jaxkin.operators.hermite import Hermite
from jaxkin.operators.hermite_tensor import radial_rule
from jaxkin.operators.sonine import Sonine
from jaxkin.physics.collisions.kernels import BoundedKernel

MAXWELL = jk.MaxwellKernel(jnp.float64(1.0))
SPHERES = jk.PowerKernel(jnp.float64(1.0), jnp.float64(1.0))
MOVING = GaussianMixture([0.6, 0.4], [[0.5, 0.1], [-0.4, 0.2]], [[0.7, 0.6], [1.1, 1.2]])
PLANAR = GaussianMixture([0.6, 0.4], [[0.3, 0.1], [-0.2, 0.2]], [[1.0, 0.8], [0.9, 1.1]])


@eqx.filter_jit
def losses(operator, f):
    return operator.loss(f, operator.prepare_loss())


@eqx.filter_jit
def rates(equation, law):
    return equation.rate_of_change(0.0, equation.project(law), equation.prepare())


# The loss.


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


FOURTH = Mean("fourth", lambda z: jnp.sum(z.velocity**2) ** 2)


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


# Maxwell molecules.

TIMES = jnp.array([0.0, 0.7, 2.0])


@pytest.mark.parametrize(
    "operator",
    [
        Hermite(MAXWELL, dimension=2, degree=6),
        Sonine(MAXWELL, degree=8),
    ],
    ids=["hermite", "radial"],
)
@pytest.mark.parametrize("cls", [Annihilation, SelfSimilarAnnihilation])
def test_maxwell_molecules(operator, cls):
    """n = 1/(1+αt) and f = n·BKW at τ₀ + (1−α) ln(1+αt)/α: ⟨|v|⁴⟩ = n d(d+2)K(2−K).

    Moments are closed, so that only the tolerance of `solve` is left.
    (Fault: α Q₋ twice.)
    """
    alpha, d = 0.4, operator.dimension
    start = 6.5
    solution = jk.solve(cls(operator, alpha), BKW.at(start, d), TIMES)
    n = 1 / (1 + alpha * TIMES)
    clock = start + (1 - alpha) * jnp.log1p(alpha * TIMES) / alpha
    K = 1 - jnp.exp(-(d - 1) / (4 * d) * clock)
    np.testing.assert_allclose(solution["density"], n, rtol=1e-8)
    np.testing.assert_allclose(solution["energy"], n * d / 2, rtol=1e-8)
    np.testing.assert_allclose(solution["moments"][:, 0], n * d * (d + 2) * K * (2 - K), rtol=1e-8)


@pytest.mark.parametrize("cls", [Annihilation, SelfSimilarAnnihilation])
def test_maxwell_molecules_on_the_grid(cls):
    """As above, all of f: the operator errs by 5e-6 in L∞ on this grid (published ladder)."""
    scale = 1.0 if cls is Annihilation else 0.5**0.5
    options = {"points": 32, "support": 4.0 * scale, "half_width": 8.6 * scale}
    equation = cls(jk.operators.Fourier(MAXWELL, dimension=2, **options), 0.4)
    state = integrate(equation, BKW.at(6.5, 2), TIMES, rtol=1e-6, atol=1e-8)
    law = BKW.at(6.5 + 0.6 * float(jnp.log1p(0.8)) / 0.4, 2)
    n, v = 1 / 1.8, jnp.asarray(equation.operator.velocities()) / scale
    if cls is Annihilation:
        found = state[-1]
    else:
        found = jnp.exp(state.log_density[-1]) * state.profile[-1] * scale**2
        np.testing.assert_allclose(state.log_temperature[-1], 0, atol=1e-5)
    np.testing.assert_allclose(found, n * law.density(v), atol=3e-5)


# Self-similar variables.


@pytest.mark.slow
def test_self_similar_and_direct():
    """Hard spheres with a drift: the two differ by what their bases cannot hold, less and less.

    Hermite, degrees 4, 6, 8: the gap falls at least threefold each time.
    (Fault: b for b/2 in the transport.)
    """
    gaps = []
    for degree in (4, 6, 8):
        direct = Annihilation(Hermite(SPHERES, dimension=2, degree=degree), 0.5)
        basis = Hermite(SPHERES, dimension=2, degree=degree, width=0.5)
        scaled = SelfSimilarAnnihilation(basis, 0.5)
        one, two = (jk.solve(e, PLANAR, TIMES, rtol=1e-8) for e in (direct, scaled))
        names = ("density", "momentum", "energy", "stress")
        gaps.append(max(float(np.max(np.abs(one[k] - two[k])[1:])) for k in names))
    assert gaps[0] > 3 * gaps[1] > 9 * gaps[2]
    assert gaps[2] < 3e-5


@pytest.mark.slow
def test_self_similar_on_the_grid():
    """Two methods without common code: grid and Hermite functions of degree 10, hard spheres.

    Allowed is the gap between degrees 8 and 10 plus 2e-6 for the grid.
    """
    solutions = [
        jk.solve(SelfSimilarAnnihilation(operator, 0.5), PLANAR, TIMES, rtol=1e-7, atol=1e-9)
        for operator in (
            jk.operators.Fourier(SPHERES, dimension=2, points=48, support=4.0),
            Hermite(SPHERES, dimension=2, degree=10, width=0.5),
            Hermite(SPHERES, dimension=2, degree=8, width=0.5),
        )
    ]
    for name in ("density", "momentum", "energy", "stress"):
        grid, high, low = (np.asarray(s[name]) for s in solutions)
        assert np.max(np.abs(grid - high)) < np.max(np.abs(high - low)) + 2e-6, name


@pytest.mark.slow
def test_a_law_with_a_drift():
    """Direct and scaled equation of hard spheres agree to 1.5e-3 at degree 6.

    (Faults: b for b/2 in the transport, the sign of du/dτ.)
    """
    direct, scaled = (
        cls(Hermite(SPHERES, dimension=2, degree=6, width=width), 0.5)
        for cls, width in ((Annihilation, 1.0), (SelfSimilarAnnihilation, 0.5))
    )
    one, two = (jk.solve(e, MOVING, TIMES, rtol=1e-6) for e in (direct, scaled))
    for name in ("density", "momentum", "energy", "stress"):
        np.testing.assert_allclose(one[name], two[name], atol=1.5e-3, err_msg=name)
    u = np.asarray(two["momentum"]) / np.asarray(two["density"])[:, None]
    assert np.max(np.abs(u[-1] - u[0])) > 0.01


@pytest.mark.slow
def test_invariants_of_the_profile():
    """(6.7) over a run in which n falls by more than 1e6, and before the share that is left out.

    Unless it is, the mass error of the first steps, 1e-16, grows by 1/n.
    (Fault: b for b/2 in the transport.)
    """
    operator = Hermite(SPHERES, dimension=2, degree=6, width=0.5)
    equation = SelfSimilarAnnihilation(operator, 0.5)
    times = jnp.array([0.0, 1.0, 1e3, 1e7])
    state = integrate(equation, PLANAR, times, rtol=1e-8)
    assert float(state.log_density[-1]) < np.log(1e-6)
    prepared = equation.prepare()
    for profile in state.profile:
        mass, momentum, square = operator.invariants(profile)
        np.testing.assert_allclose(mass, 1, atol=1e-14)
        np.testing.assert_allclose(momentum, 0, atol=1e-14)
        np.testing.assert_allclose(square, 1, atol=1e-13)
        rate, a, _, b = equation.scaled_rate(profile, prepared)
        for change in operator.invariants(rate):
            np.testing.assert_allclose(change, 0, atol=1e-13)
        assert float(a) > 0.5 and float(b) > 0.1
    # τ, through d ln n/dτ = −a and the rates of the end.
    tau = np.asarray(state.tau)
    slope = np.diff(np.asarray(state.log_density)) / np.diff(tau)
    assert slope[-1] == pytest.approx(-float(a), rel=1e-3)
    last = jax.tree.map(lambda x: x[-1], state)
    assert float(equation.observe(last, ScaledTime())) == tau[-1]
    density = float(equation.measure(last).mass())
    assert density == pytest.approx(float(jnp.exp(last.log_density)), rel=1e-12)


def test_transport():
    """−div((s·v + m) f) of a Gaussian mixture by Hermite functions, by Sonine ones and on a grid.

    Tested with polynomials: degrees 3 and 4 against sums over the grid, whose error is 1e-8.
    """
    shift = jnp.array([0.3, -0.2])
    grid = jk.operators.Fourier(SPHERES, dimension=2, points=64, support=6.0)
    basis = Hermite(SPHERES, dimension=2, degree=6)
    cubic = Mean("cubic", lambda z: z.velocity[0] * jnp.sum(z.velocity**2))
    for observable in (cubic, FOURTH):
        one, two = (
            float(observable.of_density(o.measure(o.transport(o.project(PLANAR), 0.7, shift))))
            for o in (grid, basis)
        )
        assert one == pytest.approx(two, rel=1e-6) and abs(one) > 0.1
    law, radial = BKW(0.8, 3), Sonine(SPHERES, degree=8)
    # ∫ f 2·0.7 v·∇|v|⁴/2 = 4·0.7⟨|v|⁴⟩.
    f = radial.project(law)
    moved = FOURTH.of_density(radial.measure(radial.transport(f, 0.7, 0.0)))
    own = FOURTH.of_density(radial.measure(f))
    assert float(moved) == pytest.approx(2.8 * float(own), rel=1e-12)


# Decay.


def test_decay():
    """α = ½, hard spheres, d = 3, and its error estimate.

    Computed once at degree 40: ξ = 0.918567, ζ = 0.162866.
    """
    operator = Sonine(SPHERES, degree=16, width=0.5)
    found = decay(SelfSimilarAnnihilation(operator, 0.5))
    assert float(found.mass_exponent) == pytest.approx(0.918567, abs=float(found.error))
    assert float(found.temperature_exponent) == pytest.approx(0.162866, abs=float(found.error))
    assert float(found.error) < 2e-4
    assert float(found.mass_exponent + found.temperature_exponent / 2) == pytest.approx(1)


@pytest.mark.slow
def test_a_long_run_decays_so():
    """Newton's exponents against slopes of a long run; the slowest mode is e^{−0.48τ}, τ > 20."""
    operator = Sonine(SPHERES, degree=12, width=0.5)
    equation = SelfSimilarAnnihilation(operator, 0.5)
    found = decay(equation)
    state = integrate(equation, Maxwellian(3), jnp.array([1e12, 1e13]), rtol=1e-8)
    for values, exponent in (
        (state.log_density, found.mass_exponent),
        (state.log_temperature, found.temperature_exponent),
    ):
        slope = -float(values[1] - values[0]) / np.log(10)
        assert slope == pytest.approx(float(exponent), abs=1e-5)


def test_decay_of_maxwell_molecules():
    """γ = 0: the profile is the Maxwellian, n ~ 1/t, and T stays."""
    found = decay(SelfSimilarAnnihilation(Sonine(MAXWELL, degree=8, width=0.5), 0.3))
    np.testing.assert_allclose(found.profile, jnp.eye(5)[0], atol=1e-12)
    assert float(found.mass_exponent) == pytest.approx(1)
    assert abs(float(found.temperature_exponent)) < 1e-12


# Gradients.


@pytest.mark.slow
def test_gradients_of_a_rate():
    """∂/∂(α, C, γ) of ⟨|v|⁴⟩ of the rate, and of the exponent, against central differences."""

    def rate(p):
        operator = Hermite(jk.PowerKernel(p[1], p[2]), dimension=2, degree=4)
        equation = Annihilation(operator, p[0])
        change = equation.rate_of_change(0.0, equation.project(PLANAR), equation.prepare())
        return equation.observe(change, FOURTH)

    def exponent(p):
        operator = Sonine(jk.PowerKernel(p[1], p[2]), degree=8, width=0.5)
        return decay(SelfSimilarAnnihilation(operator, p[0])).mass_exponent

    at, h = jnp.array([0.4, 1.2, 0.6]), 1e-4
    for function in (jax.jit(rate), jax.jit(exponent)):
        found = np.asarray(jax.grad(function)(at))
        slopes = [float(function(at + h * e) - function(at - h * e)) / (2 * h) for e in jnp.eye(3)]
        np.testing.assert_allclose(found, slopes, rtol=1e-5, atol=1e-9)
        assert np.max(np.abs(slopes)) > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("cls", [Annihilation, SelfSimilarAnnihilation])
def test_gradient_through_solve(cls):
    """∂n(1)/∂α and ∂/∂C against central differences."""

    @jax.jit
    def density(p):
        operator = Sonine(jk.PowerKernel(p[1], 1.0), dimension=2, degree=4, width=0.6)
        times = jnp.array([1.0])
        return jk.solve(cls(operator, p[0]), Maxwellian(2, 0.8), times, observe=["density"])[
            "density"
        ][0]

    at, h = jnp.array([0.4, 1.2]), 1e-4
    slopes = [float(density(at + h * e) - density(at - h * e)) / (2 * h) for e in jnp.eye(2)]
    np.testing.assert_allclose(jax.grad(density)(at), slopes, rtol=1e-5)


# Input.


def test_bad_input():
    operator = Hermite(SPHERES, dimension=2, degree=3)
    for alpha in (-0.1, 1.1, jnp.nan):
        with pytest.raises(ValueError, match="`alpha` must be"):
            Annihilation(operator, alpha)
    with pytest.raises(ValueError, match="`alpha` must be a number"):
        Annihilation(operator, [0.1, 0.2])
    with pytest.raises(ValueError, match="`operator` must be an operator"):
        Annihilation(jk.MaxwellKernel(), 0.5)
    bounded = Hermite(BoundedKernel(SPHERES, 1.0), dimension=2, degree=3)
    Annihilation(bounded, 0.5)
    with pytest.raises(ValueError, match="`kernel` must be homogeneous"):
        SelfSimilarAnnihilation(bounded, 0.5)
    with pytest.raises(ValueError, match="2 dimensions"):
        jk.solve(SelfSimilarAnnihilation(operator, 0.5), Maxwellian(3), TIMES)
    radial = Sonine(SPHERES, degree=8, width=0.5)
    with pytest.raises(ValueError, match="isotropic"):
        law = GaussianMixture([1.0], [[0.0] * 3], [[1.0, 1.0, 0.7]])
        jk.solve(SelfSimilarAnnihilation(radial, 0.5), law, TIMES)
    for alpha in (0.0, 1.0):
        with pytest.raises(ValueError, match="`alpha` must lie in"):
            decay(SelfSimilarAnnihilation(radial, alpha))
    with pytest.raises(ValueError, match="`equation` must hold a `Sonine`"):
        decay(SelfSimilarAnnihilation(operator, 0.5))
    names = Annihilation(operator, 0.5).domains()
    assert names["alpha"] == Interval(0.0, 1.0)
    assert names["operator.kernel.exponent"] == Interval(-2.0, 1.0, "(]")


# The law.


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
