"""An operator of your own: relaxation to the local Maxwellian, in space and without, and a fit."""

import equinox as eqx
import jax
import jax.numpy as jnp

import fitting
import jaxkin as jk

jax.config.update("jax_enable_x64", True)


# --8<-- [start:operator]
class BGK(jk.operators.HermiteFunctions):
    """Q(f) = ν (M[f] − f), M[f] the Maxwellian with the density, mean and temperature of f."""

    rate: jax.Array
    dimension: int = eqx.field(static=True, default=3)
    degree: int = eqx.field(static=True, default=7)
    width: float | None = eqx.field(static=True, default=None)

    def collision(self, f, prepared):
        return self.rate * (self.maxwellian(f) - f)

    def domains(self):
        return {"rate": jk.domains.Positive()}


# --8<-- [end:operator]

# --8<-- [start:use]
operator = BGK(jnp.asarray(2.0))
beams = jk.laws.GaussianMixture([1, 1], [[0.9, 0, 0], [-0.9, 0, 0]], [[0.4, 0.6, 0.6]] * 2)
times = jnp.linspace(0.0, 1.0, 6)
tail = jk.observables.Mean("tail", lambda z: jnp.sum(z.velocity**2) > 4)
gas = jk.solve(jk.Boltzmann(operator), beams, times, observe=["stress", "energy", tail])
stress = gas["stress"][:, 0, 0] - gas["stress"][:, 1, 1]
print("the stress decays at the rate", -jnp.log(stress[-1] / stress[0]))
print("share of |v| > 2:", gas["tail"])
# --8<-- [end:use]

# --8<-- [start:slab]
slab = jk.BoltzmannSlab(jk.Boltzmann(operator), cells=24, boundary="reflecting")
chambers = jk.laws.Chambers(jk.laws.Maxwellian(3, 1.3), jk.laws.Maxwellian(3, 0.7))
flow = jk.solve(slab, chambers, times, density=True)
print("energy on the left, on the right:", flow["energy_profile"][-1, 0, jnp.array([0, -1])])
print("f(x = 1/4, v = 0) at the end:", flow.density(1.0, 0.25, jnp.zeros(3)))
# --8<-- [end:slab]


# --8<-- [start:particles]
class Thermalised(jk.Particles):
    """N velocities, each drawn anew from a Maxwellian at rate ν; exact in law."""

    rate: jax.Array
    temperature: jax.Array
    n_particles: int = eqx.field(static=True)

    def sample(self, law, *, key):
        return law.sample_velocities(self.n_particles, key=key, dtype=self.rate.dtype)

    def advance(self, state, start, stop, *, key):
        which, how = jax.random.split(key)
        drawn = jnp.sqrt(self.temperature) * jax.random.normal(how, state.shape, state.dtype)
        stays = jax.random.uniform(which, (len(state), 1)) < jnp.exp(-self.rate * (stop - start))
        return jnp.where(stays, state, drawn)

    def measure(self, state):
        weight = jnp.asarray(1 / self.n_particles, state.dtype)
        return jk.observables.Weighted(weight, jk.observables.Coordinates(velocity=state))

    def observables(self):
        return jk.observables.VELOCITY_MOMENTS

    def kinetic_limit(self, method=None):
        return jk.Boltzmann(BGK(self.rate))


particles = Thermalised(jnp.asarray(2.0), jnp.asarray(2.41 / 3), n_particles=1000)
data = jk.simulate(particles, beams, times, key=jax.random.key(0), replicas=64)
start = jk.Boltzmann(BGK(jnp.asarray(1.0)))
result = fitting.fit(start, beams, data, unknown="rate", observables=("stress",))
print(result.summary(reference=particles.kinetic_limit()))
# --8<-- [end:particles]
