"""Two gases of hard spheres: how heat passes between them, and their constants from collisions."""

import jax
import jax.numpy as jnp
import numpy as np

import fitting
import jaxkin as jk

jax.config.update("jax_enable_x64", True)

# N₁ε₁² = c₁ = ½, N₂ε₂² = c₂ = ½, ε₁ = 2ε₂; the second gas is four times as heavy and half as hot.
gas = jk.HardSphereMixture.from_scaling(0.5, 0.5, 2.0, 100, masses=(1.0, 4.0))
law = jk.laws.ByType(
    jk.laws.Maxwellian(3, temperature=2.0 / 1.0),  # variance T/M
    jk.laws.Maxwellian(3, temperature=1.0 / 4.0),
)
times = jnp.linspace(0.0, 0.2, 5)
data = jk.simulate(
    gas,
    law,
    times,
    key=jax.random.key(0),
    replicas=20,
    events=True,
    observe=["temperature", jk.RelativeSpeed(2)],
)
print(f"N = {gas.numbers}, diameters {np.round(gas.diameters, 4)}, packing {gas.packing:.4f}")

# The Boltzmann system with the constants of the limit, times the contact values of these spheres.
equation = gas.kinetic_limit(law=law, finite=True)
exact = jk.solve(equation, law, times)["temperature"]
for t, seen, T in zip(times, data["temperature"].mean(0), exact, strict=True):
    print(f"t = {t:.2f}   T₁ {seen[0]:.3f} ({T[0]:.3f})   T₂ {seen[1]:.3f} ({T[1]:.3f})")

# c₁, c₂, c₁₂, c₂₁ from how often spheres collide; no diameter is read.
print(fitting.constants_from_collisions(data).summary(reference=gas))
