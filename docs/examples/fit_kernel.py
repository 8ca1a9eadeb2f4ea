"""From relaxation to the kernel: γ and C of variable hard spheres, and β of a mixed gas."""

import warnings

import jax
import jax.numpy as jnp

import fitting
import jaxkin as jk

jax.config.update("jax_enable_x64", True)


def hot_along_one_axis(temperature):
    variances = temperature * jnp.array([[1.4, 0.8, 0.8]])
    return jk.laws.GaussianMixture([1.0], jnp.zeros((1, 3)), variances)


# B̄ = C|v−v*|^γ. The hotter the gas, the faster it relaxes: how much faster tells γ.
temperatures = (0.3, 1.0, 3.0)
gas = jk.KacGas(1000, kernel=jk.PowerKernel(strength=0.7, exponent=0.5))
laws = [hot_along_one_axis(t) for t in temperatures]
times = jnp.linspace(0.0, 4.0, 9)
data = [
    jk.simulate(gas, law, times, key=jax.random.key(k), replicas=200) for k, law in enumerate(laws)
]

# The same unknown kernel at three widths of the Hermite basis. Its values here are never read.
equations = [gas.kinetic_limit(jk.operators.Hermite(degree=4, width=t)) for t in temperatures]
kernel = ("kernel.strength", "kernel.exponent")
result = fitting.fit(equations, laws, data, unknown=kernel, observables=("stress", "moments"))
print("three temperatures")
print(result.summary(reference=equations[0]))

# At one temperature a larger C does what a larger γ does, and the report says so.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    alone = fitting.fit(equations[1], laws[1], data[1], unknown=kernel, observables=("stress",))
print("\none temperature")
print(alone.summary(reference=equations[1]))

# Collisions of two particles with probability β₂, and of three with β₃ = 1 − β₂.
orders = [jk.collision_laws.Symmetric(k, momentum=True) for k in (2, 3)]
mixed = jk.KacGas(1000, orders, [0.3, 0.7])
relaxed = jk.simulate(mixed, laws[1], times / 2, key=jax.random.key(9), replicas=500)
moments = mixed.kinetic_limit(jk.operators.Moments(degree=2))
result = fitting.fit(moments, laws[1], relaxed, unknown="weights", observables="stress")
print("\nprobabilities of the orders of collision")
print(result.summary(reference=moments))
