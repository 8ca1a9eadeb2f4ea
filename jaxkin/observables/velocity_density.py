"""Densities of a velocity: how they are integrated.

A polynomial is integrated by a rule that is exact for the representation at hand; whether φ is one
follows from its own program (`jaxkin.numerics.polynomials`), unless its degree is stated. Anything
else (a jump, a kink, a wave) is integrated along rays from the values of the density
(`jaxkin.numerics.rays`), by two rules whose difference must be below a tolerance.
"""

import abc
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.numerics.polynomials import is_polynomial, polynomial_degree
from jaxkin.numerics.rays import Frame, along_rays
from jaxkin.observables.base import Coordinates
from jaxkin.observables.density import Density, at_each, one

Rule = tuple[Float[Array, "n d"], Float[Array, " n"]]


class VelocityDensity(Density):
    """A density f(v) on R^d."""

    @property
    @abc.abstractmethod
    def dimension(self) -> int:
        """d."""

    @property
    def arguments(self) -> tuple[str, ...]:
        """f(v)."""
        return ("velocity",)

    @abc.abstractmethod
    def __call__(self, velocity: Float[Array, "*n d"]) -> Float[Array, "*n"]:  # type: ignore[override]
        """Return f(v)."""

    @abc.abstractmethod
    def rule(self, degree: int) -> Rule:
        """Return velocities (n, d) and weights (n,) with Σ w φ(v) = ∫ φ f for polynomials φ."""

    @abc.abstractmethod
    def frame(self) -> Frame:
        """Return where f lives, for integrals along rays."""

    def tolerance(self) -> float:
        """Return how large an error of ∫ φ f may be, in units of ∫ |φ f|."""
        return 1e-6 if self.frame().centre.dtype == jnp.float64 else 1e-4

    def integral(
        self,
        function: Callable[[Coordinates], Any],
        degree: int | None = None,
        name: str = "φ",
        *,
        mass: Any = None,
        kind: Any = None,
    ) -> Array:
        """Return ∫ φ f dv.

        Args:
            function: φ, from the `Coordinates` of one particle to a number or an array.
            degree: of φ as a polynomial; None: it is looked for.
            name: of the observable, for messages.
            mass: of the particles, if φ may ask for it.
            kind: their type, likewise.
        """
        frame = self.frame()
        dtype = frame.centre.dtype

        def phi(v: Array) -> Array:
            value = jnp.asarray(one(function, Coordinates(mass=mass, velocity=v, type=kind), name))
            return value if jnp.iscomplexobj(value) else value.astype(dtype)

        seen = polynomial_degree(phi, frame.centre)
        stated = seen if degree is None else degree
        if stated is None:
            return self._along_rays(phi, name)
        value = self._by_rule(phi, stated)
        if seen is not None and seen <= stated:
            return value
        return self._trusted(phi, value, stated, name)

    def _by_rule(self, phi: Callable[[Array], Array], degree: int) -> Array:
        velocity, weight = self.rule(degree)
        values = jax.vmap(phi)(velocity)
        return jnp.tensordot(weight, values.astype(jnp.result_type(values, weight)), axes=1)

    def _trusted(self, phi: Any, value: Array, degree: int, name: str) -> Array:
        """Return the value for a stated degree, unless φ is no polynomial of that degree."""
        frame = self.frame()
        return eqx.error_if(
            value,
            ~is_polynomial(phi, degree, *jax.lax.stop_gradient((frame.centre, frame.spread))),
            f"Argument `degree` must be the degree of a polynomial, but {name!r} is no polynomial "
            f"of degree {degree}. Leave `degree` out.",
        )

    def _along_rays(self, phi: Callable[[Array], Array], name: str) -> Array:
        frame = self.frame()
        shape = jax.eval_shape(phi, frame.centre)

        def add(total: tuple[Array, Array], places: Array, masses: Array) -> tuple[Array, Array]:
            f = self(places)
            part = jnp.matmul(f.astype(masses.dtype), masses, precision="highest")
            return total[0] + part, total[1] + jnp.abs(f) @ jnp.abs(masses)

        real = jnp.zeros(shape.size, frame.centre.dtype)
        zero = real.astype(shape.dtype), real
        (fine, size), (coarse, _) = along_rays(phi, frame, add, (zero, zero))
        return self._agreed(fine, coarse, size, name).reshape(shape.shape)

    def _agreed(self, fine: Array, coarse: Array, size: Array, name: str) -> Array:
        """Return the finer value, if the coarser one is near."""
        tolerance = self.tolerance()
        return eqx.error_if(
            fine,
            ~jnp.all(jnp.abs(fine - coarse) <= tolerance * size),
            f"Argument `observe` must hold functions that two rules integrate alike to "
            f"{tolerance:g}, but they differ by more for {name!r}. {self._remedy()}",
        )

    def _remedy(self) -> str:
        return (
            "Jumps, kinks or waves of it are not resolved: take a smoother function, or one of "
            "`jaxkin.observables` that has a closed form (`Histogram` for the bins of a component)."
        )

    def characteristic(self, wave_vectors: Float[np.ndarray, "m d"]) -> Float[Array, "m 2"]:
        """Return ∫ f e^{−ik·v} dv, real and imaginary part."""

        def function(z: Coordinates) -> Array:
            phase = jnp.asarray(wave_vectors, z.velocity.dtype) @ z.velocity
            return jnp.stack([jnp.cos(phase), -jnp.sin(phase)], axis=-1)

        return self.integral(function, name="characteristic_function")

    def marginal(self, axis: int, places: Float[Array, " n"]) -> Float[Array, " n"]:
        """Return the density of one component of the velocity; not every density has it."""
        raise ValueError(
            f"Argument `observe` must hold what the density tells, but a {type(self).__name__} "
            "has no closed marginals. Use a `Mean` of the share of each bin."
        )

    def histogram(self, edges: Sequence[float], axis: int) -> Float[Array, " bins"]:
        """Return ∫ f over each bin of one component, from the marginal, a smooth function."""
        frame = self.frame()
        centre, spread = jax.lax.stop_gradient((frame.centre[axis], frame.spread))
        rule = np.polynomial.legendre.leggauss(16 + frame.degree // 2)
        x, w = (jnp.asarray(each, centre.dtype) for each in rule)
        panels = int(np.ceil(2 * frame.reach / 1.5))
        parts = jnp.linspace(0, 1, panels + 1, dtype=centre.dtype)
        marks = jnp.asarray(edges, centre.dtype)
        low, high = centre - frame.reach * spread, centre + frame.reach * spread
        ends = jnp.clip(marks, low, high)  # beyond, f vanishes; edges may be infinite
        cuts = ends[:-1, None] + jnp.diff(ends)[:, None] * parts
        half, middle = jnp.diff(cuts) / 2, (cuts[:, 1:] + cuts[:, :-1]) / 2
        nodes = middle[..., None] + half[..., None] * x
        values = self.marginal(axis, nodes.reshape(-1)).reshape(nodes.shape)
        return jnp.einsum("bpn,bp,n->b", values, half, w)

    def entropy(self) -> Array:
        """Return ∫ f log f dv, over where f > 0, by the rule of `entropy_rule`."""
        velocity, measure = self.entropy_rule()
        f = self(velocity)
        safe = jnp.where(f > 0, f, 1)  # the logarithm has no derivative elsewhere
        return jnp.sum(measure * jnp.where(f > 0, f * jnp.log(safe), 0))

    @abc.abstractmethod
    def entropy_rule(self) -> Rule:
        """Return velocities and weights with Σ w g(v) = ∫ g dv for g = f log f."""

    def entries(self) -> dict[str, Callable[[], Array]]:
        """Return the entropy."""
        return {"entropy": self.entropy}


class TypeDensities(Density):
    """Densities f_α(v) of the types of a mixture, each of its own mass.

    Args:
        parts: f_α for each type.
        masses: M_α for each type.
    """

    parts: tuple[VelocityDensity, ...]
    masses: tuple[float, ...] = eqx.field(static=True)

    @property
    def arguments(self) -> tuple[str, ...]:
        """f_α(v)."""
        return ("velocity",)

    @property
    def leading(self) -> str:
        """Types."""
        return "type"

    def __call__(self, velocity: Float[Array, "*n d"]) -> Float[Array, "k *n"]:  # type: ignore[override]
        """Return f_α(v) of each type."""
        return jnp.stack([part(velocity) for part in self.parts])

    def integral(
        self, function: Callable[[Coordinates], Any], degree: int | None = None, name: str = "φ"
    ) -> Array:
        """Return Σ_α ∫ φ f_α dv."""
        terms = []
        for kind, (part, mass) in enumerate(zip(self.parts, self.masses, strict=True)):
            dtype = part.frame().centre.dtype
            terms.append(
                part.integral(
                    function,
                    degree,
                    name,
                    mass=jnp.asarray(mass, dtype),
                    kind=jnp.asarray(kind),
                )
            )
        return sum(terms[1:], terms[0])

    def of_type(self, kind: int) -> VelocityDensity:
        """Return f_α of one type."""
        return self.parts[kind]

    def characteristic(self, wave_vectors: Float[np.ndarray, "m d"]) -> Float[Array, "m 2"]:
        """Return Σ_α ∫ f_α e^{−ik·v} dv."""
        return sum(part.characteristic(wave_vectors) for part in self.parts)  # type: ignore[return-value]

    def histogram(self, edges: Sequence[float], axis: int) -> Float[Array, " bins"]:
        """Return Σ_α ∫ f_α over each bin of one component."""
        return sum(part.histogram(edges, axis) for part in self.parts)  # type: ignore[return-value]

    def entropy(self) -> Float[Array, " k"]:
        """Return ∫ f_α log f_α dv of each type."""
        return jnp.stack([part.entropy() for part in self.parts])

    def entries(self) -> dict[str, Callable[[], Array]]:
        """Return the entropy of each type."""
        return {"entropy": self.entropy}


__all__ = ["TypeDensities", "VelocityDensity", "at_each"]
