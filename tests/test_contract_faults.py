"""`check_model` is seen to fail on planted faults, each by the rule that is there for it."""

from typing import Any

import equinox as eqx
import equinox._errors as errors
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxkin as jk
from jaxkin.observables import Atoms, Coordinates, Correlation, Mean, Weighted
from jaxkin.testing import check_model

LAW = jk.laws.Polydisperse([1.0, 0.5])
TIMES = jnp.array([0.0, 0.1, 0.2])
MASSES = np.arange(1, 3)
NUMBER = Mean("number", lambda z: 1.0)


class Decay(jk.KineticEquation):
    """∂f_n/∂t = −λ f_n: every particle vanishes at rate λ; the model that faults are planted in."""

    rate: jax.Array

    def observables(self):
        return (NUMBER,)

    def project(self, law):
        return law.density(jnp.zeros((1, 1)))[0].astype(self.rate.dtype)

    def rate_of_change(self, t, state, prepared):
        return -self.rate * state

    def measure(self, state):
        return Atoms(state, Coordinates(mass=jnp.asarray(MASSES)))


class Decaying(jk.Particles):
    """N particles that vanish at rate λ each; exact in law."""

    rate: jax.Array
    n_particles: int = eqx.field(static=True)

    def observables(self):
        return (NUMBER,)

    def sample(self, law, *, key):
        mass = law.sample_particles(self.n_particles, 1, key=key).mass
        return mass, jnp.full(self.n_particles, law.total(1) / self.n_particles, self.rate.dtype)

    def advance(self, state, start, stop, *, key):
        mass, weight = state
        chance = jnp.exp(-self.rate * (stop - start).astype(self.rate.dtype))
        survives = jax.random.uniform(key, weight.shape, weight.dtype) < chance
        return mass, jnp.where(survives, weight, 0)

    def measure(self, state):
        return Weighted(state[1], Coordinates(mass=state[0]))

    def kinetic_limit(self, method=None):
        return Decay(self.rate)


def rate(value=2.0, dtype=jnp.float32):
    return jnp.asarray(value, dtype)


def refused(rule, model, **options):
    with pytest.raises(AssertionError, match=rf"Rule `{rule}`: the model must .*, but "):
        check_model(model, LAW, times=TIMES, **options)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_the_models_without_faults_pass(dtype):
    check_model(Decay(rate(dtype=dtype)), LAW, times=TIMES)
    check_model(Decaying(rate(dtype=dtype), 40), LAW, times=TIMES)


def test_times_follow_the_rate():
    """Without `times`, in units 1e12 times as long: the run is a tenth of a lifetime."""
    check_model(Decay(rate(2e-12)), LAW)


def test_a_correlation_summed_over_nodes():
    """Σ over different nodes leaves out Σ w², .83 of 2.25 here."""

    class OverNodes(Decay):
        def observe(self, state, observable):
            if isinstance(observable, Correlation):
                coordinates = Coordinates(mass=jnp.asarray(MASSES))
                return observable.of_particles(Weighted(state, coordinates))
            return super().observe(state, observable)

    refused("values", OverNodes(rate()))


def test_a_leaf_that_is_derived():
    class Derived(Decay):
        lifetime: jax.Array

        def __init__(self, rate):
            self.rate, self.lifetime = rate, 1 / rate

    refused("structure", Derived(rate()))


def test_a_fresh_function_in_a_static_field():
    class Fresh(Decay):
        power: Any = eqx.field(static=True)

        def __init__(self, rate):
            self.rate, self.power = rate, lambda f: f

    refused("structure", Fresh(rate()), again=Fresh(rate(1.9)))


def test_observables_that_are_made_anew():
    """Each run compiles again, though the model is the same."""

    class Anew(Decay):
        def observables(self):
            return (Mean("number", lambda z: 1.0),)

    refused("compiles once", Anew(rate()))


def test_a_parameter_in_a_static_field():
    """What is a number for the user, and compiles anew for each of its values."""

    class Static(Decay):
        factor: float = eqx.field(static=True)

        def __init__(self, rate):
            self.rate, self.factor = rate, float(rate)

    refused("structure", Static(rate()), again=Static(rate(1.9)))


def test_a_dtype_that_widens():
    class Wide(Decay):
        def rate_of_change(self, t, state, prepared):
            return -self.rate * state * np.ones(2)

    class WideObservable(Decay):
        def measure(self, state):
            return super().measure(state * np.float64(1))

    for model in (Wide(rate()), WideObservable(rate())):
        refused("dtype", model)


def test_a_model_that_does_not_conserve():
    class Claims(Decay):
        def conserves(self):
            return ("number",)

    class ClaimsOther(Decay):
        def conserves(self):
            return ("charge",)

    class ClaimingParticles(Decaying):
        def conserves(self):
            return ("number",)

    for model in (Claims(rate()), ClaimsOther(rate()), ClaimingParticles(rate(), 40)):
        refused("conservation", model)


def test_another_name_on_the_other_side():
    class Renamed(Decay):
        def observables(self):
            return (Mean("amount", NUMBER.function),)

    refused("both sides", Decaying(rate(), 40), limit=Renamed(rate()))


def test_a_measure_that_is_off_by_a_factor():
    class Twice(Decay):
        def measure(self, state):
            return Atoms(2 * state, Coordinates(mass=jnp.asarray(MASSES)))

    class TwiceParticles(Decaying):
        def measure(self, state):
            return Weighted(2 * state[1], Coordinates(mass=state[0]))

    for model in (Twice(rate()), TwiceParticles(rate(), 40)):
        refused("values", model)


def test_a_refusal_that_does_not_say_so():
    class Mumbles(Decay):
        def observe(self, state, observable):
            if isinstance(observable, Correlation):
                raise ValueError("no")
            return super().observe(state, observable)

    refused("values", Mumbles(rate()))


def test_a_branch_on_a_parameter():
    class Branches(Decay):
        def rate_of_change(self, t, state, prepared):
            return -self.rate * state if float(self.rate) > 0 else state

    refused("transforms", Branches(rate()))


def test_a_gradient_that_is_lost_in_one_mode():
    """A custom rule whose derivative in reverse is half of that forward."""

    @jax.custom_jvp
    def halved(x):
        return x

    @halved.defjvp
    def _(primals, tangents):
        def forward(t):
            return t

        def reverse(t):
            return 0.5 * t

        linear = jax.custom_derivatives.linear_call(
            lambda _, t: forward(t), lambda _, t: reverse(t), None, tangents[0]
        )
        return primals[0], linear

    class Halved(Decay):
        def rate_of_change(self, t, state, prepared):
            return -halved(self.rate) * state

    refused("transforms", Halved(rate()))


def test_a_callback():
    """A print in the rate, and a rate that NumPy computes on the host."""

    class Prints(Decay):
        def rate_of_change(self, t, state, prepared):
            jax.debug.callback(lambda x: None, state)
            return -self.rate * state

    class OnTheHost(Decay):
        def rate_of_change(self, t, state, prepared):
            return -self.rate * jax.pure_callback(
                lambda x: x, state, jax.lax.stop_gradient(state), vmap_method="sequential"
            )

    for model in (Prints(rate()), OnTheHost(rate())):
        refused("lowering", model)


def test_checks_that_raise_lower_too(errors_raise):
    """A check of equinox calls back to the host; the rule lets it give NaN, and puts it back."""

    class Checked(Decay):
        def rate_of_change(self, t, state, prepared):
            return eqx.error_if(-self.rate * state, jnp.any(state < -1), "negative")

    check_model(Checked(rate()), LAW, times=TIMES)
    assert errors.EQX_ON_ERROR == "raise"
