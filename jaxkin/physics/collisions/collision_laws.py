"""Collision laws T_K^ω: what a collision does to K velocities (Cárdenas et al., §1.1, §3).

A law maps K velocities and an angle ω to K velocities, linearly in the velocities (except for
the binary laws that need the direction of the relative velocity). The angle is made of independent
standard normals, so that a law is one function of one tuple,

    collide(V (K, d), normals (m,)) → (K, d),

and everything else, which tuple and when, is the business of `jaxkin.KacGas`. To add a law, derive
from `CollisionLaw` or hand a function to `Custom`. `jaxkin.check_hypotheses` tells which of the
hypotheses (H1)–(H3) hold.

The equation of moments (`jaxkin.operators.moments`) takes means over ω of polynomials.
It takes an angle of `angles` and the wave vectors of `slots`; a law that overrides them, with a
rule of its own, is cheaper or more precise.
"""

import abc
import math
from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
from jaxtyping import Array, Float

from jaxkin.numerics.arrays import array
from jaxkin.numerics.checks import one_of, require_finite, whole
from jaxkin.numerics.hermite import gauss_hermite
from jaxkin.numerics.hypersphere_rules import hypersphere_rule, normal_rule
from jaxkin.numerics.vectors import inner, perpendicular, positive, unit
from jaxkin.physics.collisions.angles import Angle


class CollisionLaw(eqx.Module):
    """A law for K particles.

    Attributes:
        order: K.
        direction_only: whether only the direction of the normals matters, not their length, so that
            a cheaper isotropic vector serves as well.
    """

    order: eqx.AbstractVar[int]
    direction_only: ClassVar[bool] = False

    @abc.abstractmethod
    def normals(self, dimension: int) -> int:
        """Return how many standard normals make an angle."""

    @abc.abstractmethod
    def collide(self, velocity: Float[Array, "K d"], normal: Float[Array, " m"]) -> Array:
        """Return the velocities after the collision, (K, d)."""

    def slots(self, k: Float[Array, " d"], normal: Float[Array, " m"]) -> Float[Array, "n K d"]:
        """Return T_{iℓ}ᵀk for the particles i = 1 … n whose mean is that of all K; n = K here.

        For a law linear in the velocities up to a constant. With (H3) one i is enough. A law
        that is not linear may give any vectors s_ℓ, homogeneous in k, with
        E exp(−ik·v_i*) = E exp(−iΣ s_ℓ·v_ℓ).
        """
        still = jnp.zeros((self.order, k.size), k.dtype)
        _, transpose = jax.vjp(lambda v: self.collide(v, normal), still)
        ends = jnp.eye(self.order, dtype=k.dtype)[:, :, None] * k
        return jax.vmap(lambda end: transpose(end)[0])(ends)

    def angles(self, degree: int, dimension: int, nodes: int) -> tuple[np.ndarray, np.ndarray]:
        """Return normals (n, m) and weights (n,) for means of products of `degree` slots.

        Args:
            degree: how many components of slots are multiplied at most.
            dimension: d.
            nodes: n at most, where no rule is exact.
        """
        return normal_rule(2 * degree, self.normals(dimension), nodes)


class Binary(CollisionLaw):
    """Two equal spheres; momentum and energy are kept.

    With `scattering="sigma"` the relative velocity turns to a uniform direction σ,
    v_{1,2}* = (v₁+v₂)/2 ± |v₁−v₂|σ/2; with "omega" the direction of impact ω is uniform,
    v₁* = v₁ + ⟨ω, v₂−v₁⟩ω (3.2), v₂* = v₂ − ⟨ω, v₂−v₁⟩ω (3.3). In d = 2 both are the same law.

    Args:
        scattering: "sigma" or "omega".

    Raises:
        ValueError: it is another word.
    """

    scattering: str = eqx.field(static=True, default="sigma")
    order: int = eqx.field(static=True, default=2, init=False)
    direction_only = True

    def __check_init__(self):
        one_of(self.scattering, "scattering", ("sigma", "omega"))

    def normals(self, dimension: int) -> int:
        """Return d, of a uniform direction."""
        return dimension

    def collide(self, velocity: Float[Array, "2 d"], normal: Float[Array, " d"]) -> Array:
        """Return v₁*, v₂*."""
        v, w = velocity
        apart, square = v - w, positive(inner(normal, normal))
        if self.scattering == "omega":
            kick = inner(normal, apart) / square * normal
            return jnp.stack([v - kick, w + kick])
        # One root of a ratio: to normalise first would lose 1e-8 of the energy in each collision.
        turned = 0.5 * jnp.sqrt(inner(apart, apart) / square) * normal
        centre = 0.5 * (v + w)
        return jnp.stack([centre + turned, centre - turned])

    def slots(self, k: Float[Array, " d"], normal: Float[Array, " d"]) -> Float[Array, "1 2 d"]:
        """Return (k ± |k|σ)/2 (Bobylev's identity), or k − ⟨ω, k⟩ω and ⟨ω, k⟩ω, by (H3)."""
        if self.scattering == "omega":
            return super().slots(k, normal)[:1]
        turned = jnp.sqrt(jnp.sum(k**2)) * unit(normal)
        return 0.5 * jnp.stack([k + turned, k - turned])[None]

    def angles(self, degree: int, dimension: int, nodes: int) -> tuple[np.ndarray, np.ndarray]:
        """Return directions: slots are linear in σ, and quadratic in ω."""
        if self.scattering == "omega":
            return hypersphere_rule(2 * degree, dimension, even=True)
        return hypersphere_rule(degree, dimension)


