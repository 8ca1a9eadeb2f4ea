"""A gas of Maxwell molecules and one of hard spheres: particles, equation, and an own law."""

import jax
import jax.numpy as jnp

import jaxkin as jk

jax.config.update("jax_enable_x64", True)

# Hot in one direction. Collisions make the gas isotropic.
law = jk.velocity_laws.GaussianMixture([1.0], [[0.0, 0.0]], [[1.6, 0.4]])
times = jnp.linspace(0.0, 1.0, 3)

for name, exponent in (("Maxwell molecules", 0.0), ("hard spheres", 1.0)):
    gas = jk.KacGas(500, kernel=jk.PowerKernel(1.0, exponent), dimension=2)
    data = jk.simulate(gas, law, times, key=jax.random.key(0), replicas=100)
    equation = gas.kinetic_limit(points=48, support=6.0, directions=16)
    limit = jk.solve(equation, law, times, rtol=1e-5, atol=1e-7)
    print(f"\n{name}: ⟨v₁²⟩ of {gas.n_particles} particles ± standard error, Boltzmann equation")
    mean, error = data.mean("stress")[:, 0, 0], data.standard_error("stress")[:, 0, 0]
    for t, m, e, f in zip(times, mean, error, limit["stress"][:, 0, 0], strict=True):
        print(f"t = {t:.1f}  {m:.4f} ± {e:.4f}  {f:.4f}")


# --8<-- [start:law]
def exchange(velocities, normals):
    """Three particles trade velocities in a circle, one way or the other."""
    shift = jnp.where(normals[0] > 0, 1, -1)
    return jnp.roll(velocities, shift, axis=0)


carousel = jk.collision_laws.Custom(order=3, function=exchange, noise=1)
print("\nan own law of order 3\n" + str(jk.check_hypotheses(carousel, dimension=2)))
mixed = jk.KacGas(90, [jk.collision_laws.Binary(), carousel], [0.7, 0.3], dimension=2)
# --8<-- [end:law]
data = jk.simulate(mixed, law, times, key=jax.random.key(1), replicas=100)
print("⟨v₁²⟩", *(f"{m:.3f}" for m in data.mean("stress")[:, 0, 0]))
