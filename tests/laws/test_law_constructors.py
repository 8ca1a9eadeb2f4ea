"""Constructors compile nothing, keep the dtype, and pass traced values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxkin as jk
from jaxkin.physics.collisions.law_mixtures import as_laws, as_weights
from jaxkin.physics.masses import over_masses, over_pairs

COMPILED = "/jax/core/compile/backend_compile_duration"
laws, angles, collisions = jk.laws, jk.angles, jk.collision_laws
cold, hot = laws.Maxwellian(3, 0.5), laws.Maxwellian(3, 2.0)


def checked(made, *arguments):
    """What a model makes of an angle, a kernel or a profile when it takes it."""
    check = made.check_majorant if isinstance(made, jk.Kernel) else made.check
    check(*arguments)
    return made


def soft(number=1.5):
    return angles.VariableSoft(number)


# Numbers that no other test has, so that nothing has been compiled for their shapes.
NOTHING = {
    "Polydisperse": lambda: laws.Polydisperse([1.0, 2.0] * 7),
    "Monodisperse": lambda: laws.Monodisperse(17, density=3.0),
    "Inhomogeneous": lambda: laws.Inhomogeneous(jnp.ones_like, maximum=2.0, max_mass=1),
    "GaussianMixture": lambda: laws.GaussianMixture(
        np.ones(11), np.ones((11, 2)), np.ones((11, 2))
    ),
    "full covariances": lambda: laws.GaussianMixture([1.0], [[0.0] * 7], [np.eye(7)]),
    "Maxwellian": lambda: laws.Maxwellian(9, 2.0, 1.0),
    "BKW": lambda: laws.BKW(0.8, 3),
    "BKW.at": lambda: laws.BKW.at(7.0, 3),
    "PowerMaxwellian": lambda: laws.PowerMaxwellian(3, 1.0, 2.0),
    "RandomMixture": lambda: laws.RandomMixture([cold, hot, cold, hot, cold], np.ones(5)),
    "Conditioned": lambda: laws.Conditioned(laws.BKW(0.8), 2.0, momentum=True),
    "conditioned mixture": lambda: laws.Conditioned(
        laws.RandomMixture([cold, laws.PowerMaxwellian(3, 1.0)], [1, 2])
    ),
    "Chambers": lambda: laws.Chambers(cold, hot, 0.3),
    "Wave": lambda: laws.Wave(cold, 0.5),
    "ByType": lambda: laws.ByType(cold, laws.Wave(hot, 0.5)),
    "MaxwellKernel": lambda: checked(jk.MaxwellKernel(2.0)),
    "PowerKernel": lambda: checked(jk.PowerKernel(2.0, 0.5, soft())),
    "BoundedKernel": lambda: checked(jk.BoundedKernel(jk.PowerKernel(1.0, -1.0), 3.0)),
    "Isotropic": lambda: checked(angles.Isotropic(), 2),
    "UniformImpact": lambda: checked(angles.UniformImpact(), 3),
    "VariableSoft": lambda: checked(soft(), 3),
    "Mixture": lambda: checked(angles.Mixture([soft(), soft(2.0), soft()], [1, 2, 3]), 3),
    "Binary": collisions.Binary,
    "Deflection": lambda: collisions.Deflection(soft()),
    "KacToy": collisions.KacToy,
    "Symmetric": lambda: collisions.Symmetric(3),
    "Ternary": collisions.Ternary,
    "Rotation": collisions.Rotation,
    "Thermostat": lambda: collisions.Thermostat(2.0),
    "Custom": lambda: collisions.Custom(2, lambda v, w: v, 1),
    "as_laws": lambda: as_laws([collisions.Binary(), collisions.Ternary()], 3, jnp.float32),
    "as_weights": lambda: as_weights(np.ones(7) / 7, 7, jnp.float32),
    "over_masses": lambda: over_masses(1.0, 13, "x"),
    "over_pairs": lambda: over_pairs(np.ones((13, 13)), 13, "x"),
    "Ball": lambda: checked(jk.interactions.Ball(2.0), 3),
    "Bump": lambda: checked(jk.interactions.Bump(2.0), 2),
    "Parabola": lambda: checked(jk.interactions.Parabola(1.0, 3.0), 3),
    "Ellipsoid": lambda: checked(jk.interactions.Ellipsoid([1.0, 0.5, 0.4]), 3),
    "BrownianCoagulation": lambda: jk.BrownianCoagulation(
        1000,
        strength=2.0,
        diffusivity=np.linspace(1.0, 2.0, 19),
        interaction=jk.interactions.Ball(),
        max_mass=19,
    ),
    "MarcusLushnikov": lambda: jk.MarcusLushnikov(100, 1.0, max_mass=19),
    "KacGas": lambda: jk.KacGas(10, kernel=jk.PowerKernel(1.0, 1.0, soft())),
    "KacGas of laws": lambda: jk.KacGas(
        10, [collisions.Binary(), collisions.Ternary()], [0.5, 0.5]
    ),
    "AnnihilatingGas": lambda: jk.AnnihilatingGas(10, 0.5),
    "HardSphereMixture": lambda: jk.HardSphereMixture((9, 8, 7), (1, 2, 3), (0.01, 0.02, 0.03)),
}


class Steep(jk.Kernel):
    """A user's own kernel."""

    angle: angles.Angle = angles.Isotropic()
    constant = False

    def total(self, speed):
        return speed**1.5 + jnp.sin(0 * speed)


class Forward(angles.Angle):
    """A user's own angle."""

    def cosine(self, u, dimension):
        return jnp.sqrt(u)


