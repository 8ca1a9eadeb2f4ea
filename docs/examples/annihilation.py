"""A gas that annihilates: particles, the equation, its long times, and α from the decay."""

import jax
import jax.numpy as jnp

import fitting
import jaxkin as jk

jax.config.update("jax_enable_x64", True)

# 500 hard spheres in the volume 500. Of the pairs that meet, 30 % annihilate.
gas = jk.AnnihilatingGas(500, alpha=0.3, kernel=jk.PowerKernel(exponent=1.0))
law = jk.laws.Maxwellian(3)
times = jnp.linspace(0.0, 6.0, 7)
data = jk.simulate(gas, law, times, key=jax.random.key(0), replicas=100)

# The limit (1.1), in variables that follow the temperature.
equation = gas.kinetic_limit(jk.operators.Sonine(degree=20), self_similar=True)
prediction = jk.solve(equation, law, times)
print("   t   n of particles      n     energy of particles   energy")
for k, t in enumerate(times):
    seen = [data[name].mean(0)[k] for name in ("density", "energy")]
    told = [prediction[name][k] for name in ("density", "energy")]
    print(f"{t:5.1f} {seen[0]:12.4f} {told[0]:12.4f} {seen[1]:16.4f} {told[1]:13.4f}")

# n ~ t^{−ξ}, T ~ t^{−ζ}
long = jk.decay(equation)
print(f"decay exponents {long.mass_exponent:.5f}, {long.temperature_exponent:.5f}")

# How likely is annihilation? (From n alone, Maxwell molecules tell only the product αC.)
# --8<-- [start:fit]
result = fitting.fit(equation, law, data, unknown="alpha", observables=("density", "energy"))
print(result.summary(reference=equation))
# --8<-- [end:fit]
