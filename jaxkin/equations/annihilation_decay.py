"""How a gas that annihilates decays at long times: n ~ t^{−ξ}, T ~ t^{−ζ}.

A steady profile ψ of the self-similar equation (Lods et al., (6.6)) has constant rates
a = −d ln n/dτ and b = −d ln T/dτ. Since dt = dτ/(n (2T)^{γ/2}) and n (2T)^{γ/2} ~ e^{−(a+γb/2)τ},

    ξ = a/(a + γb/2),   ζ = b/(a + γb/2),   ξ + γζ/2 = 1.

For 0 < α < 1 and γ ≥ 0 the steady state that is bounded and isotropic is found by Newton's method
from the Maxwellian.
One more step, in which the Jacobian alone is held fixed, carries the gradients: it has the
derivatives of the implicit function. For α = 1 there is a profile for each behaviour of the law
near v = 0, see `jaxkin.equations.annihilation_profile`.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxkin.equations.self_similar import SelfSimilarAnnihilation
from jaxkin.laws.velocities import Maxwellian
from jaxkin.numerics.checks import require
from jaxkin.operators.sonine import Sonine

_STEPS = 20  # of Newton


class Decay(NamedTuple):
    """The long times of a gas.

    Attributes:
        profile: the operator's state for ψ_∞.
        a: the rate −d ln n/dτ.
        b: the rate −d ln T/dτ.
        mass_exponent: ξ of n ~ t^{−ξ}.
        temperature_exponent: ζ of T ~ t^{−ζ}.
        error: by how much the exponents change from a degree smaller by 4.
    """

    profile: Float[Array, " N"]
    a: Float[Array, ""]
    b: Float[Array, ""]
    mass_exponent: Float[Array, ""]
    temperature_exponent: Float[Array, ""]
    error: Float[Array, ""]


def decay(equation: SelfSimilarAnnihilation) -> Decay:
    """Return the steady profile and the exponents; differentiable in α and the kernel.

    Args:
        equation: with a `Sonine` of degree 8 or more, best of width 1/2, and α in (0, 1).

    Raises:
        ValueError: an argument is out of range.
        RuntimeError: Newton's method found no stable steady state, as may happen for α near 1.
    """
    operator = equation.operator
    if not isinstance(operator, Sonine) or operator.degree < 8:
        raise ValueError(
            "Argument `equation` must hold a `Sonine` of degree 8 or more, but it holds "
            f"{operator!r}."
        )
    require(
        (equation.alpha > 0) & (equation.alpha < 1),
        "alpha",
        "lie in (0, 1)",
        f"it is {equation.alpha}",
        "For α = 1 use `annihilation_profile`.",
    )
    require(equation.exponent >= 0, "exponent", "be at least 0", f"it is {equation.exponent}")
    coarse = operator.changed(degree=operator.degree - 4)
    fine, rough = _steady(equation), _steady(SelfSimilarAnnihilation(coarse, equation.alpha))
    error = jnp.maximum(jnp.abs(fine[-2] - rough[-2]), jnp.abs(fine[-1] - rough[-1]))
    return Decay(*fine, error)


@eqx.filter_jit
def _steady(equation: SelfSimilarAnnihilation) -> tuple[Array, Array, Array, Array, Array]:
    operator, prepared = equation.operator, equation.prepare()
    start = operator.project(Maxwellian(operator.dimension, 0.5))
    invariant, tail = start[:2], start[2:]  # mass and energy stay

    def rate(tail, equation, prepared):
        return equation.scaled_rate(jnp.concatenate([invariant, tail]), prepared)[0][2:]

    known = jax.lax.stop_gradient((equation, prepared))
    slope = jax.jacfwd(lambda x: rate(x, *known))

    def step(_, x):
        return x - jnp.linalg.solve(slope(x), rate(x, *known))

    found = jax.lax.stop_gradient(jax.lax.fori_loop(0, _STEPS, step, tail))
    jacobian = slope(found)
    left = jnp.linalg.solve(jacobian, rate(found, *known))
    small = jnp.linalg.norm(left) < jnp.finfo(tail.dtype).eps ** 0.5 * jnp.linalg.norm(start)
    # Stable: the flow from the steady state contracts in the end.
    # In units of the time between collisions, so that the strength of the kernel does not matter.
    _, a, _, _ = equation.scaled_rate(jnp.concatenate([invariant, found]), prepared)
    span = jax.lax.stop_gradient(100.0 * equation.alpha.astype(a.dtype) / a)
    flow = jax.scipy.linalg.expm(jax.lax.stop_gradient(jacobian) * span)
    stable = jnp.linalg.norm(flow) < 1
    tail = found - jnp.linalg.solve(jacobian, rate(found, equation, prepared))
    tail = eqx.error_if(
        tail,
        ~(small & stable),
        "No stable steady profile was found: the series in this `width` diverges. Take a smaller "
        "`degree`, or for α near 1 a `width` between 3/4 and 1.",
    )
    profile = jnp.concatenate([invariant, tail])
    _, a, _, b = equation.scaled_rate(profile, prepared)
    total = a + equation.exponent.astype(a.dtype) * b / 2
    return profile, a, b, a / total, b / total