# The user's function is one program.
ONE = {
    "Bounded": lambda: angles.Bounded(lambda c: 1 + c**2 - jnp.sin(c), points=77),
    "over_masses": lambda: over_masses(lambda n: 1 / n + jnp.sin(n) ** 2, 11, "x"),
    "over_pairs": lambda: over_pairs(lambda n, m: jnp.sin(n) * jnp.sin(m) + 2, 11, "x"),
    "Radial": lambda: checked(
        jk.interactions.Radial(lambda r, a: jnp.where(r < 1, a * (1 - r), 0.0), 2.0), 3
    ),
    "General": lambda: checked(
        jk.interactions.General(lambda x: jnp.where((x**2).sum(-1) < 1, 1.0, 0.0)), 3
    ),
    "Kernel": lambda: checked(Steep()),
    "bounded Kernel": lambda: checked(jk.BoundedKernel(Steep(), 2.0)),
    "Angle": lambda: checked(Forward(), 3),
}


@pytest.fixture(scope="module")
def programs():
    """Count programs; a listener is never removed, so that there is one for all tests."""
    count = [0]

    def listen(event, duration, **_):
        count[0] += event == COMPILED

    jax.monitoring.register_event_duration_secs_listener(listen)
    return count


def test_the_count_counts(programs):
    """A planted program is seen."""
    before = programs[0]
    jax.block_until_ready(jax.jit(lambda x: x * 0.123 + 5)(np.ones(1234)))
    assert programs[0] > before


@pytest.mark.parametrize("name", NOTHING)
def test_nothing_compiles(name, programs):
    before = programs[0]
    NOTHING[name]()
    assert programs[0] == before


@pytest.mark.parametrize("name", ONE)
def test_a_function_of_the_user_is_one_program(name, programs):
    before = programs[0]
    ONE[name]()
    assert programs[0] - before <= 1


@pytest.mark.parametrize("name", NOTHING)
def test_leaves_have_a_type_that_is_not_weak(name):
    """Python numbers become the default precision; a weak leaf would compile anew when updated."""
    for leaf in jax.tree.leaves(NOTHING[name]()):
        assert isinstance(leaf, jax.Array) and not leaf.weak_type
        assert leaf.dtype in (jnp.float64, jnp.float32, jnp.int32)


@pytest.mark.parametrize(
    ("make", "value"),
    [
        (lambda x: laws.Polydisperse(x * jnp.ones(2)).densities.sum(), 2.0),
        (lambda x: laws.Monodisperse(2, x).densities.sum(), 1.5),
        (lambda x: laws.Maxwellian(2, x, x).factors[0, 0, 0], 2.0),
        (lambda x: laws.GaussianMixture([1.0, x], [[x], [x]], [[x], [x]]).weights[1], 2.0),
        (lambda x: laws.BKW(x, 3).quadrature(3)[0].max(), 0.8),
        (lambda x: laws.PowerMaxwellian(3, 1.0, x).quadrature(3)[0].max(), 0.8),
        (lambda x: laws.RandomMixture([cold, hot], jnp.stack([x, 1.0])).weights[0], 2.0),
        (lambda x: laws.Conditioned(cold, x).energy, 2.0),
        (lambda x: laws.Wave(cold, x).layers(np.linspace(0, 1, 4))[0][0].max(), 0.3),
        (lambda x: jk.PowerKernel(x, x).total(jnp.array(2.0)), 0.5),
        (lambda x: jk.BoundedKernel(jk.MaxwellKernel(9.0), x).total(jnp.array(2.0)), 0.5),
        (lambda x: soft(x).cosine(jnp.array(0.3), 3), 1.5),
        (lambda x: angles.Bounded(lambda c: 1 + x * c).cumulative[2000], 0.5),
        (lambda x: collisions.Thermostat(x).temperature, 0.5),
        (lambda x: as_weights(jnp.stack([x, 1 - x]), 2, float)[0], 0.5),
        (lambda x: over_masses(lambda n: x * n, 3, "x")[1], 0.5),
        (lambda x: over_pairs(lambda n, m: x * n * m, 3, "x")[1, 2], 0.5),
        (lambda x: jk.interactions.Parabola(x, x).integral(3), 1.5),
        (lambda x: checked(jk.interactions.Radial(jnp.multiply, x), 3).profile(2.0), 0.5),
    ],
)
def test_traced_values_pass(make, value):
    """Under `jit`, `vmap` and `grad` a constructor gives what it gives without, and its slope."""
    h = 1e-6
    if "Radial" in make.__code__.co_names:  # r·x does not vanish outside: refused if x is known
        with pytest.raises(ValueError, match="vanish outside"):
            make(value)
    else:
        np.testing.assert_allclose(jax.jit(make)(value), make(value), rtol=1e-12)
        slope = (make(value + h) - make(value - h)) / (2 * h)
        np.testing.assert_allclose(jax.grad(make)(value), slope, rtol=1e-6)
    batch = jax.vmap(make)(jnp.array([value, value]))
    np.testing.assert_allclose(batch[0], batch[1], rtol=0)


def test_an_array_is_a_copy():
    """On a CPU an array may share its memory with the one that it is made of."""
    densities = np.ones(64)
    law = laws.Polydisperse(densities)
    densities[:] = 7.0
    np.testing.assert_array_equal(law.densities, 1.0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: over_masses(lambda n: np.where(n > 1, 1.0, 2.0), 3, "strength"),
        lambda: over_pairs(lambda n, m: 1.0 if n > m else 2.0, 3, "strength"),
    ],
)
def test_a_function_in_numpy_is_named(make):
    with pytest.raises(ValueError, match=r"`strength` must be written with jax\.numpy"):
        make()
