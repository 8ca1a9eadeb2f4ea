"""The weak form of Smoluchowski's equation (Hammond, (1.10)) and its residual.

For test functions J_n(x, t), periodic in x, and a solution f on the unit torus,

    Σ_n ∫ [J_n f_n](T) − Σ_n ∫ [J_n f_n](0)
        = Σ_n ∫₀ᵀ∫ f_n (∂_t J_n + d(n)ΔJ_n) + ½Σ_{m,n} ∫₀ᵀ∫ β(m, n) f_m f_n (J_{m+n} − J_m − J_n).

The last sum is Σ_n ∫∫ (Q₁ − Q₂) J_n with the sums exchanged. It is computed here from β alone
and shares no code with the equation's right-hand side, so that a wrong factor there leaves a
residual. J_{m+n} = 0 for m + n > M (the overflow is inert) and for every product that annihilates.

Symbols: J test function, f_n density of mass n, β rate, d diffusivity, M largest class.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.drivers.solution import integrate
from jaxkin.equations.smoluchowski import Smoluchowski
from jaxkin.laws import MassLaw
from jaxkin.numerics import torus
from jaxkin.numerics.checks import require, whole

TestFunction = Callable[[Array, Array, Array], Array]


def weak_residual(
    equation: Smoluchowski,
    law: MassLaw,
    times: Float[Array, " times"],
    test_function: TestFunction,
    *,
    nodes: int = 8,
    resolution: int = 8,
    rtol: float | None = None,
    atol: float | None = None,
) -> Float[Array, " times"]:
    """Solve the equation and return left minus right side of (1.10) at T = each of `times`.

    Args:
        equation: the equation; its `rate` and `diffusivity` are those of the right side.
        law: what is known at time 0.
        times: (times,) increasing final times T, above 0.
        test_function: J(n, x, t) of a mass (scalar), a place (d,) and a time, smooth and periodic
            on the unit torus; returns a scalar. It is differentiated by JAX.
        nodes: Gauss–Legendre nodes in time between two of `times`; the error falls as the power
            2·nodes of their distance.
        resolution: points in each direction on which J is integrated when `modes` is None; a
            grid has its own points. The trapezoid rule is exact for modes |k_i| < resolution.
        rtol: relative tolerance of the solution, as in `solve`.
        atol: absolute tolerance of the solution.

    Returns:
        (times,) residuals; zero up to the tolerances and the quadratures.
    """
    times = jnp.asarray(times, dtype=float)
    require(
        times.ndim == 1 and times.size > 0 and times[0] > 0,
        "times",
        "be one-dimensional and above 0",
        f"it is {times}",
        "Leave out time 0.",
    )
    nodes = whole(nodes, "nodes")
    roots, weights = np.polynomial.legendre.leggauss(nodes)
    edges = jnp.concatenate([jnp.zeros(1), times])
    left, length = edges[:-1, None], jnp.diff(edges)[:, None]
    inner = left + length * (roots + 1) / 2
    # Every interval: its start, its nodes; at last the end.
    dense = jnp.append(jnp.concatenate([left, inner], axis=1).reshape(-1), times[-1])
    states = integrate(equation, law, dense, rtol=rtol, atol=atol)
    densities = states[:, :-1].reshape(dense.size, equation.max_mass, -1)

    grid = torus.points(equation.modes or resolution, equation.dimension)
    places = jnp.asarray(grid.reshape(-1, equation.dimension), densities.dtype)
    densities = jnp.broadcast_to(densities, (*densities.shape[:2], len(places)))
    dense = dense.astype(densities.dtype)
    paired, source = _at_times(equation, test_function, places, dense, densities)
    starts = paired[:: nodes + 1]
    inside = source[:-1].reshape(times.size, nodes + 1)[:, 1:]
    integral = jnp.sum(inside * weights * length / 2, axis=1)
    return starts[1:] - starts[0] - jnp.cumsum(integral)


@eqx.filter_jit
def _at_times(equation, test_function, places, dense, densities):
    # One time after another: all at once would hold M fields for each.
    return jax.lax.map(
        lambda at: _both_sides(equation, test_function, places, *at), (dense, densities)
    )


def _both_sides(equation, test_function, places, t, f):
    """Return Σ∫ J f and the time density of the right side at one time; f is (M, places)."""
    mass = jnp.arange(1.0, equation.max_mass + 1, dtype=f.dtype)

    def at_all(function):
        return jax.vmap(lambda n: jax.vmap(lambda x: function(n, x))(places))(mass)

    def laplacian(n, x):
        return jnp.trace(jax.hessian(lambda y: test_function(n, y, t))(x))

    test = at_all(lambda n, x: test_function(n, x, t))
    drift = at_all(lambda n, x: jax.grad(lambda s: test_function(n, x, s))(t))
    drift = drift + equation.diffusivity[:, None] * at_all(laplacian)

    def pairs_of(m):
        # Index k holds mass k + 1, so that the product of m and k has index m + k + 1.
        product = m + jnp.arange(equation.max_mass) + 1
        inside = (product < equation.max_mass) & (equation.reaction == "coagulation")
        gained = jnp.where(inside[:, None], test[jnp.minimum(product, equation.max_mass - 1)], 0)
        return equation.rate[m] @ (f[m] * f * (gained - test[m] - test))

    reacted = 0.5 * jax.lax.map(pairs_of, jnp.arange(equation.max_mass)).sum(0)
    return jnp.sum(test * f) / len(places), (jnp.sum(drift * f) + jnp.sum(reacted)) / len(places)
