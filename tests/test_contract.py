"""Every particle system and every equation on every operator meets `jaxkin.testing.check_model`.

One table of constructors: each makes a model from a floating type and a scale of its parameters,
beside a law that the model represents and that is no equilibrium.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

import fitting
import jaxkin as jk
from jaxkin.operators import Fourier, Hermite, HermiteMixture, Moments, Sonine
from jaxkin.testing import check_model

D, N, K = 2, 24, 0.75
BKW = jk.laws.BKW(K, D)  # a polynomial of degree 2 times a Gaussian of variance K
MONOMERS = jk.laws.Polydisperse([0.5, 0.25])
WAVE = jk.laws.Inhomogeneous(
    lambda x: jnp.stack([1 + 0.5 * jnp.cos(2 * jnp.pi * x[0]), 0.5 + 0 * x[0]]),
    maximum=2.0,
    max_mass=2,
)
MASSES = (1.0, 2.0)
TWO = jk.laws.ByType(*(jk.laws.BKW(K, D, variance=1 / m) for m in MASSES))
WIDTHS = tuple(K / m for m in MASSES)
IN_A_WAVE = jk.laws.ByType(*(jk.laws.Wave(jk.laws.BKW(K, D, variance=1 / m), 0.2) for m in MASSES))
STRENGTH = np.array([[30.0, 20.0, 10.0], [20.0, 20.0, 15.0], [10.0, 15.0, 30.0]])
GRID = Fourier(points=32, support=4.5, radii=12, directions=8)
HERMITE, SONINE = Hermite(degree=4, width=K), Sonine(degree=6, width=K)
OWN = Hermite(degree=4, width=K / 2)  # in self-similar variables


class Row(NamedTuple):
    """A model, its law and what `check_model` is told."""

    make: Any
    law: Any
    times: tuple[float, ...] = (0.0, 0.05, 0.1)
    limit: Any = None
    tolerance: float | None = None


def maxwell(dtype, s):
    return jk.MaxwellKernel(jnp.asarray(s, dtype))


def power(dtype, s):
    return jk.PowerKernel(jnp.asarray(s, dtype), exponent=jnp.asarray(0.5 * s, dtype))


def kac(dtype, s, **options):
    return jk.KacGas(N, kernel=power(dtype, s), dimension=D, **options)


def kac_of_order_three(dtype, s):
    weights = jnp.asarray([0.5 * s, 1 - 0.5 * s], dtype)
    laws = [jk.collision_laws.Binary(), jk.collision_laws.Symmetric(3)]
    return jk.KacGas(N, laws, weights, dimension=D)


def annihilating(dtype, s):
    return jk.AnnihilatingGas(N, jnp.asarray(0.5 * s, dtype), power(dtype, s), dimension=D)


def brownian(dtype, s, d=3, **options):
    return jk.BrownianCoagulation(
        N,
        strength=jnp.asarray(s * STRENGTH, dtype),
        diffusivity=jnp.asarray([1.0, 0.7, 0.5], dtype),
        interaction=jk.interactions.Ball(jnp.asarray(1.0, dtype)),
        dimension=d,
        max_mass=3,
        overflow="absorb",
        **options,
    )


def marcus_lushnikov(dtype, s):
    return jk.MarcusLushnikov(N, jnp.asarray(s * STRENGTH, dtype), overflow="absorb")


def spheres(dtype, s, **options):
    return jk.HardSphereMixture(
        (12, 12),
        jnp.asarray(MASSES, dtype),
        jnp.asarray([0.004 * s, 0.006 * s], dtype),
        dimension=D,
        largest=0.0065,
        **options,
    )


def smoluchowski(dtype, s, **options):
    return jk.Smoluchowski(
        jnp.asarray(s * STRENGTH / 10, dtype), jnp.ones(3, dtype), dimension=2, **options
    )


def mixture(dtype, s):
    operator = HermiteMixture(MASSES, dimension=D, degree=4, widths=WIDTHS)
    return jk.BoltzmannMixture(operator, jnp.asarray([[s, 2 * s], [s, s]], dtype))


def with_kernel(operator, kernel):
    """Return a constructor of the operator with a kernel."""
    return lambda dtype, s: operator.changed(kernel=kernel(dtype, s), dimension=D)


def boltzmann(operator):
    return lambda dtype, s: jk.Boltzmann(operator(dtype, s))


def annihilation(operator, form=jk.Annihilation):
    return lambda dtype, s: form(
        operator(dtype, s), jnp.asarray(0.5 * s, dtype), jnp.asarray(2.0, dtype)
    )


def moments(dtype, s):
    weights = jnp.asarray([0.5 * s, 1 - 0.5 * s], dtype)
    laws = [jk.collision_laws.Binary(), jk.collision_laws.Symmetric(3)]
    return Moments(laws, weights, dimension=D, rate=jnp.asarray(s, dtype))


def slab(homogeneous, **options):
    return lambda dtype, s: jk.BoltzmannSlab(homogeneous(dtype, s), **options)


def limit(method):
    """Return what makes the equation of a gas by a method."""
    return lambda gas: gas.kinetic_limit(method)


own = with_kernel(OWN, power)
ROWS = {
    "kac-exact": Row(kac, BKW, limit=limit(HERMITE)),
    "kac-disjoint": Row(
        lambda dtype, s: kac(dtype, s, scheme=jk.schemes.Disjoint(0.1)), BKW, limit=limit(SONINE)
    ),
    "kac-order-3": Row(kac_of_order_three, BKW),
    "annihilating": Row(annihilating, BKW, limit=limit(HERMITE)),
    "brownian-contact": Row(brownian, MONOMERS, (0.0, 0.01, 0.02)),
    "brownian-pair-law": Row(
        lambda dtype, s: brownian(dtype, s, scheme=jk.schemes.PairLaw()),
        MONOMERS,
        (0.0, 0.01, 0.02),
    ),
    "marcus-lushnikov": Row(marcus_lushnikov, MONOMERS, (0.0, 0.02, 0.1)),
    "spheres-periodic": Row(spheres, TWO, limit=limit(HermiteMixture(degree=4, widths=WIDTHS))),
    "spheres-reflecting": Row(
        lambda dtype, s: spheres(dtype, s, boundary="reflecting"),
        TWO,
        limit=limit(HermiteMixture(degree=4, widths=WIDTHS)),
    ),
    "boltzmann-fourier": Row(boltzmann(with_kernel(GRID, maxwell)), BKW),
    "boltzmann-hermite": Row(boltzmann(with_kernel(HERMITE, power)), BKW),
    "boltzmann-sonine": Row(boltzmann(with_kernel(SONINE, power)), BKW),
    "boltzmann-moments": Row(boltzmann(moments), BKW),
    "annihilation-fourier": Row(annihilation(with_kernel(GRID, power)), BKW),
    "annihilation-hermite": Row(annihilation(with_kernel(HERMITE, power)), BKW),
    "annihilation-sonine": Row(annihilation(with_kernel(SONINE, power)), BKW),
    "self-similar-hermite": Row(annihilation(own, jk.SelfSimilarAnnihilation), BKW),
    "self-similar-sonine": Row(
        annihilation(with_kernel(Sonine(degree=6, width=K / 2), power), jk.SelfSimilarAnnihilation),
        BKW,
    ),
    "self-similar-fourier": Row(
        annihilation(
            with_kernel(Fourier(points=32, support=3.2, radii=12, directions=8), power),
            jk.SelfSimilarAnnihilation,
        ),
        BKW,
    ),
    "mixture": Row(mixture, TWO),
    # Averages over 12 cells tell a wave to the order 5 of their reconstruction.
    "slab-of-mixture": Row(slab(mixture, cells=12, bins=6), IN_A_WAVE, tolerance=1e-3),
    "slab-of-hermite": Row(
        slab(boltzmann(with_kernel(HERMITE, power)), cells=6, bins=3, boundary="reflecting"),
        jk.laws.ByType(BKW),
    ),
    "smoluchowski-uniform": Row(smoluchowski, MONOMERS),
    "smoluchowski-grid": Row(lambda dtype, s: smoluchowski(dtype, s, modes=6), WAVE),
    "well-mixed": Row(
        lambda dtype, s: fitting.WellMixed(smoluchowski(dtype, s), jnp.asarray(50.0 * s, dtype)),
        MONOMERS,
    ),
}


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", ROWS)
def test_contract(name, dtype):
    row = ROWS[name]
    model = row.make(dtype, 1.0)
    check_model(
        model,
        row.law,
        times=row.times,
        again=row.make(dtype, 0.96),
        limit=None if row.limit is None else row.limit(model),
        tolerance=row.tolerance,
        replicas=32,
    )


def test_the_table_is_whole():
    """Every public particle system and equation has a row."""
    families = (jk.Particles, jk.KineticEquation)
    public = [v for v in vars(jk).values() if isinstance(v, type) and issubclass(v, families)]
    seen = {type(row.make(jnp.float64, 1.0)) for row in ROWS.values()}
    assert set(public) - set(families) <= seen
