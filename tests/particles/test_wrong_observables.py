"""An observable that asks for what particles or a density lack is refused against `observe`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxkin as jk
from jaxkin.observables import CharacteristicFunction, Entry, FourierMode, Histogram, Mean

BY_MASS = Mean("by mass", lambda z: z.mass == 2)
SPEED = Mean("speed", lambda z: jnp.sqrt(jnp.sum(z.velocity**2)))
FIRST = Mean("first", lambda z: z.velocity[0])
PLACE = Mean("place", lambda z: jnp.cos(2 * jnp.pi * z.position[0]))

MASSES = (jk.MarcusLushnikov(10, 1.0, max_mass=2, overflow="absorb"), jk.laws.Monodisperse())
SPACE = (
    jk.BrownianCoagulation(
        500,
        strength=1.0,
        diffusivity=1.0,
        interaction=jk.interactions.Ball(),
        overflow="absorb",
        max_mass=2,
    ),
    jk.laws.Monodisperse(),
)
KAC = (jk.KacGas(10), jk.laws.Maxwellian(3))
SPHERES = (
    jk.HardSphereMixture((5, 5), (1.0, 1.0), (0.05, 0.05)),
    jk.laws.ByType(jk.laws.Maxwellian(3), jk.laws.Maxwellian(3)),
)


def limit(model):
    if isinstance(model, jk.KacGas):
        return model.kinetic_limit(jk.operators.Hermite(degree=2))
    if isinstance(model, jk.HardSphereMixture):
        return model.kinetic_limit(jk.operators.HermiteMixture(degree=2))
    return model.kinetic_limit()


@pytest.mark.parametrize("side", ["particles", "density"])
@pytest.mark.parametrize(
    ("system", "observable"),
    [
        (MASSES, FIRST),
        (MASSES, SPEED),
        (MASSES, Histogram([-1.0, 0.0, 1.0])),
        (MASSES, CharacteristicFunction([(1.0, 0.0, 0.0)])),
        (MASSES, Entry("tau")),
        (SPACE, SPEED),
        (SPACE, Histogram([-1.0, 0.0, 1.0])),
        (KAC, BY_MASS),
        (KAC, jk.observables.Correlation("both", [BY_MASS.function] * 2)),
        (KAC, PLACE),
        (KAC, FourierMode([(1, 0, 0)])),
        (KAC, jk.observables.Overflow()),
        (SPHERES, jk.observables.ScaledTime()),
    ],
    ids=lambda x: x.name if hasattr(x, "name") else type(x[0]).__name__,
)
def test_the_message_names_observe(system, observable, side):
    """Fails if φ sees None for what is not there: None == 2 is False, and 0 is recorded."""
    model, law = system
    if side == "particles":
        state = model.sample(law, key=jax.random.key(0))
        use = lambda: model.observe(state, observable)  # noqa: E731
    else:
        equation = limit(model)
        use = lambda: equation.observe(equation.project(law), observable)  # noqa: E731
    with pytest.raises(ValueError, match=r"^Argument `observe` must hold .*"):
        use()


@pytest.mark.parametrize("observable", [PLACE, FourierMode([(1, 0, 0)])], ids=lambda o: o.name)
def test_masses_without_places(observable):
    """The process has none; its limit is uniform in space, where both are 0."""
    process, law = MASSES
    with pytest.raises(ValueError, match=r"`observe` must .* asks for the position of a particle"):
        process.observe(process.sample(law, key=jax.random.key(0)), observable)
    solution = jk.solve(process.kinetic_limit(), law, np.array([0.0]), observe=[observable])
    np.testing.assert_allclose(solution[observable.name], 0, atol=1e-12)
