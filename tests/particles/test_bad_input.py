"""Every mistake that a user can make gets an error that names the argument and the remedy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxkin.drivers.simulation import simulate
from jaxkin.drivers.solution import solve
from jaxkin.equations.smoluchowski import Smoluchowski
from jaxkin.laws import Inhomogeneous, Monodisperse, Polydisperse
from jaxkin.particles.brownian.coagulation import BrownianCoagulation
from jaxkin.physics.contacts.interactions import Ball, Ellipsoid, General, Radial
from jaxkin.schemes import Contact, Exact, PairLaw

GOOD = {
    "n_particles": 20,
    "strength": 2.0,
    "diffusivity": 1.0,
    "interaction": Ball(),
    "max_mass": 2,
    "overflow": "absorb",
}
TIMES = jnp.array([0.0, 0.01])
EPS = np.finfo(float).eps


def gas(**changes):
    return BrownianCoagulation(**GOOD | changes)


def test_the_good_one_is_good():
    assert gas().strength.shape == (2, 2)
    assert gas(n_particles=np.int64(30)).n_particles == 30
    given = gas(
        strength=np.ones((2, 2)), diffusivity=[1.0, 0.5], radius=lambda n: 0.5 * n ** (1 / 3)
    )
    np.testing.assert_allclose(given.radius, [0.5, 0.5 * 2 ** (1 / 3)], rtol=1e-6)
    drawn = gas(strength=lambda n, m: n + m, diffusivity=lambda n: 1 / n, scheme=PairLaw())
    np.testing.assert_array_equal(drawn.strength, [[2, 3], [3, 4]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        # strength
        ({"strength": -1.0}, "`strength` must be finite and at least 0, but it is -1.*Correct"),
        ({"strength": np.nan}, "`strength` must be finite.*nan"),
        ({"strength": np.inf}, "`strength` must be finite.*inf"),
        ({"strength": [[1.0, 2.0], [2.0, -3.0]]}, r"`strength` must.*entry \(1, 1\) is -3"),
        ({"strength": lambda n, m: n - m}, r"`strength` must.*entry \(0, 1\) is -1"),
        ({"strength": np.ones(2)}, r"`strength` must.*\(2, 2\), but its shape is \(2,\).*max_m"),
        ({"strength": np.ones((3, 3))}, r"`strength` must.*but its shape is \(3, 3\)"),
        ({"strength": [[1.0, 2.0], [3.0, 1.0]]}, r"`strength` must be symmetric.*1.*\(x \+ x.T\)"),
        ({"strength": lambda n, m: n}, r"`strength` must be symmetric"),
        # diffusivity
        ({"diffusivity": -1.0}, "`diffusivity` must be finite and at least 0, but it is -1"),
        ({"diffusivity": 0.0}, "`diffusivity` must be finite and above 0"),
        ({"diffusivity": [1.0, np.nan]}, r"`diffusivity` must be finite.*entry \(1,\) is nan"),
        ({"diffusivity": np.ones(3)}, r"`diffusivity` must.*shape \(2,\), but its shape is \(3,\)"),
        ({"diffusivity": np.ones((2, 2))}, r"`diffusivity` must.*but its shape is \(2, 2\)"),
        # radius
        ({"radius": 0.0}, "`radius` must be finite and above 0"),
        ({"radius": [0.5, -0.5]}, r"`radius` must.*entry \(1,\) is -0.5"),
        # interaction
        (
            {"interaction": Radial(lambda r: jnp.where(r < 1, r - 0.5, 0.0))},
            "`interaction` must be nonnegative, but V = -0.5.*clip it at 0",
        ),
        (
            {"interaction": Radial(lambda r: jnp.exp(-r))},
            "`interaction` must vanish outside the unit ball, but V = .*R²·V",
        ),
        (
            {"interaction": General(lambda x: jnp.exp(-jnp.sum(x**2, -1)))},
            "`interaction` must vanish outside the unit ball",
        ),
        (
            {"interaction": Radial(lambda r: jnp.where(r < 1, 1 / r, 0.0))},
            "`interaction` must be finite everywhere",
        ),
        ({"interaction": General(lambda x: jnp.sum(x))}, "`interaction` must give one value per"),
        # dimension
        ({"dimension": 1}, "`dimension` must be 2 or 3, but it is 1.*one dimension"),
        ({"dimension": 4}, "`dimension` must be 2 or 3, but it is 4"),
        (
            {
                "dimension": 2,
                "scheme": PairLaw(),
                "interaction": Ellipsoid([1.0, 0.5]),
            },
            r"`scheme` must be `jaxkin.schemes.Contact\(\)` for a V that is not radial in d = 2",
        ),
        ({"dimension": 2, "range_exponent": 0.5}, "`range_exponent` must be 1 in two dimensions"),
        # the rest
        ({"n_particles": 1}, "`n_particles` must be an integer of at least 2, but it is 1"),
        ({"n_particles": 20.0}, "`n_particles` must be an integer"),
        ({"max_mass": 0}, "`max_mass` must be a positive integer, but it is 0"),
        ({"overflow": "drop"}, "`overflow` must be one of .*'absorb'.*but it is 'drop'"),
        ({"reaction": "fusion"}, "`reaction` must be one of .*'annihilation'.*but it is 'fusion'"),
        ({"interaction": abs}, "`interaction` must be an Interaction.*interactions.Radial"),
        ({"strength": "strong"}, "`strength` must be a number or an array of numbers.*'strong'"),
        ({"diffusivity": None}, "`diffusivity` must be a number or an array of numbers.*None"),
        ({"radius": [[1], [1, 2]]}, "`radius` must be a number or an array of numbers"),
        (
            {"strength": lambda n, m: n if n > m else m},
            "`strength` must be written with jax.numpy, but it needs the value .* `if",
        ),
        (
            {"diffusivity": lambda n: np.exp(-n)},
            "`diffusivity` must be written with jax.numpy, but it turns .* NumPy",
        ),
        ({"dimension": [2, 3]}, "`dimension` must be 2 or 3"),
        ({"range_exponent": "one"}, r"`range_exponent` must lie in \(0, 1\], but it is 'one'"),
        ({"step": [0.001]}, "`step` must be positive"),
        ({"overflow": ["raise"]}, "`overflow` must be one of"),
        ({"interaction": Ball}, "`interaction` must be an Interaction, but it is <class"),
        ({"scheme": "contact"}, "`scheme` must be `jaxkin.schemes.Contact.*but it is 'contact'"),
        ({"scheme": PairLaw}, "`scheme` must be .*PairLaw.*but it is <class"),
        ({"scheme": Exact()}, r"`scheme` must be .*but it is Exact\(\)"),
        ({"range_exponent": 0.0}, r"`range_exponent` must lie in \(0, 1\]"),
        ({"range_exponent": 1.5}, r"`range_exponent` must lie in \(0, 1\]"),
        ({"step": 0.0}, "`step` must be positive"),
        ({"step": np.nan}, "`step` must be positive"),
    ],
)
def test_parameters(changes, message):
    with pytest.raises(ValueError, match=f"(?s)Argument {message}"):
        gas(**changes)


@pytest.mark.parametrize("leaf", [0.0, 2.0, np.nan, "fine", None, [0.01]])
def test_leaf(leaf):
    with pytest.raises(ValueError, match=r"`leaf` must lie in \(0, 1\], but it is"):
        Contact(leaf=leaf)


def test_a_profile_in_numpy_is_named():
    with pytest.raises(ValueError, match=r"`interaction` must be written with jax\.numpy"):
        gas(interaction=Radial(lambda r: np.where(r < 1, 1.0, 0.0)))


def test_a_number_is_no_key():
    with pytest.raises(ValueError, match=r"`key` must be a key of JAX.*jax.random.key"):
        simulate(gas(), Monodisperse(), TIMES, key=0)


def test_rounding_is_no_asymmetry():
    strength = np.array([[1.0, 2.0], [2.0 * (1 + 2 * EPS), 1.0]])
    np.testing.assert_allclose(gas(strength=strength).strength, strength, rtol=4 * EPS)


@pytest.mark.parametrize(
    ("changes", "law", "message"),
    [
        # ε = Z/N in d = 3, e^{−N/Z} in d = 2; the widest range is ε·2·max r.
        ({"n_particles": 8}, Monodisperse(), "the range is 0.125.*more particles"),
        ({}, Monodisperse(density=2.0), "the range is 0.1.*smaller density"),
        ({"radius": [0.5, 1.2]}, Monodisperse(), "the range is 0.12.*smaller radii"),
        ({"range_exponent": 0.5}, Monodisperse(), "the range is 0.223"),
        ({"dimension": 2}, Monodisperse(density=10.0), "the range is 0.135"),
    ],
)
def test_a_range_of_the_order_of_the_box(changes, law, message):
    """Said before anything runs; under `jit` at run time."""
    match = f"`n_particles` must make the interaction range small.*{message}"
    with pytest.raises(ValueError, match=match):
        simulate(gas(**changes), law, TIMES, key=jax.random.key(0))


def test_a_range_of_the_order_of_the_box_under_jit(errors_raise):
    """At run time `error_if` says it: no value is known before."""
    sample = jax.jit(lambda h: gas().sample(Monodisperse(density=h), key=jax.random.key(0)))
    assert sample(1.0).weight == 1 / 20
    with pytest.raises(Exception, match="`n_particles` must make the interaction range small"):
        jax.block_until_ready(sample(3.0).log_epsilon)


@pytest.mark.parametrize(
    ("law", "message"),
    [
        (Monodisperse(3), "`law` must have masses up to 2, but it has masses up to 3.*`max_mass`"),
        (
            Inhomogeneous(
                lambda x: jnp.array([1 + jnp.cos(2 * jnp.pi * x[0])]), maximum=1.5, max_mass=1
            ),
            "`maximum` must bound the sum of the densities, but the sum reaches 2",
        ),
        (
            Inhomogeneous(
                lambda x: jnp.array([jnp.cos(2 * jnp.pi * x[0])]), maximum=2.0, max_mass=1
            ),
            "`function` must be finite and at least 0",
        ),
    ],
)
def test_laws(law, message):
    with pytest.raises(ValueError, match=message):
        simulate(gas(), law, TIMES, key=jax.random.key(0))


@pytest.mark.parametrize("density", [-1.0, np.nan, [1.0, -1.0], [[1.0]]])
def test_densities(density):
    with pytest.raises(ValueError, match="Argument `densities` must"):
        Polydisperse(density)
    with pytest.raises(ValueError, match="Argument `density` must"):
        Monodisperse(density=density)


@pytest.mark.parametrize(
    "times", [[0.0, 0.2, 0.1], [0.1, 0.1], [-0.1, 0.1], [0.0, np.nan], [[0.0]], []]
)
def test_times(times):
    equation = Smoluchowski(1.0, max_mass=2)
    with pytest.raises(ValueError, match="Argument `times` must"):
        simulate(gas(), Monodisperse(), times, key=jax.random.key(0))
    with pytest.raises(ValueError, match="Argument `times` must"):
        solve(equation, Monodisperse(), times)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Smoluchowski(-1.0, max_mass=2), "`rate` must be finite and at least 0"),
        (lambda: Smoluchowski([[1.0, 2.0], [0.0, 1.0]]), "`rate` must be symmetric"),
        (lambda: Smoluchowski(np.ones(3)), "`rate` must"),
        (
            lambda: Smoluchowski(1.0, diffusivity=-1.0, max_mass=2),
            "`diffusivity` must be finite and",
        ),
        (lambda: Smoluchowski(1.0), "`max_mass` must be given.*max_mass=8"),
        (
            lambda: solve(Smoluchowski(1.0, max_mass=2), Monodisperse(3), TIMES),
            "`law` must have masses up to 2.*larger `max_mass`",
        ),
    ],
)
def test_equations(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_profile_must_fit_the_dimension():
    with pytest.raises((ValueError, TypeError)):
        gas(interaction=Ellipsoid([1.0, 0.5]), dimension=3)
