"""Lawson's integrating-factor Runge–Kutta method for ∂y/∂t = L y + N(y), L diagonal in some basis.

The stiff part is gone in the interaction picture, z = e^{−(t−t₀)L} y and ∂z/∂t = e^{−(t−t₀)L} N(y),
and an explicit Runge–Kutta method (a, b, c) of step h reads, back in y,

    y_i = e^{c_i hL} y(t₀) + h Σ_{j<i} a_ij e^{(c_i − c_j)hL} N(y_j),
    y(t₀ + h) = e^{hL} y(t₀) + h Σ_j b_j e^{(1 − c_j)hL} N(y_j).

Here (a, b, c) is Tsitouras' pair 5(4): order 5 in N, exact in L. The nodes c increase, so no
exponent is positive when L dissipates and nothing overflows however long the step. (Lawson 1967;
Hochbruck and Ostermann 2010, section 2.)

Symbols: λ(k) the eigenvalues of L, h step, c nodes.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import diffrax
import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

_TABLEAU = diffrax.Tsit5.tableau
_NODES = (0.0, *(float(c) for c in _TABLEAU.c))


class Lawson(diffrax.AbstractAdaptiveSolver):
    """Integrating-factor Tsit5 for a state that is one array; the term it is given is N alone.

    Exact in L and of order 5 in N; the step is adapted to N alone. Between steps it offers linear
    interpolation only, so save at the ends of steps (`diffrax.ClipStepSizeController`).
    Where h|λ| ≫ 1 the part of y that N drives in a fast mode has an error of size hN, not of order
    5; the error estimate sees it and shortens the step.

    Attributes:
        eigenvalues: maps the solver's `args` to λ, in the shape of the transformed state.
        forward: maps y to its coefficients in the basis of L.
        backward: maps coefficients to y.
    """

    eigenvalues: Callable[[Any], Array] = eqx.field(static=True)
    forward: Callable[[Array], Array] = eqx.field(static=True)
    backward: Callable[[Array], Array] = eqx.field(static=True)

    term_structure: ClassVar = diffrax.AbstractTerm
    interpolation_cls: ClassVar[Callable] = diffrax.LocalLinearInterpolation

    def order(self, terms: diffrax.AbstractTerm) -> int:
        """Return 5."""
        return 5

    def error_order(self, terms: diffrax.AbstractTerm) -> int:
        """Return the order of the error estimate, for the step size controller."""
        return 5

    def init(self, terms, t0, t1, y0, args) -> None:
        """Keep no state between steps."""
        return None

    def func(self, terms: diffrax.AbstractTerm, t0, y0, args) -> Array:
        """Return N, from which the first step is guessed."""
        return terms.vf(t0, y0, args)

    def step(self, terms: diffrax.AbstractTerm, t0, t1, y0, args, solver_state, made_jump):
        """Advance from t0 to t1; see the formulas at the head of the file."""
        h = t1 - t0
        eigenvalues = self.eigenvalues(args)
        flow = {c: jnp.exp(h * c * eigenvalues) for c in sorted(_differences()) if c > 0}
        start = self.forward(y0)
        reactions: list[Array] = []

        def propagate(coefficients, duration):
            return coefficients if duration == 0 else flow[duration] * coefficients

        def combine(weights, node):
            return h * sum(
                float(w) * propagate(n, node - c)
                for w, c, n in zip(weights, _NODES, reactions, strict=False)
                if w != 0
            )

        for i, node in enumerate(_NODES):
            y = y0
            if i > 0:
                y = self.backward(propagate(start, node) + combine(_TABLEAU.a_lower[i - 1], node))
            reactions.append(self.forward(terms.vf(t0 + node * h, y, args)))
        # The last stage is the solution itself ("first same as last").
        error = self.backward(combine(_TABLEAU.b_error, 1.0))
        return y, error, {"y0": y0, "y1": y}, solver_state, diffrax.RESULTS.successful


def _differences() -> set[float]:
    """The durations c_i − c_j over which a step propagates."""
    return {a - b for a in _NODES for b in _NODES if a >= b} | set(_NODES)