class Deflection(CollisionLaw):
    """Two equal spheres whose relative velocity turns by a random angle; keeps both invariants.

    v_{1,2}* = (v₁+v₂)/2 ± |v₁−v₂|σ/2 with ⟨σ, v₁−v₂⟩/|v₁−v₂| = cos θ from `jaxkin.angles`, and σ
    uniform around v₁ − v₂.

    Args:
        angle: the law of cos θ.
    """

    angle: Angle
    order: int = eqx.field(static=True, default=2, init=False)

    def normals(self, dimension: int) -> int:
        """Return d: d − 1 for a direction around v₁ − v₂, and one for the angle."""
        return dimension

    def collide(self, velocity: Float[Array, "2 d"], normal: Float[Array, " d"]) -> Array:
        """Return v₁*, v₂*."""
        v, w = velocity
        centre, turned = 0.5 * (v + w), 0.5 * self._turned(v - w, normal)
        return jnp.stack([centre + turned, centre - turned])

    def _turned(self, x: Float[Array, " d"], normal: Float[Array, " d"]) -> Float[Array, " d"]:
        """Return |x|σ, σ at the angle θ from x."""
        axis = unit(x)
        # The distribution function of a normal number is uniform.
        cosine = self.angle.cosine(jax.scipy.stats.norm.cdf(normal[-1]), x.size)
        sine = jnp.sqrt(jnp.maximum(1 - cosine**2, 0))
        around = inner(unit(normal[:-1])[:, None], perpendicular(axis))
        return jnp.sqrt(inner(x, x)) * (cosine * axis + sine * around)

    def slots(self, k: Float[Array, " d"], normal: Float[Array, " d"]) -> Float[Array, "1 2 d"]:
        """Return (k ± |k|σ)/2 with σ at the angle θ from k (Bobylev's identity)."""
        turned = self._turned(k, normal)
        return 0.5 * jnp.stack([k + turned, k - turned])[None]

    def angles(self, degree: int, dimension: int, nodes: int) -> tuple[np.ndarray, np.ndarray]:
        """Return directions around k, exact, times Gauss–Legendre points of the quantile of θ."""
        across, share = hypersphere_rule(degree, dimension - 1)
        points = max(16, math.isqrt(nodes) // 2)  # 64 by default
        x, w = np.polynomial.legendre.leggauss(points)
        s = (x + 1) / 2  # of u = s⁴, as in `Angle.harmonics`
        angle = np.broadcast_to(scipy.special.ndtri(s**4)[:, None, None], (points, len(share), 1))
        both = np.concatenate([np.broadcast_to(across, (points, *across.shape)), angle], -1)
        return both.reshape(-1, dimension), np.outer(2 * w * s**3, share).reshape(-1)


class KacToy(CollisionLaw):
    """Kac's rotation of two scalar velocities by a uniform angle θ (3.5); d = 1."""

    order: int = eqx.field(static=True, default=2, init=False)
    direction_only = True

    def normals(self, dimension: int) -> int:
        """Return 2: the direction of a plane normal vector is a uniform angle."""
        return 2

    def collide(self, velocity: Float[Array, "2 d"], normal: Float[Array, " 2"]) -> Array:
        """Return (v₁ cos θ + v₂ sin θ, −v₁ sin θ + v₂ cos θ)."""
        cosine, sine = unit(normal)
        v, w = velocity
        return jnp.stack([cosine * v + sine * w, cosine * w - sine * v])

    def angles(self, degree: int, dimension: int, nodes: int) -> tuple[np.ndarray, np.ndarray]:
        """Return directions of the plane, exact."""
        return hypersphere_rule(degree, 2)


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
        flat = omega.reshape(-1)
        return (
            velocity - 2 * inner(flat, velocity.reshape(-1)) / positive(inner(flat, flat)) * omega
        )

    def slots(self, k: Float[Array, " d"], normal: Float[Array, " m"]) -> Float[Array, "1 K d"]:
        """Return those of the first particle: (H3) holds."""
        return super().slots(k, normal)[:1]

    def angles(self, degree: int, dimension: int, nodes: int) -> tuple[np.ndarray, np.ndarray]:
        """Return directions of R^{dK}, or of its subspace Σ_i ω_i = 0; slots are quadratic."""
        if not self.momentum:
            return hypersphere_rule(2 * degree, self.order * dimension, even=True)
        relative = self.order - 1
        directions, weights = hypersphere_rule(2 * degree, relative * dimension, even=True)
        # Orthonormal, and orthogonal to (1, …, 1): a basis of the relative motion.
        basis = np.linalg.qr(np.eye(self.order) - 1 / self.order)[0][:, :relative]
        spread = np.einsum("ij,njd->nid", basis, directions.reshape(-1, relative, dimension))
        return spread.reshape(len(weights), -1), weights


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
        first, second = unit(normal).reshape(2, -1)
        u, v, w = velocity
        c = inner(first, v - u) + inner(second, w - u)
        c = c / (1 + inner(first, second))
        return jnp.stack([u + c * (first + second), v - c * first, w - c * second])

    def angles(self, degree: int, dimension: int, nodes: int) -> tuple[np.ndarray, np.ndarray]:
        """Return directions of ω₁ ± ω₂, exact, times Gauss–Jacobi points of r = |ω₁+ω₂|²/2.

        1 + ⟨ω₁, ω₂⟩ = ½ + r, so that the error falls by (2+√3)² with every point.
        """
        toward = hypersphere_rule(2 * degree, dimension, even=True)
        across = hypersphere_rule(2 * degree, dimension)
        t, w = scipy.special.roots_jacobi(degree + 10, dimension / 2 - 1, dimension / 2 - 1)
        x = np.sqrt((1 + t) / 2)[:, None, None, None] * toward[0][:, None]
        y = np.sqrt((1 - t) / 2)[:, None, None, None] * across[0]
        both = np.concatenate(np.broadcast_arrays(x + y, x - y), -1) / np.sqrt(2)
        weights = np.einsum("i,j,k->ijk", w / w.sum(), toward[1], across[1])
        return both.reshape(-1, 2 * dimension), weights.reshape(-1)


class BobylevCercignaniGamba(CollisionLaw):
    """v_i* = a v_i + b Σ_{j≠i} v_j (3.11), with random a and b; (H1) holds for special a, b alone.

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
    direction_only = True

    def normals(self, dimension: int) -> int:
        """Return d."""
        return dimension

    def collide(self, velocity: Float[Array, "1 d"], normal: Float[Array, " d"]) -> Array:
        """Return the reflection by a uniform direction, v − 2⟨ω, v⟩ω."""
        along = inner(velocity[0], normal) / positive(inner(normal, normal))
        return velocity - 2 * along * normal

    def angles(self, degree: int, dimension: int, nodes: int) -> tuple[np.ndarray, np.ndarray]:
        """Return directions, exact; slots are quadratic in them."""
        return hypersphere_rule(2 * degree, dimension, even=True)


class Thermostat(CollisionLaw):
    """K = 1: the medium replaces a velocity by one drawn at temperature T; not linear, no (H1).

    Args:
        temperature: T ≥ 0.

    Raises:
        ValueError: the temperature is negative or not finite.
    """

    temperature: Float[Array, ""] = eqx.field(default=1.0, converter=array)
    order: int = eqx.field(static=True, default=1, init=False)

    def __check_init__(self):
        require_finite(self.temperature, "temperature", minimum=0.0)

    def normals(self, dimension: int) -> int:
        """Return d."""
        return dimension

    def collide(self, velocity: Float[Array, "1 d"], normal: Float[Array, " d"]) -> Array:
        """Return √T times the normals."""
        return (jnp.sqrt(self.temperature).astype(normal.dtype) * normal)[None]

    def angles(self, degree: int, dimension: int, nodes: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the Gauss–Hermite rule: what is averaged is a polynomial of the normals."""
        return gauss_hermite(degree // 2 + 1, dimension)


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
