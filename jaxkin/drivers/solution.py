"""`solve`: integrate a kinetic equation from time 0 and record observables.

The step size follows the error (an I controller with tolerances that suit the dtype) and steps
end exactly on `times`, so that what is recorded is the integrator's own value, never an
interpolation, and linear invariants of the scheme survive. Observables are then evaluated on all
recorded states at once. The whole is one compiled program, kept by the structure of its
arguments; parameters, law and times are data, and gradients reach them.
"""

from collections.abc import Sequence
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxkin.drivers.density_path import DensityPath
from jaxkin.model import KineticEquation
from jaxkin.numerics.checks import is_traced, require, require_finite, require_increasing
from jaxkin.numerics.guards import plain_errors
from jaxkin.observables.base import Observable, chosen_observables
from jaxkin.trajectory import Metadata, Trajectory

_MAX_STEPS = 16**4


def solve(
    equation: KineticEquation,
    law: Any,
    times: Float[Array, " times"],
    *,
    observe: Sequence[Observable | str] | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    adjoint: diffrax.AbstractAdjoint | None = None,
    density: bool = False,
) -> Trajectory:
    """Solve a kinetic equation and record observables at `times`.

    Args:
        equation: the macroscopic model.
        law: what is known at time 0 (see `jaxkin.laws`).
        times: (times,) increasing, from 0 on; the run starts at 0 whether or not 0 is listed.
        observe: observables, or names of the equation's own; None records all of these
            (`equation.observables()`).
        rtol: relative tolerance of a step; None: 1e-10 in float64, 1e-5 in float32.
        atol: absolute tolerance of a step; None: 1e-12 in float64, 1e-7 in float32.
        adjoint: how to differentiate. None: reverse mode by checkpoints
            (`diffrax.RecursiveCheckpointAdjoint()`). That refuses `jvp`; give
            `diffrax.ForwardMode()` for forward mode, or `diffrax.DirectAdjoint()` for both.
        density: keep the density, f(t, ·), as `density` of the trajectory
            (`jaxkin.drivers.density_path.DensityPath`).

    Returns:
        A `Trajectory` with observables of shape (times, …), in the dtype of the equation.

    Raises:
        ValueError: an argument is out of range.
        RuntimeError: the solution could not be followed to the last time, or an observable is not
            integrated to its tolerance (`jaxkin.observables`).
    """
    require_increasing(times)
    _is_equation(equation)
    equation.check(law)
    chosen = chosen_observables(observe, equation.observables())
    require(len(chosen) > 0, "observe", "name at least one observable", "it is empty")
    times = jnp.asarray(times, dtype=float)
    keep = bool(density)
    tolerances = _tolerances(rtol, atol)
    with plain_errors():
        found = _solve(equation, law, times, chosen, *tolerances, adjoint, keep)
        observed, states = _told(*found)
        if not is_traced(observed):
            jax.block_until_ready(observed)
    path = DensityPath(equation, times, states) if keep else None
    return Trajectory(times, observed, None, Metadata(equation=type(equation).__name__), path)


def integrate(
    equation: KineticEquation,
    law: Any,
    times: Float[Array, " times"],
    *,
    rtol: float | None = None,
    atol: float | None = None,
    adjoint: diffrax.AbstractAdjoint | None = None,
) -> Any:
    """Return the states themselves, leading axis (times,); arguments and errors as in `solve`."""
    require_increasing(times)
    _is_equation(equation)
    equation.check(law)
    times = jnp.asarray(times, dtype=float)
    return _told(*_integrate(equation, law, times, *_tolerances(rtol, atol), adjoint))


def _is_equation(equation: Any) -> None:
    require(
        isinstance(equation, KineticEquation),
        "equation",
        "be a kinetic equation",
        f"it is a {type(equation).__name__}",
        "For particles take `kinetic_limit()`.",
    )


def _tolerances(rtol: float | None, atol: float | None) -> tuple[Array | None, Array | None]:
    for name, value in (("rtol", rtol), ("atol", atol)):
        if value is not None:
            require_finite(value, name, minimum=0.0, strict=True)
    # Arrays are data of the compiled program; numbers would compile it again.
    relative = None if rtol is None else jnp.asarray(rtol, dtype=float)
    return relative, None if atol is None else jnp.asarray(atol, dtype=float)


@eqx.filter_jit
def _solve(equation, law, times, chosen, rtol, atol, adjoint, keep):
    states, failed = _integrate(equation, law, times, rtol, atol, adjoint)
    observed = {o.name: jax.vmap(lambda s, o=o: equation.observe(s, o))(states) for o in chosen}
    return (observed, states if keep else None), failed


@eqx.filter_jit
def _integrate(equation, law, times, rtol, atol, adjoint):
    state, prepared = equation.project(law), equation.prepare()
    dtype = jnp.finfo(jnp.result_type(*jax.tree.leaves(state))).dtype
    default = (1e-10, 1e-12) if dtype == jnp.float64 else (1e-5, 1e-7)
    times = times.astype(dtype)
    controller = diffrax.PIDController(
        rtol=jnp.asarray(default[0] if rtol is None else rtol, dtype),
        atol=jnp.asarray(default[1] if atol is None else atol, dtype),
    )
    solution = diffrax.diffeqsolve(
        equation.terms(),
        equation.integrator(),
        t0=jnp.zeros((), dtype),
        t1=times[-1],
        dt0=None,
        y0=state,
        args=prepared,
        saveat=diffrax.SaveAt(ts=times),
        stepsize_controller=diffrax.ClipStepSizeController(controller, step_ts=times),
        adjoint=diffrax.RecursiveCheckpointAdjoint() if adjoint is None else adjoint,
        max_steps=_MAX_STEPS,
        throw=False,
    )
    return solution.ys, solution.result != diffrax.RESULTS.successful


def _told(values, failed):
    """Return `values`, or raise: on the host, and under an outer trace inside the program."""
    message = (
        "The solution could not be followed to the last time: its steps became too many or too "
        "small. End earlier (before a blow-up or gelation), or loosen `rtol` and `atol`."
    )
    if is_traced(failed):
        return eqx.error_if(values, failed, message)
    if failed:
        raise RuntimeError(message)
    return values
