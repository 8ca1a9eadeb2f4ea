"""Collision laws T_K^ω: what a collision does to K velocities (paper 001 §1.1, §3).

A law maps K velocities and an angle ω to K velocities, linearly in the velocities (but for the
binary laws that need the direction of the relative velocity). The angle is made of independent
standard normals, so that a law is one function of one tuple,

    collide(V (K, d), normals (m,)) → (K, d),

and everything else, which tuple and when, is the business of `jaxkin.KacGas`. To add a law, derive
from `CollisionLaw` or hand a function to `Custom`. `jaxkin.check_hypotheses` tells which of the
hypotheses (H1)–(H3) hold.
"""

import abc
from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.numerics.checks import one_of, whole


class CollisionLaw(eqx.Module):
    """A law for K particles.

    Attributes:
        order: K.
    """

    order: eqx.AbstractVar[int]

    @abc.abstractmethod
    def normals(self, dimension: int) -> int:
        """Return how many standard normals make an angle."""

    @abc.abstractmethod
    def collide(self, velocity: Float[Array, "K d"], normal: Float[Array, " m"]) -> Array:
        """Return the velocities after the collision, (K, d)."""


class Binary(CollisionLaw):
    """Two equal spheres; momentum and energy are kept.

    With `scattering="sigma"` the relative velocity turns to a uniform direction σ,
    v_{1,2}* = (v₁+v₂)/2 ± |v₁−v₂|σ/2; with "omega" the direction of impact ω is uniform,
    v₁* = v₁ + ⟨ω, v₂−v₁⟩ω (3.2), v₂* = v₂ − ⟨ω, v₂−v₁⟩ω (3.3). In d = 2 both are the same law.
    """

    scattering: str = eqx.field(static=True, default="sigma")
    order: int = eqx.field(static=True, default=2, init=False)

    def __check_init__(self):
        one_of(self.scattering, "scattering", ("sigma", "omega"))

    def normals(self, dimension: int) -> int:
        """Return d, of a uniform direction."""
        return dimension

    def collide(self, velocity: Float[Array, "2 d"], normal: Float[Array, " d"]) -> Array:
        """Return v₁*, v₂*."""
        v, w = velocity
        direction = _unit(normal)
        apart = v - w
        if self.scattering == "omega":
            kick = jnp.dot(direction, apart) * direction
            return jnp.stack([v - kick, w + kick])
        turned = 0.5 * jnp.sqrt(jnp.sum(apart**2)) * direction
        centre = 0.5 * (v + w)
        return jnp.stack([centre + turned, centre - turned])


class KacToy(CollisionLaw):
    """Kac's rotation of two scalar velocities by a uniform angle θ (3.5); d = 1."""

    order: int = eqx.field(static=True, default=2, init=False)

    def normals(self, dimension: int) -> int:
        """Return 2: the direction of a plane normal vector is a uniform angle."""
        return 2

    def collide(self, velocity: Float[Array, "2 d"], normal: Float[Array, " 2"]) -> Array:
        """Return (v₁ cos θ + v₂ sin θ, −v₁ sin θ + v₂ cos θ)."""
        cosine, sine = _unit(normal)
        v, w = velocity
        return jnp.stack([cosine * v + sine * w, cosine * w - sine * v])


class Symmetric(CollisionLaw):
    """Reflection of R^{dK}, v_i* = v_i − 2 Σ_ℓ ⟨ω_ℓ, v_ℓ⟩ ω_i (3.8), ω uniform on (3.7) or (3.10).

    Args:
        order: K ≥ 1.
        momentum: keep momentum, by Σ_i ω_i = 0 (3.10); K ≥ 2 then.
    """

    order: int = eqx.field(static=True)
    momentum: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        whole(self.order, "order", 2 if self.momentum else 1)

    def normals(self, dimension: int) -> int:
        """Return dK."""
        return self.order * dimension

    def collide(self, velocity: Float[Array, "K d"], normal: Float[Array, " m"]) -> Array:
        """Return V − 2⟨ω, V⟩ω."""
        omega = normal.reshape(velocity.shape)
        if self.momentum:
            omega = omega - jnp.mean(omega, 0)
        omega = omega / jnp.sqrt(jnp.sum(omega**2))
        return velocity - 2 * jnp.sum(omega * velocity) * omega


