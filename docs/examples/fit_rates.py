"""Simulate, take the limit, solve, fit: two ways to learn β(n, m) from the same particles."""

import jax
import jax.numpy as jnp
import numpy as np

import fitting
import jaxkin as jk

jax.config.update("jax_enable_x64", True)

gas = jk.BrownianCoagulation(
    n_particles=150,
    strength=lambda n, m: 20.0 / (n + m),  # α(n, m)
    diffusivity=lambda n: n ** (-1 / 3),  # d(n), as for compact clusters in a fluid
    interaction=jk.interactions.Ball(),  # V
    max_mass=3,
    overflow="absorb",
)
law = jk.laws.Polydisperse([0.6, 0.4])  # h₁, h₂
times = jnp.linspace(0.0, 0.08, 6)
data = jk.simulate(gas, law, times, key=jax.random.key(1), replicas=32, events=True)

equation = gas.kinetic_limit()
prediction = jk.solve(equation, law, times)
print("density of each mass at the last time: simulated ± standard error, limit")
mean, error = data.mean("counts")[-1], data.standard_error("counts")[-1]
for n, limit in enumerate(prediction["counts"][-1]):
    print(f"{n + 1}  {mean[n]:.4f} ± {error[n]:.4f}  {limit:.4f}")

# These pairs react often enough. The others are kept at the rate of the recipe.
often = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 0]], dtype=bool)
result = fitting.fit(equation, law, data, unknown="rate", free=often)
print("\nfrom counts alone")
print(result.summary(reference=equation))

estimate = fitting.estimate_from_events(data)
naive = gas.strength * gas.interaction.integral(3)
print("\nfrom the log of events\npair      estimate     ± s.e.     recipe      naive")
for n, m in zip(*np.nonzero(np.triu(often)), strict=True):
    row = estimate.rate, estimate.standard_error, equation.rate, naive
    print(f"({n + 1}, {m + 1})" + "".join(f"{float(array[n, m]):11.3f}" for array in row))
