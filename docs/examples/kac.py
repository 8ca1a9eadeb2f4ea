"""Binary gases: soft spheres, and a kernel of one's own, against their equations."""

import equinox as eqx
import jax
import jax.numpy as jnp

import jaxkin as jk

jax.config.update("jax_enable_x64", True)

# Hot in one direction. Collisions make the gas isotropic.
law = jk.laws.GaussianMixture([1.0], [[0.0, 0.0, 0.0]], [[1.6, 0.7, 0.7]])
times = jnp.linspace(0.0, 1.0, 3)


# --8<-- [start:kernel]
class Saturating(jk.Kernel):
    """B̄ = g²/(1 + g): quadratic for slow pairs, hard spheres for fast ones."""

    angle: jk.angles.Angle = eqx.field(default_factory=jk.angles.Isotropic)
    scale: jax.Array = eqx.field(default=1.0, converter=jnp.asarray)
    constant = False

    def total(self, speed):
        return self.scale * speed**2 / (1 + speed)


# --8<-- [end:kernel]

kernels = {
    "variable soft spheres": jk.PowerKernel(1.0, 0.5, jk.angles.VariableSoft(1.5)),
    "own kernel": Saturating(),
}
for name, kernel in kernels.items():
    gas = jk.KacGas(500, kernel=kernel)
    data = jk.simulate(gas, law, times, key=jax.random.key(0), replicas=100)
    limit = jk.solve(gas.kinetic_limit(jk.operators.Hermite(degree=6)), law, times)
    print(f"\n{name}: ⟨v₁²⟩ of {gas.n_particles} particles ± standard error, Boltzmann equation")
    mean, error = data.mean("stress")[:, 0, 0], data.standard_error("stress")[:, 0, 0]
    for t, m, e, f in zip(times, mean, error, limit["stress"][:, 0, 0], strict=True):
        print(f"t = {t:.1f}  {m:.4f} ± {e:.4f}  {f:.4f}")
