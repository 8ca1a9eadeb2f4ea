"""Observables of a gas of velocities; both sides evaluate them on weighted velocities."""

import jax.numpy as jnp

from jaxkin.observables import Observable

# Σ w over the gas: 1, but for what a grid loses.
DENSITY = Observable("density", lambda z: 1.0)
# Σ w v, of shape (d,).
MOMENTUM = Observable("momentum", lambda z: z.velocity)
# Σ w |v|²/2.
ENERGY = Observable("energy", lambda z: 0.5 * jnp.sum(z.velocity**2))
# Σ w v⊗v, of shape (d, d).
STRESS = Observable("stress", lambda z: jnp.outer(z.velocity, z.velocity))
# Σ w v|v|²/2, of shape (d,).
HEAT_FLUX = Observable("heat_flux", lambda z: 0.5 * z.velocity * jnp.sum(z.velocity**2))
# Σ w |v|⁴ and Σ w |v|⁶.
MOMENTS = Observable(
    "moments", lambda z: jnp.stack([jnp.sum(z.velocity**2) ** 2, jnp.sum(z.velocity**2) ** 3])
)

VELOCITY_MOMENTS = (DENSITY, MOMENTUM, ENERGY, STRESS, HEAT_FLUX, MOMENTS)


def characteristic_function(wave_vectors) -> Observable:
    """Return the observable φ(k) = Σ w e^{−ik·v}.

    Args:
        wave_vectors: (m, d) vectors k.

    Returns:
        An observable named `characteristic_function` of shape (m, 2): real and imaginary part.
    """
    vectors = tuple(tuple(float(c) for c in row) for row in wave_vectors)

    def function(z):
        phase = jnp.asarray(vectors, z.velocity.dtype) @ z.velocity
        return jnp.stack([jnp.cos(phase), -jnp.sin(phase)], axis=-1)

    return Observable("characteristic_function", function)
