"""Making a particle system, and asking whether a run can start, compiles nothing.

Also: leaves have the type that their arguments ask for, and traced arguments pass.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxkin as jk

MASSES, THREE = jk.laws.Polydisperse([0.5, 0.5]), jk.laws.Maxwellian(3)
BOTH = jk.laws.ByType(THREE, THREE)


def brownian(number, **options):
    return jk.BrownianCoagulation(
        50,
        strength=number(2.0),
        diffusivity=[number(1.0), number(0.5)],
        interaction=jk.interactions.Ball(number(1.0)),
        max_mass=2,
        **options,
    )


def planar(number):
    return brownian(number, dimension=2, scheme=jk.schemes.PairLaw())


def radii(number):
    return brownian(number, radius=[number(0.5), number(0.6)], step=1e-3, range_exponent=0.9)


def well_mixed(number):
    return jk.MarcusLushnikov(50, number(1.0), max_mass=2)


def rates(number):
    return jk.MarcusLushnikov(50, np.array([[1.0, 2.0], [2.0, 3.0]], number(0.0).dtype))


def clock_of_the_system(number):
    laws = [jk.collision_laws.Binary(), jk.collision_laws.Symmetric(3)]
    return jk.KacGas(50, laws, [number(0.5), number(0.5)])


def spheres(number):
    return jk.KacGas(50, kernel=jk.PowerKernel(number(1.0), number(1.0)))


def soft(number):
    kernel = jk.PowerKernel(number(1.0), number(-0.5), jk.angles.VariableSoft(number(1.5)))
    return jk.KacGas(50, kernel=jk.BoundedKernel(kernel, number(2.0)))


def disjoint(number):
    kernel = jk.MaxwellKernel(number(1.0))
    return jk.KacGas(50, kernel=kernel, scheme=jk.schemes.Disjoint(fraction=0.1))


def annihilating(number):
    return jk.AnnihilatingGas(50, number(0.5))


def annihilating_spheres(number):
    kernel = jk.PowerKernel(number(1.0), number(1.0), jk.angles.UniformImpact())
    return jk.AnnihilatingGas(50, number(0.5), kernel, volume=20.0)


def hard_spheres(number):
    two = (number(1.0), number(2.0)), (number(0.05), number(0.06))
    return jk.HardSphereMixture((10, 20), *two, reverse_at=0.1, log=5)


MODELS = [
    (brownian, MASSES),
    (planar, MASSES),
    (radii, MASSES),
    (well_mixed, MASSES),
    (rates, MASSES),
    (clock_of_the_system, THREE),
    (spheres, THREE),
    (soft, THREE),
    (disjoint, THREE),
    (annihilating, THREE),
    (annihilating_spheres, THREE),
    (hard_spheres, BOTH),
]
NAMES = [make.__name__ for make, _ in MODELS]


class Programs:
    """How many programs are compiled in a `with` block, with nothing kept from before."""

    def __enter__(self):
        jax.clear_caches()
        self.number = 0
        jax.monitoring.register_event_duration_secs_listener(self._seen)
        return self

    def _seen(self, event, duration, **_):
        self.number += event == "/jax/core/compile/backend_compile_duration"

    def __exit__(self, *_):
        jax.monitoring.unregister_event_duration_listener(self._seen)


def test_programs_are_counted():
    """What the other tests rely on; `jnp.asarray` of a number is a program, too."""
    with Programs() as compiled:
        jnp.asarray(np.arange(7.0))
    assert compiled.number == 1
    with Programs() as compiled:
        jnp.ones(7) + 1
    assert compiled.number >= 1
    with Programs() as compiled:
        np.asarray(np.ones(7) + 1)
    assert compiled.number == 0


@pytest.mark.parametrize("number", [np.float32, np.float64])
@pytest.mark.parametrize(("make", "law"), MODELS, ids=NAMES)
def test_nothing_compiles(make, law, number):
    """Fails with one `jnp.asarray` or one `.sum()` of a JAX array in a constructor or a check."""
    with Programs() as compiled:
        gas = make(number)
        gas.check(law)
    assert compiled.number == 0
    assert isinstance(gas, jk.Particles)


@pytest.mark.parametrize("number", [float, np.float32, np.float64])
@pytest.mark.parametrize(("make", "law"), MODELS, ids=NAMES)
def test_leaves_have_the_type_of_their_arguments(make, law, number):
    """Numbers of Python follow the precision of JAX; no leaf is weak, or it would compile anew."""
    if number is float and make is rates:
        pytest.skip("arrays of NumPy have a type of their own")
    for double in (True, False):
        with jax.enable_x64(double):
            leaves = jax.tree.leaves(make(number))
            expected = np.float64 if double and number is not np.float32 else np.float32
            assert leaves
            for leaf in leaves:
                assert isinstance(leaf, jax.Array)
                assert leaf.dtype == expected
                assert not leaf.weak_type


def brownian_of(x):
    return jk.BrownianCoagulation(
        50,
        strength=x,
        diffusivity=x,
        radius=x / 2,
        interaction=jk.interactions.Ball(x),
    )


TRACED = {
    "brownian": (brownian_of, lambda m: m.strength[0, 0] + m.diffusivity[0] + m.interaction.height),
    "well mixed": (lambda x: jk.MarcusLushnikov(50, x, max_mass=2), lambda m: m.rate[0, 1]),
    "kac": (
        lambda x: jk.KacGas(50, kernel=jk.PowerKernel(x, x)),
        lambda m: m.kernel.strength + m.kernel.exponent,
    ),
    "annihilating": (
        lambda x: jk.AnnihilatingGas(50, x, volume=x),
        lambda m: m.alpha + m.volume,
    ),
    "spheres": (
        lambda x: jk.HardSphereMixture((9,), x, 0.1 * x, largest=0.2, reverse_at=x),
        lambda m: m.masses[0] + m.diameters[0] + m.reverse_at,
    ),
}


@pytest.mark.parametrize(("make", "read"), TRACED.values(), ids=TRACED)
def test_traced_arguments_pass(make, read):
    """Values in a constructor under `jit` and `vmap` are those without, and gradients reach them.

    Each sum is linear in x, so its derivative is the sum at x = 1.
    """
    plain = read(make(1.0))
    np.testing.assert_allclose(jax.jit(lambda x: read(make(x)))(1.0), plain, rtol=1e-12)
    several = jax.vmap(lambda x: read(make(x)))(jnp.array([1.0, 0.5]))
    np.testing.assert_allclose(several, [plain, plain / 2], rtol=1e-12)
    np.testing.assert_allclose(jax.grad(lambda x: read(make(x)))(1.0), plain, rtol=1e-12)
