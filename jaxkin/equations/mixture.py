"""The spatially homogeneous Boltzmann system of a mixture of hard spheres.

    ∂f_α = Σ_β c_{αβ} χ_{αβ} Q_{αβ}(f_α, f_β)

(Ampatzoglou et al., Definition 2.4 without space), every f_α of integral 1; Q_{αβ} is that of
`jaxkin.operators.mixture`. χ = 1 in the limit; for N spheres it is how much more often they meet
(`contact`), known beside the constants.
"""

import warnings
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.equations.on_operator import OnOperator
from jaxkin.laws.by_type import ByType
from jaxkin.laws.velocities import Maxwellian
from jaxkin.numerics.checks import is_traced, require, require_finite
from jaxkin.numerics.domains import Domain, Positive
from jaxkin.operators.mixture import HermiteMixture, Tensor
from jaxkin.operators.mixture_widths import equilibrium_temperature, mixture_widths
from jaxkin.physics.spheres.mixture_constraint import constraint_defect

_EXPLAINED = "Diameters explain the constants, (1.12)"


class BoltzmannMixture(OnOperator):
    """The Boltzmann system for k types of hard spheres.

    Args:
        operator: `HermiteMixture`, with the masses of the types.
        constants: (k, k) c_{αβ}, as `jaxkin.HardSphereMixture.constants` has them.
        contact: (k, k) χ_{αβ}, by which rates of a finite density exceed those of the limit; None
            for 1. Fits take it as known, so that they find the constants of the limit.

    Raises:
        ValueError: an argument is out of range.
    """

    operator: HermiteMixture
    constants: Float[Array, "k k"]
    contact: Float[Array, "k k"]

    def __init__(
        self, operator: HermiteMixture, constants: Float[Array, "k k"], *, contact: Any = None
    ):
        require(
            isinstance(operator, HermiteMixture),
            "operator",
            "be a `HermiteMixture`",
            f"it is a {type(operator).__name__}",
        )
        operator.ready()
        k = operator.types
        self.operator = operator
        self.constants = _matrix(constants, "constants", k)
        chi = _matrix(np.ones((k, k)) if contact is None else contact, "contact", k)
        self.contact = chi.astype(self.constants.dtype)
        require(
            is_traced(chi) or np.allclose(chi, np.asarray(chi).T, rtol=1e-5),
            "contact",
            "be symmetric: two types meet each other equally often",
            f"it is {self.contact}",
        )

    def rate_of_change(self, t: Any, state: Array, prepared: Tensor) -> Array:
        """Return Σ_β c_{αβ} χ_{αβ} Q_{αβ}(f_α, f_β)."""
        return self.operator.collision(state, prepared, self.constants * self.contact)

    # The protocol.

    def project(self, law: Any) -> Float[Array, "k N"]:
        """Return the coefficients of each type, in the type of the constants."""
        return self.operator.project(law).astype(self.constants.dtype)

    def check(self, law: Any) -> None:
        """Raise `ValueError` if the law is not `ByType`, depends on the place, or is not resolved.

        The coefficients of the two highest degrees of each type must have a norm below a fifth of
        all. They grow with the degree for a law whose variance is above 2s_α. Those of the
        Maxwellians that the gas ends in are looked at too, and warned of.
        """
        f, masses = self.project(law), self.operator.masses or ()
        widths = self.operator.variances
        if is_traced(f):
            return
        require(jnp.all(jnp.isfinite(f)), "law", "have finite moments", "some are not")
        last, worst = self.operator.unresolved(f)
        numbers = np.ones(self.operator.types)
        if not is_traced(self.constants) and bool(jnp.all(self.constants > 0)):
            c = np.asarray(self.constants)
            numbers = c[0] / c[:, 0]
        advice = [f"{s:.3g}" for s in mixture_widths(law, masses, numbers)]
        remedy = (
            f"Try widths=({', '.join(advice)}), the middle of the variances from the law to "
            "equilibrium (`gas.kinetic_limit(law=law)` takes these), and a larger `degree`. The "
            "variance of a gas is T/M."
        )
        require(
            last < 0.2,
            "widths",
            "let the Hermite series of the law converge: the coefficients of the two highest "
            "degrees of a type should be below 0.2 of all",
            f"they are {last:.3g} for type {worst + 1}, with the width {widths[worst]:.3g}",
            remedy,
        )
        final = equilibrium_temperature(law, masses, numbers)
        steady = ByType(*(Maxwellian(self.operator.dimension, final / mass) for mass in masses))
        last, worst = self.operator.unresolved(self.project(steady))
        if last >= 0.2:
            warnings.warn(
                f"Near equilibrium, at temperature {final:.3g}, the Hermite series of type "
                f"{worst + 1} does not converge: its Gaussian has the width "
                f"{widths[worst]:.3g}, and the gas tends to {final / masses[worst]:.3g}. {remedy}",
                UserWarning,
                stacklevel=3,
            )

    def conserves(self) -> tuple[str | tuple[str, ...], ...]:
        """Return what the operator conserves."""
        return self.operator.conserves()

    def domains(self) -> dict[str, Domain]:
        """Return the domain of each parameter that can be fitted."""
        return {"constants": Positive()}

    def conditions(self) -> dict[str, Array]:
        """Return the conditions that diameters set to the constants, (1.12) for two types."""
        if self.operator.types == 1:
            return {}
        return {_EXPLAINED: constraint_defect(self.constants, self.operator.dimension)}


def _matrix(values: Any, name: str, k: int) -> Float[Array, "k k"]:
    array = jnp.asarray(values)
    array = array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(float)
    require(array.shape == (k, k), name, f"have the shape {(k, k)}", f"it is {array.shape}")
    require_finite(array, name, minimum=0.0)
    return array
