"""The spatially homogeneous Boltzmann equation, ∂f/∂t = Q(f, f), by any operator.

Q is the operator's collision term: binary collisions with a kernel (Paul et al., §1), of any order
with constant rates (Cárdenas et al., (1.1), (1.6)), or one of your own, such as a relaxation.
"""

from typing import Any

from jaxkin.equations.on_operator import OnOperator
from jaxkin.operators.base import Operator, need


class Boltzmann(OnOperator):
    """∂f/∂t = Q(f, f).

    Args:
        operator: how Q is evaluated: `jaxkin.operators.Fourier`, `Hermite`, `Sonine`, `Moments`, or
            a class of your own. A state is that of the operator.

    Raises:
        ValueError: it is no operator, or a method that still lacks its kernel.
    """

    operator: Operator

    def __init__(self, operator: Operator):
        need(operator, (), "Boltzmann")
        self.operator = operator

    def rate_of_change(self, t: Any, state: Any, prepared: Any) -> Any:
        """Return Q(f, f)."""
        return self.operator.collision(state, prepared)

    def conserves(self) -> tuple[str | tuple[str, ...], ...]:
        """Return what the operator conserves."""
        return self.operator.conserves()
