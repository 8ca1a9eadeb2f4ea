"""An interaction, an observable, a law and a model of your own."""

import equinox as eqx
import jax
import jax.numpy as jnp

import fitting
import jaxkin as jk

jax.config.update("jax_enable_x64", True)


# --8<-- [start:interaction]
def two_steps(r, inner, outer):
    return jnp.where(r <= 0.5, inner, jnp.where(r <= 1, outer, 0.0))


V = jk.interactions.Radial(two_steps, 4.0, 1.0, breakpoints=(0.5,))
# --8<-- [end:interaction]

print(f"β = {jk.coagulation_rate(20.0, 2.0, V):.6f}")

# --8<-- [start:observable]
heavy = jk.observables.Mean("heavy", lambda z: z.mass >= 3)
in_the_left_half = jk.observables.Mean("left", lambda z: (z.position[0] < 0.5) * z.mass)
# --8<-- [end:observable]


# --8<-- [start:own]
class Spread(jk.observables.Observable):
    """The variance of the masses, ⟨n²⟩ − ⟨n⟩² per particle."""

    name: str = eqx.field(static=True, default="spread")

    def of_particles(self, measured, *, key=None):
        return self._from(measured.total)

    def of_density(self, density):
        return self._from(density.integral)

    def _from(self, total):
        count, first, second = (total(f) for f in (one, mass, square))
        return second / count - (first / count) ** 2


def one(z):
    return 1.0


def mass(z):
    return z.mass


def square(z):
    return z.mass**2


# --8<-- [end:own]


# --8<-- [start:law]
class Geometric(jk.laws.Polydisperse):
    """Uniform densities h_n = (1 − q) qⁿ⁻¹, n = 1 … M."""

    def __init__(self, ratio, max_mass):
        super().__init__((1 - ratio) * ratio ** jnp.arange(max_mass))


# --8<-- [end:law]


law = Geometric(0.3, max_mass=4)
equation = jk.Smoluchowski(rate=2.0, max_mass=8)
solution = jk.solve(equation, law, jnp.linspace(0.0, 1.0, 3), observe=[heavy, Spread()])
print("heavy:", solution["heavy"], "spread:", solution["spread"])


# --8<-- [start:model]
class Uniform(eqx.Module):
    """One unit of substance, without further coordinates."""

    total: float = 1.0


class Decay(jk.KineticEquation):
    """∂f/∂t = −λ f."""

    rate: jax.Array

    def domains(self):
        return {"rate": jk.domains.Positive()}

    def observables(self):
        return (NUMBER,)

    def project(self, law):
        return jnp.asarray(law.total, self.rate.dtype)

    def rate_of_change(self, t, state, prepared):
        return -self.rate * state

    def measure(self, state):
        one = jk.observables.Coordinates(mass=jnp.ones(1, int))
        return jk.observables.Atoms(state[None], one)


class DecayingParticles(jk.Particles):
    """N particles, each of which vanishes after an exponential time of rate λ; exact in law."""

    rate: jax.Array
    n_particles: int = eqx.field(static=True)

    def observables(self):
        return (NUMBER,)

    def sample(self, law, *, key):
        return jnp.full(self.n_particles, law.total / self.n_particles)

    def advance(self, state, start, stop, *, key):
        survives = jax.random.uniform(key, state.shape) < jnp.exp(-self.rate * (stop - start))
        return jnp.where(survives, state, 0.0)

    def measure(self, state):
        ones = jk.observables.Coordinates(mass=jnp.ones(self.n_particles, int))
        return jk.observables.Weighted(state, ones)

    def kinetic_limit(self, method=None):
        return Decay(self.rate)


NUMBER = jk.observables.Mean("number", one)

particles = DecayingParticles(rate=jnp.asarray(2.0), n_particles=1000)
times = jnp.linspace(0.0, 1.0, 6)
data = jk.simulate(particles, Uniform(), times, key=jax.random.key(0), replicas=32)
result = fitting.fit(
    particles.kinetic_limit(), Uniform(), data, unknown="rate", observables="number"
)
print(result.summary(reference=particles.kinetic_limit()))
# --8<-- [end:model]
