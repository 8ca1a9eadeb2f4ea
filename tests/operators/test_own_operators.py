"""Operators of one's own: relaxation as the page shows it, and a model of four velocities."""

from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxkin as jk
from jaxkin.laws import Chambers, GaussianMixture, Maxwellian
from jaxkin.observables import Atoms, Coordinates, Mean
from jaxkin.operators import Fourier, Hermite, Operator
from jaxkin.testing import check_model

PAGE = Path(__file__).parents[2] / "docs/examples/relaxation.py"


def shown(name):
    """What the page shows under a name, as text."""
    text = PAGE.read_text()
    return text.split(f"[start:{name}]\n")[1].split(f"# --8<-- [end:{name}]")[0]


@pytest.fixture(scope="module")
def BGK():
    """The class of the page."""
    names = {"jax": jax, "jk": jk, "eqx": eqx}
    exec(shown("operator"), names)
    return names["BGK"]


BEAMS = GaussianMixture([1, 1], [[0.7, 0.0], [-0.7, 0.0]], [[0.5, 0.9]] * 2)


def test_the_class_is_short():
    assert len([line for line in shown("operator").splitlines() if line.strip()]) <= 40


@pytest.mark.parametrize("slab", [False, True])
def test_relaxation_meets_the_contract(BGK, slab):
    def make(rate):
        equation = jk.Boltzmann(BGK(jnp.asarray(rate), dimension=2, degree=5, width=0.75))
        return jk.BoltzmannSlab(equation, cells=6) if slab else equation

    check_model(make(1.5), jk.laws.BKW(0.75, 2), again=make(0.7))


def test_relaxation_is_exact(BGK):
    """f(t) = M + (f₀ − M) e^{−νt}: every moment, a jump, and equilibrium for good."""
    equation = jk.Boltzmann(BGK(jnp.asarray(1.5), dimension=2, degree=9))
    times = jnp.array([0.0, 0.4, 3.0])
    tail = Mean("tail", lambda z: jnp.sum(z.velocity**2) > 3)
    found = jk.solve(equation, BEAMS, times, observe=["stress", "moments", "energy", tail])
    left = np.exp(-1.5 * np.asarray(times))[:, None]
    end = equation.operator.maxwellian(equation.project(BEAMS))
    last = {o.name: o.of_density(equation.measure(end)) for o in (*equation.observables(), tail)}
    for name in ("stress", "moments", "tail"):
        values = np.asarray(found[name]).reshape(3, -1)
        limit = np.asarray(last[name]).ravel()
        np.testing.assert_allclose(values, limit + (values[0] - limit) * left, atol=1e-8)
        assert np.abs(values[0] - limit).max() > 1e-3
    np.testing.assert_allclose(found["energy"], found["energy"][0], rtol=1e-13)


def test_relaxation_in_a_slab(BGK):
    """Walls keep mass and energy; heat flows from the warm side; ν = 0 is free flight."""
    law = Chambers(Maxwellian(2, 1.3), Maxwellian(2, 0.7))
    slab = jk.BoltzmannSlab(
        jk.Boltzmann(BGK(jnp.asarray(5.0), dimension=2)), cells=12, boundary="reflecting"
    )
    found = jk.solve(slab, law, jnp.array([0.0, 0.2]))
    energy = np.asarray(found["energy_profile"])[:, 0]
    np.testing.assert_allclose(energy[0], [1.3] * 6 + [0.7] * 6, rtol=1e-12)
    np.testing.assert_allclose(energy.mean(1), 1.0, rtol=1e-12)
    assert energy[1, 5] < 1.3 and energy[1, 6] > 0.7


class FourVelocities(Operator):
    """±e₁ and ±e₂ in the plane: pairs (e₁, −e₁) and (e₂, −e₂) turn into each other at rate σ."""

    rate: jax.Array
    dimension: int = eqx.field(static=True, default=2)

    def project(self, law):
        return jnp.asarray(law)

    def measure(self, state):
        velocity = jnp.asarray([[1.0, 0], [-1.0, 0], [0, 1.0], [0, -1.0]], state.dtype)
        return Atoms(state, Coordinates(velocity=velocity))

    def collision(self, f, prepared):
        gained = self.rate * (f[2] * f[3] - f[0] * f[1])
        return gained * jnp.asarray([1.0, 1.0, -1.0, -1.0], f.dtype)


def test_four_velocities():
    """The difference D = f₁f₂ − f₃f₄ decays as D' = −σD Σf for f₁ = f₂, f₃ = f₄; jumps are sums."""
    equation = jk.Boltzmann(FourVelocities(jnp.asarray(2.0)))
    law, times = np.array([0.4, 0.4, 0.1, 0.1]), jnp.array([0.0, 0.3, 1.0])
    ahead = Mean("ahead", lambda z: z.velocity[0] > 0.5)
    found = jk.solve(equation, law, times, observe=["density", "energy", "stress", ahead])
    # a = f₁, b = f₃: a + b = 1/2, a' = σ(b² − a²) = σ(b − a)/2.
    gap = 0.3 * np.exp(-2.0 * np.asarray(times))
    np.testing.assert_allclose(found["ahead"], (0.5 + gap) / 2, rtol=1e-8)
    np.testing.assert_allclose(found["density"], 1.0, rtol=1e-13)
    np.testing.assert_allclose(found["energy"], 0.5, rtol=1e-13)
    for form, missing in ((jk.Annihilation, "loss"), (jk.SelfSimilarAnnihilation, "transport")):
        with pytest.raises(ValueError, match=f"`operator` must offer .*lacks {missing}"):
            form(equation.operator, 0.5)
    with pytest.raises(ValueError, match="`operator` must offer `stream`, `mirror`"):
        jk.BoltzmannSlab(equation)


def test_two_densities():
    """Q(f, g) of a quadratic operator: symmetric, Q(f, f) on the diagonal, linear in each."""
    kernel = jk.PowerKernel(1.0, 0.5)
    for operator in (Hermite(kernel, dimension=2, degree=4), Fourier(kernel, dimension=2)):
        f, g = (operator.project(Maxwellian(2, T)) for T in (0.7, 1.2))
        prepared = operator.prepare()
        if isinstance(operator, Fourier):
            operator = operator.changed(conserve=False)
        both = eqx.filter_jit(operator.bilinear)
        mixed = both(f, g, prepared)
        np.testing.assert_allclose(mixed, both(g, f, prepared), atol=1e-12)
        np.testing.assert_allclose(
            both(f, f, prepared), operator.collision(f, prepared), atol=1e-12
        )
        np.testing.assert_allclose(both(2 * f, g, prepared), 2 * mixed, atol=1e-12)
        assert float(jnp.abs(mixed).max()) > 1e-4
