"""Observables of a gas of velocities; both sides evaluate them on weighted velocities."""

import itertools

import jax.numpy as jnp
from jaxtyping import Array

from jaxkin.numerics.checks import require
from jaxkin.observables import Observable, Weighted

# Σ w over the gas: 1, but for what a grid loses; N/Λ where particles annihilate.
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


def velocity_histogram(edges, axis: int = 0) -> Observable:
    """Return the marginal histogram of one component: the share of velocities in each bin.

    Equations on a grid count its nodes: their bins should hold many.

    Args:
        edges: (bins + 1,) increasing edges.
        axis: which component.

    Returns:
        An observable named `histogram` of shape (bins,).
    """
    marks = tuple(float(e) for e in edges)
    require(
        len(marks) > 1 and all(a < b for a, b in itertools.pairwise(marks)),
        "edges",
        "hold at least two numbers that increase",
        f"they are {marks}",
    )

    def function(z):
        below = z.velocity[axis] < jnp.asarray(marks, z.velocity.dtype)
        return (below[1:] & ~below[:-1]).astype(z.velocity.dtype)

    return Observable("histogram", function)


class Entropy(Observable):
    """H = ∫ f log f dv, an observable of the equation, whose density is known."""

    def __init__(self, name: str = "entropy"):
        self.name, self.function = name, None  # type: ignore[assignment]

    def evaluate(self, measured: Weighted) -> Array:
        """Refuse: particles have no density."""
        raise ValueError(
            "Argument `observe` must hold observables of particles, but the entropy ∫ f log f "
            "needs a density. Observe it in `solve`."
        )
