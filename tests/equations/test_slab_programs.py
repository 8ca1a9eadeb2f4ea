"""Programs of a slab: gradients, fits, batches, compilation, precision, bad arguments."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from slab_cases import CONSTANTS, chambers, slab

import jaxkin as jk
from fitting.parametrisation import parametrise
from jaxkin.equations.slab import BoltzmannSlab
from jaxkin.numerics.domains import Positive
from jaxkin.observables import (
    mixture_profiles,
)


def check_gradient(warmth):
    """Reverse mode against central differences, good to h² and to 1e-10/h of adaptive steps."""
    c, h = jnp.asarray(CONSTANTS), 1e-3
    slope, value = np.asarray(jax.jit(jax.grad(warmth))(c)), jax.jit(warmth)
    for i, j in np.ndindex(2, 2):
        difference = (value(c.at[i, j].add(h)) - value(c.at[i, j].add(-h))) / (2 * h)
        assert abs(slope[i, j] - difference) < 1e-6 * np.abs(slope).max()
    assert np.abs(slope).min() > 1e-5


def test_gradient_by_the_constants():
    """∂ of an energy in a slice. (Faults: `stop_gradient` on f_β, or on the constants.)"""
    equation = slab(6, degree=3, boundary="reflecting")
    *_, energy = mixture_profiles(2, 2)
    start = equation.project(chambers())

    @check_gradient
    def _(constants):
        e = eqx.tree_at(lambda e: e.homogeneous.constants, equation, constants)

        def step(f, _):
            return f + 0.02 * e.rate_of_change(0.0, f, tensor), None

        tensor = equation.prepare()
        found = e.observe(jax.lax.scan(step, start, None, 10)[0], energy)
        return found[0, 0] + 2 * found[1, 1]


@pytest.mark.slow
def test_gradient_of_a_solution():
    equation = slab(6, boundary="reflecting")
    *_, energy = mixture_profiles(2, 2)

    @check_gradient
    def _(constants):
        e = eqx.tree_at(lambda e: e.homogeneous.constants, equation, constants)
        found = jk.solve(e, chambers(), jnp.array([0.2]), observe=[energy])["energy_profile"]
        return found[-1, 0, 0] + 2 * found[-1, 1, 1]


def test_fits_reach_the_constants():
    found, _ = parametrise(slab(), "homogeneous.constants")
    assert found.fields[0].domain == Positive() and found.size == 4


def test_programs_and_precision():
    """Batches and `jit` agree, nothing compiles again, and float32 stays float32."""
    traces = []

    class Counted(BoltzmannSlab):
        def transport(self, f):
            traces.append(1)
            return super().transport(f)

    def solve(**options):
        equation = slab(8, kind=Counted, dtype="float32", **options)
        return jk.solve(equation, chambers(), jnp.array([0.0, 0.05]), observe=["energy_profile"])

    first = solve()["energy_profile"]
    compiled = len(traces)
    second = solve(collide=0.5)["energy_profile"]
    assert compiled >= 1 and len(traces) == compiled
    assert first.dtype == np.float32
    assert np.array_equal(first[0], second[0]) and not np.array_equal(first[1], second[1])

    def rate(equation, f):
        return equation.rate_of_change(0.0, f, equation.prepare())

    equation, single = slab(8), slab(8, dtype="float32")
    states = jnp.stack([equation.project(chambers()), 0.5 * equation.project(chambers())])
    both = eqx.filter_jit(eqx.filter_vmap(rate, in_axes=(None, 0)))(equation, states)
    one = eqx.filter_jit(rate)(equation, states[0])
    assert np.allclose(both[0], one, rtol=0, atol=1e-12)
    low = eqx.filter_jit(rate)(single, single.project(chambers()))
    assert low.dtype == np.float32
    # Sums of 8·35 terms of size 1, divided by h.
    assert np.allclose(low, one, rtol=0, atol=8 * 35 * 6e-8 * float(jnp.abs(one).max()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cells": 5}, "`cells` must be an integer of at least 6, but it is 5"),
        ({"boundary": "open"}, "`boundary` must be one of"),
        ({"bins": 3}, "`bins` must divide the 8 cells of the slab, but it is 3"),
        (
            {"homogeneous": 1.0},
            "`homogeneous` must be a homogeneous equation on an operator, such as "
            r"`Boltzmann\(operator\)`, but it is a float",
        ),
    ],
)
def test_bad_arguments(change, message):
    arguments = {"homogeneous": slab().homogeneous, "cells": 8} | change
    with pytest.raises(ValueError, match=message):
        BoltzmannSlab(**arguments)
