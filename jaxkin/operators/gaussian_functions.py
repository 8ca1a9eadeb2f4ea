"""State spaces of polynomials times a Gaussian M_w about 0: what Hermite and Sonine functions
share.
"""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.laws.base import require_law
from jaxkin.laws.velocities import VelocityLaw
from jaxkin.numerics.checks import is_traced, require, require_finite, whole
from jaxkin.operators.base import Operator


class GaussianFunctions(Operator):
    """f = M_w Σ_a f_a φ_a(v/√w), φ_a orthonormal polynomials under the standard normal law.

    The coefficients are moments, f_a = ∫ f φ_a(v/√w) dv.

    Attributes:
        dimension: d.
        degree: the largest degree of φ_a, at least 2.
        width: w, the variance of the Gaussian; None for 1.
    """

    dimension: eqx.AbstractVar[int]
    degree: eqx.AbstractVar[int]
    width: eqx.AbstractVar[float | None]

    def _begin(self, degree: int, width: float | None) -> None:
        """Check and set degree and width."""
        self.degree = whole(degree, "degree", 2)
        if width is not None:
            require_finite(width, "width", minimum=0.0, strict=True)
        self.width = None if width is None else float(width)

    @property
    def variance(self) -> float:
        """w, the variance of the Gaussian."""
        return 1.0 if self.width is None else float(self.width)

    @abc.abstractmethod
    def degrees(self) -> np.ndarray:
        """Return the degree of each function."""

    @abc.abstractmethod
    def basis(self, velocity: Float[Array, "n d"]) -> Float[Array, "n N"]:
        """Return φ_a(v/√w)."""

    def project(self, law: VelocityLaw) -> Float[Array, " N"]:
        """Return f_a = ∫ f₀ φ_a(v/√w) dv, exact for laws with a quadrature."""
        require_law(law, VelocityLaw, dimension=self.dimension, needs=("quadrature",))
        nodes, weights = law.quadrature(self.degree // 2 + 2)
        return (weights @ self.basis(nodes)).astype(self.dtype)

    def density(
        self, state: Float[Array, " N"], velocity: Float[Array, "*n d"]
    ) -> Float[Array, "*n"]:
        """Return f(v)."""
        return self.measure(state)(velocity)

    def check(self, law: Any) -> None:
        """Raise `ValueError` if the law is not resolved.

        The coefficients of the two highest degrees must have a norm below a fifth of the whole.
        They grow with the degree for a law whose variance is above 2w.
        """
        f = self.project(law)
        if is_traced(f):
            return
        require(jnp.all(jnp.isfinite(f)), "law", "have finite moments", "some are not")
        highest = f[self.degrees() >= self.degree - 1]
        last = float(jnp.linalg.norm(highest) / jnp.linalg.norm(f))
        require(
            last < 0.2,
            "width",
            "let the series of the law converge: the coefficients of its two highest degrees "
            "should be below 0.2 of all",
            f"they are {last:.3g}",
            "Give a `width` near the temperature of the law, and a larger `degree`.",
        )
