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

from jaxkin.model import KineticEquation
from jaxkin.numerics.checks import require, require_finite
from jaxkin.numerics.domains import Domain, Interval, Positive
from jaxkin.observables import Observable, Weighted
from jaxkin.operators.fourier import Boltzmann
from jaxkin.operators.hermite import BoltzmannHermite
from jaxkin.physics.masses import common_dtype


class Prepared(NamedTuple):
    """What the operator prepares for Q and for Q₋."""

    collision: Any
    loss: Any


class Annihilation(KineticEquation):
    """∂f/∂t = (1−α) Q(f, f) − α Q₋(f, f) by any of the three operators of Boltzmann.

    A state is that of the operator. On a grid with `conserve` the correction applies to Q alone.

    Args:
        operator: `Boltzmann`, `BoltzmannHermite` or `BoltzmannRadial`; it holds the kernel.
        alpha: α in [0, 1].
        density: n > 0 at time 0.

    Raises:
        ValueError: an argument is out of range.
    """

    operator: Boltzmann | BoltzmannHermite
    alpha: Float[Array, ""]
    density: Float[Array, ""]

    def __init__(self, operator: Boltzmann | BoltzmannHermite, alpha: Any, density: Any = 1.0):
        require(
            isinstance(operator, Boltzmann | BoltzmannHermite),
            "operator",
            "be a `Boltzmann`, `BoltzmannHermite` or `BoltzmannRadial`",
            f"it is a {type(operator).__name__}",
        )
        self.operator = operator
        self.alpha = jnp.asarray(alpha, common_dtype(alpha))
        require(self.alpha.ndim == 0, "alpha", "be a number", f"its shape is {self.alpha.shape}")
        require_finite(self.alpha, "alpha")
        require(
            (self.alpha >= 0) & (self.alpha <= 1),
            "alpha",
            "be a probability in [0, 1]",
            f"it is {alpha}",
        )

        require_finite(density, "density", minimum=0.0, strict=True)
        self.density = jnp.asarray(density, operator.kernel.dtype)

    def prepare(self) -> Prepared:
        """Return what the operator prepares for Q and for Q₋."""
        return Prepared(self.operator.prepare(), self.operator.prepare_loss())

    def rate_of_change(self, t: Any, state: Any, prepared: Prepared) -> Any:
        """Return (1−α) Q(f, f) − α Q₋(f, f)."""
        alpha = self.alpha.astype(state.dtype)
        Q = self.operator.collision(state, prepared.collision)
        return (1 - alpha) * Q - alpha * self.operator.loss(state, prepared.loss)

    # What the operator knows.

    def check(self, law: Any) -> None:
        """Raise `ValueError` if the operator does not resolve the law."""
        self.operator.check(law)

    def project(self, law: Any) -> Any:
        """Return the operator's state for the law."""
        projected = self.operator.project(law)
        return self.density.astype(projected.dtype) * projected

    def measure(self, state: Any) -> Weighted:
        """Return weighted velocities, as the operator does; the weights have the sum n."""
        return self.operator.measure(state)

    def observe(self, state: Any, observable: Observable) -> Array:
        """Evaluate one observable as the operator does."""
        return self.operator.observe(state, observable)

    def observables(self) -> tuple[Observable, ...]:
        """Return density, momentum, energy, stress, heat flux, and ⟨|v|⁴⟩, ⟨|v|⁶⟩."""
        return self.operator.observables()

    def domains(self) -> dict[str, Domain]:
        """Return the domain of α, and those of the operator."""
        own = {f"operator.{name}": domain for name, domain in self.operator.domains().items()}
        return {"alpha": Interval(0.0, 1.0), "density": Positive(), **own}
