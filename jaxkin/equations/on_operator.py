"""What equations that are written on an operator share: the state is that of the operator."""

from typing import Any

import equinox as eqx

from jaxkin.model import KineticEquation
from jaxkin.observables.base import Observable
from jaxkin.observables.density import Density
from jaxkin.operators.base import Operator


class OnOperator(KineticEquation):
    """An equation on the state space of an operator.

    Attributes:
        operator: how the collision term is evaluated.
    """

    operator: eqx.AbstractVar[Operator]

    def check(self, law: Any) -> None:
        """Raise `ValueError` if the operator does not resolve the law."""
        self.operator.check(law)

    def prepare(self) -> Any:
        """Return what the operator prepares."""
        return self.operator.prepare()

    def project(self, law: Any) -> Any:
        """Return the operator's state for the law."""
        return self.operator.project(law)

    def measure(self, state: Any) -> Density:
        """Return the density of the state, as the operator knows it."""
        return self.operator.measure(state)

    def observables(self) -> tuple[Observable, ...]:
        """Return what is recorded when the user names nothing."""
        return self.operator.observables()

    def domains(self) -> dict[str, Any]:
        """Return the domains of the operator's parameters."""
        return {f"operator.{name}": domain for name, domain in self.operator.domains().items()}
