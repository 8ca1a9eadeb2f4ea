"""Kernels and angles: samplers against harmonics, total rates, and what they refuse."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxkin as jk
from jaxkin import angles
from jaxkin.laws.velocities import GaussianMixture
from jaxkin.physics.collisions.angles import zonal
from jaxkin.physics.collisions.collision_laws import Deflection

HOT = GaussianMixture([1.0], [[0.0, 0.0, 0.0]], [[2.0, 0.5, 0.5]])
MILD = GaussianMixture([1.0], [[0.0, 0.0, 0.0]], [[1.4, 0.8, 0.8]])
EVERY = [
    (angles.Isotropic(), 3),
    (angles.Isotropic(), 2),
    (angles.UniformImpact(), 3),
    (angles.VariableSoft(1.5), 3),
    (angles.Bounded(lambda c: (1 + c) ** 2, 3), 3),
    (angles.Bounded(lambda c: 1 + 0.5 * c, 2), 2),
]
NAMES = [f"{type(a).__name__}-{d}" for a, d in EVERY]


@pytest.mark.parametrize(("angle", "dimension"), EVERY, ids=NAMES)
def test_harmonics_are_means_over_deflections(angle, dimension):
    """E P_l of a million sampled deflections within 5 standard errors, and cos θ from −1 to 1.

    Fails if the direction around the axis is not made perpendicular to it.
    """
    law = Deflection(angle)
    normals = jax.random.normal(jax.random.key(1), (1_000_000, dimension))
    pair = jnp.stack([jnp.arange(1.0, dimension + 1), -jnp.ones(dimension)])
    after = jax.vmap(lambda z: law.collide(pair, z))(normals)
    before = pair[0] - pair[1]
    turned = after[:, 0] - after[:, 1]
    cosine = turned @ before / jnp.sum(before**2)
    values = np.asarray(zonal(cosine, 4, dimension))
    error = values.std(axis=1) / 1000
    expected = np.asarray(angle.harmonics(4, dimension))
    assert np.all(np.abs(values.mean(1) - expected) < 5 * error + 1e-6)
    np.testing.assert_allclose(jnp.sum(turned**2, 1), jnp.sum(before**2), rtol=1e-6)
    np.testing.assert_allclose(after.sum(1), jnp.broadcast_to(pair.sum(0), turned.shape), atol=1e-6)
    assert cosine.min() < -0.95 and cosine.max() > 0.99


@pytest.mark.parametrize("softness", [1.0, 1.5, 2.0])
def test_variable_soft_spheres_in_closed_form(softness):
    """E cos θ = (α−1)/(α+1) and E cos²θ = 1 − 4α/((α+1)(α+2)), from cos²(θ/2) = u^{1/α}."""
    a = softness
    means = np.asarray(angles.VariableSoft(a).harmonics(2, 3))
    square = 1 - 4 * a / ((a + 1) * (a + 2))
    np.testing.assert_allclose(means, [1, (a - 1) / (a + 1), (3 * square - 1) / 2], atol=1e-10)


def test_uniform_impact_in_closed_form():
    """cos θ = 1 − 2x², x uniform: means 1, 1/3, 1/5."""
    means = angles.UniformImpact().harmonics(2, 3)
    np.testing.assert_allclose(means, [1, 1 / 3, 1 / 5], atol=1e-12)


def test_isotropic_in_sigma_is_cosine_weighted_in_the_direction_of_impact():
    """With x = |ω·g|/|g|, cos θ = 1 − 2x²: ω uniform has x uniform in d = 3, and a density of ω
    proportional to |g·ω| has x = √u, which is σ uniform."""
    u = jnp.linspace(0.01, 0.99, 9)
    weighted = angles.UniformImpact().cosine(jnp.sqrt(u), 3)
    np.testing.assert_allclose(weighted, angles.Isotropic().cosine(u, 3), atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(
    "angle",
    [
        angles.UniformImpact(),
        angles.VariableSoft(3.0),
        angles.Bounded(lambda c: 1.0 * (jnp.abs(c) > 0.5)),
        angles.Mixture([angles.VariableSoft(1.0), angles.VariableSoft(8.0)], [0.1, 0.9]),
    ],
    ids=["impact", "soft", "jump", "mixture"],
)
def test_stress_of_a_gas_with_an_angle(angle):
    """The stress decays at C(1 − E P₂)/2: 1 − E P₂ = 3/2 E sin²θ. Exact in N, as for isotropic σ.

    Isotropic scattering, rate ½, fails by more than 5 standard errors.
    """
    n, times = 30, jnp.array([0.0, 1.0, 2.0])
    shear = jk.observables.Mean("shear", lambda z: z.velocity[0] ** 2 - jnp.sum(z.velocity**2) / 3)
    gas = jk.KacGas(n, kernel=jk.MaxwellKernel(np.float32(1), angle))
    data = jk.simulate(gas, HOT, times, key=jax.random.key(0), replicas=40_000, observe=[shear])
    found = np.asarray(data["shear"], float)
    error = found.std(axis=0) / np.sqrt(len(found))
    rate = (1 - float(angle.harmonics(2, 3)[2])) / 2

    def exact(r):
        return 1 / n + (1 - 1 / n) * np.exp(-r * np.asarray(times))

    assert np.all(np.abs(found.mean(0) - exact(rate)) < 5 * error)
    assert np.any(np.abs(found.mean(0) - exact(0.5)) > 5 * error)
    stress = jk.solve(gas.kinetic_limit(jk.operators.Hermite(degree=4)), MILD, times)["stress"]
    np.testing.assert_allclose(stress[:, 0, 0] - 1, 0.4 * np.exp(-rate * times), atol=2e-5)


@pytest.mark.slow
def test_a_bounded_soft_potential_collides_as_often_as_it_should():
    """At equilibrium each pair collides at rate E min(C g^γ, bound)/N, |g|²/2 of 3 degrees."""
    n, replicas, time = 40, 10_000, 2.0
    kernel = jk.BoundedKernel(jk.PowerKernel(np.float32(0.5), np.float32(-1.0)), np.float32(1.2))
    gas = jk.KacGas(n, kernel=kernel)
    law = jk.laws.Maxwellian(3)
    data = jk.simulate(
        gas, law, jnp.array([0.0, time]), key=jax.random.key(1), replicas=replicas, events=True
    )
    count = np.asarray(data.events.count)
    g, w = np.polynomial.legendre.leggauss(2000)
    g, w = 7 * (g + 1), 7 * w
    density = g**2 * np.exp(-(g**2) / 4) / (2 * np.sqrt(np.pi))
    rate = np.sum(w * density * np.minimum(0.5 / g, 1.2))
    expected = rate * (n - 1) / 2 * time
    error = count.std(ddof=1) / np.sqrt(replicas)
    assert abs(count.mean() - expected) < 5 * error
    assert error < 0.005 * expected


class Bump(jk.Kernel):
    """B̄ = 4g e^{−g²/2}, which falls beyond g = 1, without a majorant of its own."""

    angle: angles.Angle = eqx.field(default_factory=angles.Isotropic)
    constant = False

    def total(self, speed):
        return 4 * speed * jnp.exp(-(speed**2) / 2)


class Bounded(Bump):
    """The same with its bound."""

    def majorant(self, speed):
        return self.total(jnp.minimum(speed, 1.0))


class Wild(angles.Angle):
    """cos θ = 3u − 1."""

    def cosine(self, u, dimension):
        return 3 * u - 1


def test_a_rate_that_falls_needs_a_majorant():
    """Without, nothing would ever be proposed; with it the gas relaxes."""
    with pytest.raises(ValueError, match="`kernel` must have a `majorant` that bounds `total`"):
        jk.KacGas(10, kernel=Bump())
    with pytest.raises(ValueError, match=r"`angle` must have values of `cosine` in \[−1, 1\]"):
        jk.KacGas(10, kernel=jk.MaxwellKernel(1.0, Wild()))
    with pytest.raises(ValueError, match="`angle` must have values"):
        jk.operators.Fourier(jk.MaxwellKernel(1.0, Wild()))
    gas = jk.KacGas(50, kernel=Bounded())
    data = jk.simulate(
        gas, HOT, jnp.array([0.0, 2.0]), key=jax.random.key(0), replicas=4, observe=["stress"]
    )
    assert np.all(np.abs(np.diff(np.asarray(data["stress"])[:, :, 0, 0], axis=1)) > 1e-3)


def test_what_kernels_refuse():
    with pytest.raises(ValueError, match=r"`kernel` must have a majorant.*BoundedKernel"):
        jk.KacGas(10, kernel=jk.PowerKernel(1.0, -0.5))
    with pytest.raises(ValueError, match="`laws` must be None for a kernel with an angle"):
        jk.KacGas(
            10, jk.collision_laws.Binary(), kernel=jk.MaxwellKernel(1.0, angles.UniformImpact())
        )
    with pytest.raises(ValueError, match="`softness` must be finite and at least 1"):
        angles.VariableSoft(0.5)
    with pytest.raises(ValueError, match="`function` must be finite, not negative"):
        angles.Bounded(lambda c: c)
    with pytest.raises(ValueError, match="`dimension` must be 3 for variable soft spheres"):
        angles.VariableSoft(1.5).harmonics(2, 2)
    with pytest.raises(ValueError, match="`bound` must be finite and above 0"):
        jk.BoundedKernel(jk.PowerKernel(), 0.0)
    with pytest.raises(ValueError, match=r"`scheme` must be `jaxkin.schemes.Exact\(\)` for laws"):
        jk.KacGas(10, jk.collision_laws.Symmetric(3), scheme=jk.schemes.Disjoint())
    with pytest.raises(ValueError, match=r"`fraction` must lie in \(0, 1\]"):
        jk.schemes.Disjoint(fraction=0.0)


class InNumPy(Bump):
    """B̄ = max(g, 1), by NumPy."""

    def total(self, speed):
        return np.maximum(speed, 1.0)


class WithIf(Bump):
    """A branch of Python on the speed."""

    def total(self, speed):
        return speed if speed.max() > 1 else 1 + speed


class WithMath(Bump):
    """A function of one number of Python."""

    def total(self, speed):
        return math.sqrt(speed)


class OneNumber(Bump):
    """One rate for all speeds that are asked for."""

    def total(self, speed):
        return jnp.sum(speed)


class Derived(jk.PowerKernel):
    """Hard spheres by NumPy: a derived class is tried although its parent is known to be right."""

    def total(self, speed):
        return np.sqrt(speed)


class AngleInNumPy(angles.Angle):
    """cos θ = cos u, by NumPy."""

    def cosine(self, u, dimension):
        return np.cos(u)


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (1.0, "`kernel` must be a `jaxkin.Kernel`, but it is 1.0.*jaxkin.MaxwellKernel"),
        ("hard spheres", "`kernel` must be a `jaxkin.Kernel`, but it is 'hard spheres'"),
        (jk.PowerKernel, "`kernel` must be a `jaxkin.Kernel`, but it is <class"),
        (jk.MaxwellKernel(1.0, 3), "`kernel` must have an `angle` of `jaxkin.angles`.* 3"),
        (InNumPy(), r"`kernel` must be written with jax\.numpy, but it turns .* NumPy"),
        (Derived(), r"`kernel` must be written with jax\.numpy, but it turns .* NumPy"),
        (jk.BoundedKernel(InNumPy(), 2.0), r"`kernel` must be written with jax\.numpy"),
        (WithIf(), r"`kernel` must be written with jax\.numpy, but it needs the value .* `if"),
        (WithMath(), r"`kernel` must be written with jax\.numpy, but .* number of Python"),
        (OneNumber(), r"`kernel` must have a `total` that maps speeds .* it returns \(\)"),
        (
            jk.MaxwellKernel(1.0, AngleInNumPy()),
            r"`angle` must be written with jax\.numpy, but it turns",
        ),
    ],
)
def test_what_is_no_kernel_is_named_where_it_is_first_tried(kernel, message):
    for make in (lambda: jk.KacGas(10, kernel=kernel), lambda: jk.AnnihilatingGas(10, 0.5, kernel)):
        with pytest.raises(ValueError, match=f"Argument {message}"):
            make()


@pytest.mark.slow
def test_two_binary_laws_have_the_mixture_of_their_angles_as_limit():
    """Deflections of two kinds, one in ten of the first: rate Σβ(1 − E P₂)/2 by all methods."""
    laws = [Deflection(angles.VariableSoft(1.0)), Deflection(angles.VariableSoft(8.0))]
    gas = jk.KacGas(10, laws, [0.1, 0.9], clock="pairs")
    means = [float(law.angle.harmonics(2, 3)[2]) for law in laws]
    rate = 0.1 * (1 - means[0]) / 2 + 0.9 * (1 - means[1]) / 2
    for method in (jk.operators.Hermite(degree=4), jk.operators.Moments(degree=4)):
        solution = jk.solve(gas.kinetic_limit(method), MILD, jnp.array([0.0, 1.0]))
        stress = float(solution["stress"][1, 0, 0]) - 1
        assert stress == pytest.approx(0.4 * np.exp(-rate), abs=2e-5)


def test_the_angle_of_a_kernel_is_the_angle_of_its_gas():
    """Replacing it in one place replaces it in both."""
    kernel = jk.PowerKernel(1.0, 1.0, angles.VariableSoft(1.0))
    gas = eqx.tree_at(lambda g: g.kernel.angle.softness, jk.KacGas(10, kernel=kernel), 8.0)
    assert gas.laws[0].angle.softness == gas.kinetic_limit().operator.kernel.angle.softness == 8.0


def test_parameters_of_an_angle_do_not_widen_a_kernel():
    kernel = jk.PowerKernel(np.float32(1), np.float32(1), angles.VariableSoft(np.float64(1.5)))
    assert kernel.dtype == jk.BoundedKernel(kernel, np.float32(2)).dtype == np.float32
