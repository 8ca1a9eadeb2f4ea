"""A law of the wrong family is refused by every model, in one voice; a law of one's own is not."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fitting
import jaxkin as jk
from jaxkin.laws import MassLaw, VelocityLaw, require_law

MASSES, VELOCITIES = jk.laws.Monodisperse(), jk.laws.Maxwellian(3)
TYPES = jk.laws.ByType(VELOCITIES, VELOCITIES)
PLACED = jk.laws.Wave(VELOCITIES, 0.5)
OTHER_DIMENSION = jk.laws.Maxwellian(2)
STRANGERS = [None, 1.0, "dust", np.ones(3), jk.interactions.Ball(), jk.laws.Maxwellian]
MIXED = jk.BoltzmannMixture(jk.operators.HermiteMixture((1.0, 2.0), degree=2), jnp.ones((2, 2)))
MAXWELL = jk.MaxwellKernel()
HERMITE = jk.operators.Hermite(MAXWELL, degree=2)
SONINE = jk.operators.Sonine(MAXWELL, degree=4, width=0.5)
GRID = jk.operators.Fourier(MAXWELL, points=8)

MODELS = {
    "masses": [
        jk.BrownianCoagulation(
            500, strength=1.0, diffusivity=1.0, interaction=jk.interactions.Ball()
        ),
        jk.MarcusLushnikov(10, 1.0, max_mass=2),
        jk.Smoluchowski(1.0, max_mass=2),
        jk.Smoluchowski(1.0, max_mass=2, modes=4, dimension=1),
        fitting.WellMixed(jk.Smoluchowski(1.0, max_mass=2), 10),
    ],
    "velocities": [
        jk.KacGas(10),
        jk.AnnihilatingGas(10, 0.5),
        jk.Boltzmann(GRID),
        jk.Boltzmann(HERMITE),
        jk.Boltzmann(SONINE),
        jk.Boltzmann(jk.operators.Moments(jk.collision_laws.Binary(), degree=2)),
        jk.Annihilation(HERMITE, 0.5),
        jk.SelfSimilarAnnihilation(SONINE, 0.5),
    ],
    "types": [
        jk.HardSphereMixture((5, 5), (1.0, 1.0), (0.05, 0.05)),
        MIXED,
        jk.BoltzmannSlab(MIXED, cells=6),
    ],
}
WRONG = {
    "masses": [VELOCITIES, TYPES, PLACED, jk.laws.Monodisperse(3)],
    "velocities": [MASSES, TYPES, PLACED, OTHER_DIMENSION],
    "types": [
        MASSES,
        VELOCITIES,
        PLACED,
        jk.laws.RandomMixture([VELOCITIES] * 2, [1, 1]),
        jk.laws.ByType(VELOCITIES),
        jk.laws.ByType(*[OTHER_DIMENSION] * 2),
    ],
}
TABLE = [(family, model) for family, models in MODELS.items() for model in models]


def run(model, law):
    times = jnp.array([0.0, 0.01])
    if isinstance(model, jk.Particles):
        return jk.simulate(model, law, times, key=jax.random.key(0))
    return jk.solve(model, law, times)


@pytest.mark.parametrize(("family", "model"), TABLE, ids=[type(m).__name__ for _, m in TABLE])
def test_a_wrong_law_is_refused(family, model):
    """In the run, and in `sample` or `project` alone, and always against `law`."""
    alone = (
        (lambda law: model.check(law))
        if isinstance(model, jk.Particles)
        else (lambda law: model.project(law))
    )
    for law in [*WRONG[family], *STRANGERS]:
        for use in (lambda law: run(model, law), alone):
            with pytest.raises(ValueError, match=r"^Argument `law` must .*[.]"):
                use(law)


def test_every_model_is_in_the_table():
    """A new model that is public must be added to the table above."""
    public = {
        value
        for package in (jk, fitting)
        for value in vars(package).values()
        if inspect.isclass(value)
        and issubclass(value, jk.Particles | jk.KineticEquation)
        and not inspect.isabstract(value)
    }
    assert public == {type(model) for _, model in TABLE}


def test_messages():
    for law, message in [
        (MASSES, "be a law of velocities, but it is a Monodisperse. Take `jaxkin.laws.Maxwell"),
        (OTHER_DIMENSION, "be a law in 3 dimensions, but it has 2. Give the law and the model one"),
        (jk.laws.Maxwellian, "be a law of velocities, but it is the class Maxwellian. Call it"),
    ]:
        with pytest.raises(ValueError) as caught:
            run(jk.KacGas(10), law)
        assert str(caught.value).startswith("Argument `law` must " + message)


class Beam(VelocityLaw):
    """Has no quadrature."""

    dimension = 3

    def density(self, velocity):
        return VELOCITIES.density(velocity)

    def sample_velocities(self, number, *, key, dtype):
        return VELOCITIES.sample_velocities(number, key=key, dtype=dtype)


def test_what_is_missing_is_named():
    """The method by which the family refuses is none."""
    run(jk.KacGas(10), Beam())
    with pytest.raises(ValueError, match="`law` must offer `quadrature`, but Beam does not"):
        run(jk.Boltzmann(HERMITE), Beam())
    with pytest.raises(ValueError, match="`law` must offer `density`, but Sampled does not"):
        run(jk.Boltzmann(GRID), Sampled())


class Sampled:
    """Derives from nothing, and has what a gas needs."""

    dimension = 3

    def sample_particles(self, number, dimension, *, key, dtype=None):
        return jk.observables.Coordinates(
            velocity=jax.random.normal(key, (number, dimension), dtype)
        )


class Halves:
    """Masses 1 and 2 of equal density, without a sampler."""

    max_mass, uniform = 2, True

    def density(self, position):
        return jnp.full((*position.shape[:-1], 2), 0.5)


def test_a_stranger_with_the_methods_passes():
    run(jk.KacGas(10), jax.tree_util.Partial(Sampled).func())
    require_law(Halves(), MassLaw, needs=("density",), max_mass=2)
    np.testing.assert_allclose(
        jk.Smoluchowski(1.0, max_mass=2).project(Halves()), [0.5, 0.5, 0.0], rtol=1e-7
    )
    with pytest.raises(ValueError, match="`law` must offer `total`"):
        run(jk.MarcusLushnikov(10, 1.0, max_mass=2), Halves())


def test_laws_of_laws_ask_too():
    for make in (
        lambda: jk.laws.ByType(MASSES),
        lambda: jk.laws.RandomMixture([MASSES], [1]),
        lambda: jk.laws.Conditioned(MASSES),
        lambda: jk.laws.Chambers(VELOCITIES, MASSES),
        lambda: jk.laws.Chambers(VELOCITIES, OTHER_DIMENSION),
        lambda: jk.laws.Wave(TYPES, 0.1),
        lambda: jk.laws.Uniform(1.0),
        lambda: jk.laws.ByType(VELOCITIES, OTHER_DIMENSION),
    ):
        with pytest.raises(ValueError, match=r"^Argument `(laws|law|right|velocity)` must"):
            make()


@pytest.mark.parametrize("degree", [0, 1, 2, 5, 8])
def test_a_moment_rule_is_exact_to_its_degree(degree):
    """E v₁^n of N(0, 1) and of the mixture, n ≤ degree; one node fewer misses the last even one."""
    moments = {0: 1.0, 2: 1.0, 4: 3.0, 6: 15.0, 8: 105.0}
    nodes, weights = jk.laws.Maxwellian(2).moment_rule(degree)
    for n in range(degree + 1):
        assert abs(weights @ nodes[:, 0] ** n - moments.get(n, 0.0)) < 1e-12 * 200
    with pytest.raises(ValueError, match="`degree` must be an integer of at least 0"):
        jk.laws.Maxwellian(2).moment_rule(-1)
