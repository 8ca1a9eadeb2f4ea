"""Collisions of pairs and triples: particles against moments, and a law of one's own."""

import jax
import jax.numpy as jnp

import jaxkin as jk
from jaxkin import collision_laws as laws

jax.config.update("jax_enable_x64", True)

beams = jk.laws.GaussianMixture([0.5, 0.5], [[1.0, 0.0], [-1.0, 0.0]], [[0.3, 0.3], [0.3, 0.3]])
times = jnp.linspace(0.0, 1.0, 3)


# --8<-- [start:law]
def exchange(velocities, normals):
    """Three particles trade velocities in a circle, and lose a tenth on the way."""
    shift = jnp.where(normals[0] > 0, 1, -1)
    return 0.9 * jnp.roll(velocities, shift, axis=0)


carousel = laws.Custom(order=3, function=exchange, noise=1)
print(jk.check_hypotheses(carousel, dimension=2))
# --8<-- [end:law]

mixtures = {
    "pairs and triples": ([laws.Binary("omega"), laws.Symmetric(3, momentum=True)], [0.4, 0.6]),
    "pairs and the own law": ([laws.Binary(), carousel], [0.8, 0.2]),
}
for name, (kinds, weights) in mixtures.items():
    gas = jk.KacGas(300, kinds, weights, dimension=2)
    data = jk.simulate(gas, beams, times, key=jax.random.key(1), replicas=100)
    limit = jk.solve(gas.kinetic_limit(jk.operators.Moments()), beams, times)
    print(f"\n{name}: ⟨v₁²⟩ of {gas.n_particles} particles ± standard error, moment equation")
    mean, error = data.mean("stress")[:, 0, 0], data.standard_error("stress")[:, 0, 0]
    for t, m, e, f in zip(times, mean, error, limit["stress"][:, 0, 0], strict=True):
        print(f"t = {t:.1f}  {m:.4f} ± {e:.4f}  {f:.4f}")
