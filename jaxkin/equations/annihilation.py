"""The homogeneous kinetic equation of a gas whose particles annihilate in a share of collisions.

    ∂f/∂t = (1−α) Q(f, f) − α Q₋(f, f)                                        (Lods et al., (1.1))

Two particles that meet annihilate with probability α and collide elastically otherwise:
Q = Q₊ − Q₋ is the operator of Boltzmann and Q₋(f, f) = f ∫ B̄(|v−v*|) f(v*) dv* its loss. Mass and
energy fall (1.3),

    dn/dt = −α ∫ Q₋(f, f) dv,   dE/dt = −α ∫ |v|² Q₋(f, f) dv.

For Maxwell molecules, B̄ = C, n' = −αC n², and f/n obeys the Boltzmann equation in the time
(1−α)∫n dt. If B̄ grows with the speed, the fast are lost first and the gas cools:
`SelfSimilarAnnihilation` then follows it for long.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxkin.equations.on_operator import OnOperator
from jaxkin.numerics.checks import is_traced, require, require_finite
from jaxkin.operators.base import Operator, need
from jaxkin.physics.masses import common_dtype


class Prepared(NamedTuple):
    """What the operator prepares for Q and for Q₋."""

    collision: Any
    loss: Any


class Annihilation(OnOperator):
    """∂f/∂t = (1−α) Q(f, f) − α Q₋(f, f) by an operator that knows its loss.

    A state is that of the operator. On a grid with `conserve` the correction applies to Q alone.

    Args:
        operator: `jaxkin.operators.Fourier`, `Hermite` or `Sonine` with a kernel, or one of your
            own with `loss` and `prepare_loss`.
        alpha: α in [0, 1].
        density: n > 0 at time 0.

    Raises:
        ValueError: an argument is out of range, or the operator does not know its loss.
    """

    operator: Any  # an `Operator` that knows its loss
    alpha: Float[Array, ""]
    density: Float[Array, ""]

    def __init__(self, operator: Operator, alpha: Any, density: Any = 1.0):
        need(operator, ("loss", "prepare_loss"), type(self).__name__)
        self.operator = operator
        self.alpha = jnp.asarray(alpha, common_dtype(alpha))
        require(self.alpha.ndim == 0, "alpha", "be a number", f"its shape is {self.alpha.shape}")
        require_finite(alpha, "alpha")
        require(
            is_traced(alpha) or 0 <= float(alpha) <= 1,
            "alpha",
            "be a probability in [0, 1]",
            f"it is {alpha}",
        )
        require_finite(density, "density", minimum=0.0, strict=True)
        dtype = getattr(operator, "dtype", self.alpha.dtype)
        self.density = jnp.asarray(density, dtype)

    def prepare(self) -> Prepared:
        """Return what the operator prepares for Q and for Q₋."""
        return Prepared(self.operator.prepare(), self.operator.prepare_loss())

    def rate_of_change(self, t: Any, state: Any, prepared: Prepared) -> Any:
        """Return (1−α) Q(f, f) − α Q₋(f, f)."""
        alpha = self.alpha.astype(state.dtype)
        Q = self.operator.collision(state, prepared.collision)
        return (1 - alpha) * Q - alpha * self.operator.loss(state, prepared.loss)

    # The protocol.

    def project(self, law: Any) -> Any:
        """Return the operator's state for the law, n times."""
        projected = self.operator.project(law)
        return self.density.astype(projected.dtype) * projected

    def domains(self) -> dict[str, Any]:
        """Return the domain of α and n, and those of the operator."""
        return {"alpha": "interval", "density": "positive", **super().domains()}
