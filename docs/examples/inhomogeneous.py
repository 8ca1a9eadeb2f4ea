"""A density that varies in space: particles against the partial differential equation."""

import jax
import jax.numpy as jnp

import jaxkin as jk

jax.config.update("jax_enable_x64", True)


def densities(x):
    """h₁(x) = 1 + 0.8 cos 2πx₁; no particle of mass 2 or 3 at time 0."""
    return jnp.array([1 + 0.8 * jnp.cos(2 * jnp.pi * x[0]), 0.0, 0.0])


law = jk.laws.Inhomogeneous(densities, maximum=1.8, max_mass=3)
gas = jk.BrownianCoagulation(
    n_particles=300,
    strength=20.0,
    diffusivity=lambda n: 0.5 / n,
    interaction=jk.interactions.Bump(),
    max_mass=3,
    overflow="absorb",
)
equation = gas.kinetic_limit(modes=12)  # 12 points in each direction

modes = [jk.observables.FourierMode([(1, 0, 0)], mass=n) for n in (1, 2)]
observe = [*gas.observables(), *modes]  # the same objects for both sides
times = jnp.linspace(0.0, 0.06, 4)
data = jk.simulate(
    gas, law, times, key=jax.random.key(2), replicas=32, observe=observe, events=True
)
prediction = jk.solve(equation, law, times, observe=observe)

print("real part of ∫ f_n e^{−2πi x₁} dx: simulated ± standard error, equation")
for mode in modes:
    for k, t in enumerate(times):
        mean = data.mean(mode.name)[k, 0, 0]
        error = data.standard_error(mode.name)[k, 0, 0]
        limit = prediction[mode.name][k, 0, 0]
        print(f"{mode.name:8s} t = {t:.2f}  {mean:9.4f} ± {error:.4f}  {limit:9.4f}")

log = data.events
print("\nthe first reactions of replica 0: time and masses")
for k in range(5):
    print(f"{log.time[0, k]:.5f}  {log.mass_i[0, k]} + {log.mass_j[0, k]}")
print(f"reactions in all replicas: {int(log.count.sum())}")
