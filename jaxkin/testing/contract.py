"""`check_model`: all rules of the contract, one after the other."""

from typing import Any

from jaxtyping import Array, Float, PRNGKeyArray

from jaxkin.model import KineticEquation, Particles
from jaxkin.testing.case import Case
from jaxkin.testing.conservation import check_conservation
from jaxkin.testing.dtypes import check_dtype
from jaxkin.testing.lowering import check_lowering
from jaxkin.testing.programs import check_compiles_once
from jaxkin.testing.sides import check_sides
from jaxkin.testing.structure import check_structure
from jaxkin.testing.transforms import check_transforms
from jaxkin.testing.values import check_values


def check_model(
    model: Particles | KineticEquation,
    law: Any,
    *,
    times: Float[Array, " times"] | None = None,
    again: Any = None,
    limit: KineticEquation | None = None,
    replicas: int = 64,
    tolerance: float | None = None,
    key: PRNGKeyArray | None = None,
) -> None:
    """Hold a model to the contract that every model of the library meets.

    `check_structure`: leaves are arguments of constructors; models that are made alike have one
    structure and one hash. `check_dtype`: states and observables keep the floating type of the
    parameters (under `jax_enable_x64` for a model in single precision, else there is no other type
    to see). `check_compiles_once`: a second run with other parameters traces nothing.
    `check_conservation`: what `conserves()` names stays. `check_sides`: particles and the equation
    of their limit record the same names, shapes and types. `check_values`: a battery of observables
    at time 0 is what the law says (polynomials, |v|, a jump, a histogram, a characteristic
    function, correlations, the entropy; masses and their Fourier modes in space), of particles
    within 5 standard errors, of a density to its tolerance, or is refused by name.
    `check_transforms`: the model runs under `jit` and `vmap`, and derivatives of an equation,
    forward and reverse, agree. `check_lowering`: its programs lower for CUDA, ROCm and TPU, which
    needs no such device.

    Args:
        model: a particle system or an equation, small: N below 100, say.
        law: what is known at time 0; one that the equation represents, and not an equilibrium, of
            independent particles. Laws of velocities with a `density` are known for d ≤ 3, those of
            masses for any d; of others the values are not checked.
        times: (times,) of the runs, from 0 on. None: a tenth of the time in which the equation
            changes.
        again: a second model, made by the same call with other parameter values. None: `model` with
            each parameter smaller by 1/32, which does not see a function that each call makes anew.
        limit: the equation that particles are compared with, whose own values are not looked at:
            check it alone. None: `model.kinetic_limit()`, values included.
        replicas: of particles.
        tolerance: of values of the equation at time 0, in units of ∫|φ| f. None: the `tolerance()`
            of its density, or 1e-6 in double and 1e-4 in single precision.
        key: of the particles.

    Raises:
        AssertionError: a rule does not hold; the message begins with its name.
        ValueError: an argument is out of range.

    Example:
        `check_model(gas, jaxkin.laws.BKW(0.75, 2))` for a Kac gas in two dimensions.
    """
    case = Case(
        model,
        law,
        times=times,
        again=again,
        limit=limit,
        replicas=replicas,
        tolerance=tolerance,
        key=key,
    )
    check_structure(case)
    check_dtype(case)
    check_transforms(case)  # before any run, so that a branch on a parameter is named
    check_compiles_once(case)
    check_conservation(case)
    check_sides(case)
    check_values(case)
    check_lowering(case)
