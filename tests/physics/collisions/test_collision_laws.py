"""Collision laws: what each keeps, by formula and by `check_hypotheses`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxkin.physics.collisions import collision_laws as laws
from jaxkin.physics.collisions.hypotheses import check_hypotheses

EVERY = [
    # law, d, (linear, H1, H2, H3, momentum)
    (laws.Binary("omega"), 3, (True, True, True, True, True)),
    (laws.Binary("omega"), 2, (True, True, True, True, True)),
    (laws.Binary("sigma"), 3, (False, True, False, False, True)),
    (laws.KacToy(), 1, (True, True, True, True, False)),
    (laws.Symmetric(3), 2, (True, True, True, True, False)),
    (laws.Symmetric(4, momentum=True), 2, (True, True, True, True, True)),
    (laws.Symmetric(1), 3, (True, True, True, True, False)),
    (laws.Ternary(), 3, (True, True, True, False, True)),
    (laws.Ternary(), 1, (True, True, True, False, True)),
    (laws.BobylevCercignaniGamba(3, (0.5, 0.3)), 1, (True, False, False, True, False)),
    (laws.BobylevCercignaniGamba(3, (-1 / 3, 2 / 3)), 2, (True, True, True, True, True)),
    (laws.Rotation(), 3, (True, True, True, True, False)),
    (laws.Thermostat(2.0), 3, (False, False, False, False, False)),
]


@pytest.mark.parametrize(
    ("law", "dimension", "expected"), EVERY, ids=[f"{law}-{d}" for law, d, _ in EVERY]
)
def test_hypotheses(law, dimension, expected):
    """The table of Cárdenas et al., §3; the sign of c in (3.12)–(3.14) fails (H1) below."""
    found = check_hypotheses(law, dimension)
    held = (found.linear, found.energy, found.involution, found.symmetric, found.momentum)
    assert held == expected, str(found)


def test_the_printed_sign_of_the_ternary_law_fails():
    def printed(velocity, normal):
        mapped = laws.Ternary().collide(velocity, normal)
        return 2 * velocity - mapped  # c → −c

    found = check_hypotheses(laws.Custom(3, printed, 6), 3)
    assert found.momentum and not found.energy and not found.involution


def test_an_angle_that_is_not_even_is_seen():
    """Kac's law asks for b(θ) = b(−θ): angles in (0, π/2) alone fail (H2) and (H3)."""

    def lopsided(velocity, normal):
        return laws.KacToy().collide(velocity, jnp.abs(normal))

    found = check_hypotheses(laws.Custom(2, lopsided, 2), 1)
    assert found.energy and not found.involution and not found.symmetric


def test_binary_formulas():
    """(3.2), (3.3) by hand, and σ = (g − 2⟨g,ω⟩ω)/|g| joins both forms."""
    rng = np.random.default_rng(0)
    v, w, normal = rng.normal(size=(3, 3))
    omega = normal / np.linalg.norm(normal)
    after = laws.Binary("omega").collide(jnp.asarray([v, w]), jnp.asarray(normal))
    np.testing.assert_allclose(after[0], v + (omega @ (w - v)) * omega, rtol=1e-12)
    np.testing.assert_allclose(after[1], w - (omega @ (w - v)) * omega, rtol=1e-12)
    g = v - w
    sigma = g - 2 * (omega @ g) * omega
    turned = laws.Binary().collide(jnp.asarray([v, w]), jnp.asarray(sigma))
    np.testing.assert_allclose(turned, after, rtol=1e-12)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_draws_of_zero_are_survived(dtype):
    for law in (laws.Binary(), laws.Binary("omega"), laws.KacToy(), laws.Rotation()):
        d = 1 if isinstance(law, laws.KacToy) else 3
        velocity = jnp.ones((law.order, d), dtype)
        after = law.collide(velocity, jnp.zeros(law.normals(d), dtype))
        assert after.dtype == dtype and np.all(np.isfinite(after))


def test_gradients_pass_through_a_collision():
    def energy(v):
        return jnp.sum(laws.Binary().collide(v, jnp.array([1.0, 2.0, 3.0])) ** 2)

    v = jnp.asarray(np.random.default_rng(1).normal(size=(2, 3)))
    np.testing.assert_allclose(jax.grad(energy)(v), 2 * v, rtol=1e-10)


@pytest.mark.parametrize(
    "law", [laws.Binary("sigma"), laws.Binary("omega"), laws.KacToy(), laws.Rotation()]
)
def test_laws_that_ask_for_a_direction_feel_no_length(law):
    """`direction_only` lets the engine draw unit vectors; the default is off, as others need."""
    assert law.direction_only
    assert not laws.Thermostat().direction_only
    assert not laws.Custom(1, lambda v, n: n[None], 3).direction_only
    dimension = 1 if isinstance(law, laws.KacToy) else 3
    key = jax.random.key(2)
    velocity = jax.random.normal(key, (law.order, dimension))
    normal = jax.random.normal(jax.random.fold_in(key, 1), (law.normals(dimension),))
    np.testing.assert_allclose(
        law.collide(velocity, 3 * normal), law.collide(velocity, normal), rtol=1e-5, atol=1e-6
    )
