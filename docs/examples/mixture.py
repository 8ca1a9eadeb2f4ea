"""Two gases of hard spheres: how often they meet, and how heat passes from one to the other."""

import jax
import jax.numpy as jnp
import numpy as np

import jaxkin as jk

jax.config.update("jax_enable_x64", True)

# N₁ε₁² = c₁ = ½, N₂ε₂² = c₂ = ½, ε₁ = 2ε₂; the second gas is four times as heavy and half as hot.
gas = jk.HardSphereMixture.from_scaling(0.5, 0.5, 2.0, 100, masses=(1.0, 4.0))
law = jk.ByType(
    jk.velocity_laws.Maxwellian(3, temperature=2.0 / 1.0),  # variance T/M
    jk.velocity_laws.Maxwellian(3, temperature=1.0 / 4.0),
)
times = jnp.linspace(0.0, 0.2, 5)
data = jk.simulate(gas, law, times, key=jax.random.key(0), replicas=20, events=True)
print(f"N = {gas.numbers}, diameters {np.round(gas.diameters, 4)}, packing {gas.packing:.4f}")
print(f"c₁₂ = {gas.constants[0, 1]:.4f}, c₂₁ = {gas.constants[1, 0]:.4f}")
for t, (first, second) in zip(times, data["temperature"].mean(0), strict=True):
    print(f"t = {t:.2f}   T₁ = {first:.4f}   T₂ = {second:.4f}")
print("collisions of each pair of types\n", np.asarray(data.events["collisions"].mean(0)))