class Ternary(CollisionLaw):
    """The ternary law that is not symmetric (3.12)–(3.14): the first particle meets the others.

    v₁* = v₁ + c(ω₁+ω₂), v₂* = v₂ − cω₁, v₃* = v₃ − cω₂ with
    c = [⟨ω₁, v₂−v₁⟩ + ⟨ω₂, v₃−v₁⟩]/(1 + ⟨ω₁, ω₂⟩), ω uniform on the unit sphere of R^{2d}. The sign
    of c is reversed against the printed one, with which energy is not kept. (H3) does not hold.
    """

    order: int = eqx.field(static=True, default=3, init=False)

    def normals(self, dimension: int) -> int:
        """Return 2d."""
        return 2 * dimension

    def collide(self, velocity: Float[Array, "3 d"], normal: Float[Array, " m"]) -> Array:
        """Return v₁*, v₂*, v₃*."""
        first, second = _unit(normal).reshape(2, -1)
        u, v, w = velocity
        c = jnp.dot(first, v - u) + jnp.dot(second, w - u)
        c = c / (1 + jnp.dot(first, second))
        return jnp.stack([u + c * (first + second), v - c * first, w - c * second])


class BobylevCercignaniGamba(CollisionLaw):
    """v_i* = a v_i + b Σ_{j≠i} v_j (3.11), with random a and b; (H1) fails but for special a, b.

    Energy is kept if a² + (K−1)b² = 1 and 2ab + (K−2)b² = 0.

    Args:
        order: K ≥ 2.
        coefficients: maps (m,) standard normals to (a, b); or a pair of numbers.
        noise: m.
    """

    order: int = eqx.field(static=True)
    coefficients: Callable | tuple[float, float] = eqx.field(static=True)
    noise: int = eqx.field(static=True, default=1)

    def __check_init__(self):
        whole(self.order, "order", 2)

    def normals(self, dimension: int) -> int:
        """Return m."""
        return self.noise

    def collide(self, velocity: Float[Array, "K d"], normal: Float[Array, " m"]) -> Array:
        """Return (a − b) V + b ΣV."""
        a, b = self.coefficients(normal) if callable(self.coefficients) else self.coefficients
        return (a - b) * velocity + b * jnp.sum(velocity, 0)


class Rotation(CollisionLaw):
    """K = 1: the medium reflects a velocity; its energy is kept (Remark 1.1)."""

    order: int = eqx.field(static=True, default=1, init=False)

    def normals(self, dimension: int) -> int:
        """Return d."""
        return dimension

    def collide(self, velocity: Float[Array, "1 d"], normal: Float[Array, " d"]) -> Array:
        """Return the reflection by a uniform direction, v − 2⟨ω, v⟩ω."""
        omega = _unit(normal)
        return velocity - 2 * (velocity @ omega)[:, None] * omega


class Thermostat(CollisionLaw):
    """K = 1: the medium replaces a velocity by one drawn at temperature T; not linear, no (H1)."""

    temperature: Float[Array, ""] = eqx.field(default=1.0, converter=jnp.asarray)
    order: int = eqx.field(static=True, default=1, init=False)

    def normals(self, dimension: int) -> int:
        """Return d."""
        return dimension

    def collide(self, velocity: Float[Array, "1 d"], normal: Float[Array, " d"]) -> Array:
        """Return √T times the normals."""
        return (jnp.sqrt(self.temperature).astype(normal.dtype) * normal)[None]


class Custom(CollisionLaw):
    """A law from one function.

    Args:
        order: K.
        function: maps velocities (K, d) and standard normals (m,) to velocities (K, d).
        noise: m.
    """

    order: int = eqx.field(static=True)
    function: Callable = eqx.field(static=True)
    noise: int = eqx.field(static=True)

    def __check_init__(self):
        whole(self.order, "order")

    def normals(self, dimension: int) -> int:
        """Return m."""
        return self.noise

    def collide(self, velocity: Float[Array, "K d"], normal: Float[Array, " m"]) -> Array:
        """Return `function(velocity, normal)`."""
        return self.function(velocity, normal)


def _unit(x: Float[Array, " m"]) -> Float[Array, " m"]:
    """x/|x|; the first axis for x = 0, which a generator of finite words may draw."""
    square = jnp.sum(x**2)
    axis = jnp.asarray(np.eye(1, x.size)[0], x.dtype)
    return jnp.where(square > 0, x / jnp.sqrt(jnp.maximum(square, jnp.finfo(x.dtype).tiny)), axis)
