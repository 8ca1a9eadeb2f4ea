"""From data and an equation to an objective: what is compared, and what is refused."""

import warnings
from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from fitting.events import EventLikelihood, estimate_from_events
from fitting.objectives import MeanMisfit, working_variance
from jaxkin.model import KineticEquation
from jaxkin.numerics.checks import require, require_finite
from jaxkin.observables import Observable
from jaxkin.trajectory import Trajectory

# What a fit compares: names that the equation knows, or observables, or a single one.
Compared = Sequence[str | Observable] | str | Observable

_CENSUS = ("counts", "number", "mass", "overflow")


def compare_events(equation, data, parametrisation) -> EventLikelihood:
    """Check the log of reactions against the equation, and return its likelihood."""
    require(
        hasattr(equation, "rate"),
        "equation",
        "have pair rates `rate` to fit events",
        f"it is {type(equation).__name__}",
        "Compare observables instead.",
    )
    found = estimate_from_events(data)
    dtype = equation.rate.dtype
    require(
        found.rate.shape == equation.rate.shape,
        "data",
        f"have {equation.rate.shape[0]} masses, as `rate` has",
        f"they have {len(found.rate)}",
    )
    return EventLikelihood(
        equation,
        parametrisation,
        jnp.asarray(found.events, dtype),
        jnp.asarray(found.exposure, dtype),
    )


def as_observables(
    observables: Compared, equation: KineticEquation, data: Trajectory
) -> tuple[Observable, ...]:
    """Return what is compared: objects as they are, and those that the equation calls by a name.

    Args:
        observables: names or objects, or a single one.
        equation: offers observables by name.
        data: hold them all, by name.

    Raises:
        ValueError: the data do not hold one, the equation does not offer a name, or one is given
            twice, or none.
    """
    listed: list[str | Observable] = (
        [observables] if isinstance(observables, str | Observable) else list(observables)
    )
    require(len(listed) > 0, "observables", "name at least one observable", "it is empty")
    offered = {o.name: o for o in equation.observables()}
    chosen: dict[str, Observable] = {}
    for one in listed:
        name = one.name if isinstance(one, Observable) else one
        require(
            name in data.observables,
            "data",
            f"hold the observable {name!r}",
            f"it holds {sorted(data.observables)}",
            "Record it with `observe=`, or name others in `observables=`.",
        )
        require(
            isinstance(one, Observable) or name in offered,
            "observables",
            f"hold observables, or names among {sorted(offered)} of the equation",
            f"one is {name!r}",
            "Pass the object that was observed, not its name.",
        )
        require(name not in chosen, "observables", "hold each one once", f"{name!r} comes twice")
        chosen[name] = one if isinstance(one, Observable) else offered[name]
    return tuple(chosen.values())


def compare_means(
    equation, law, data, parametrisation, observables, finite_size, rtol, atol
) -> MeanMisfit:
    """Check the data against the equation, and return the misfit of replica means.

    t = 0 is dropped: nothing is unknown there. The arguments are those of `fit`.
    """
    equation.check(law)  # the search cannot: its law is traced
    chosen = as_observables(observables, equation, data)
    names = [o.name for o in chosen]
    require(
        finite_size in (None, "well-mixed"),
        "finite_size",
        'be None or "well-mixed"',
        f"it is {finite_size!r}",
    )
    later = np.asarray(data.times) > 0
    require(later.any(), "data", "have a time after 0", f"its times are {data.times}")
    lead = 1 if data.replicated else 0
    arrays = []
    for name in names:
        values = np.asarray(data[name])
        require(
            values.ndim > lead and values.shape[lead] == later.size,
            "data",
            f"have {later.size} times in {name!r}",
            f"its shape is {values.shape}",
        )
        require_finite(values, "data")
        arrays.append((values if lead else values[None])[:, later])
    _check_shapes(equation, law, arrays, chosen)

    replicas, number = arrays[0].shape[0], data.metadata.get("n_particles")
    if finite_size is not None:
        require(
            number is not None,
            "data",
            "tell `n_particles` in its metadata",
            f"that holds {sorted(data.metadata)}",
            "Leave `finite_size` out.",
        )
        require(
            "overflow" not in names,
            "observables",
            'leave out the overflow when finite_size is "well-mixed"',
            "they name it",
            "The correction is known for counts only.",
        )
    elif number is not None and replicas >= number:
        warnings.warn(
            f"{replicas} replicas of {number} particles resolve the O(1/N) difference between "
            "particles and equation; estimates will be biased by more than their standard errors "
            'say. Use more particles, or finite_size="well-mixed" for particles without space.',
            UserWarning,
            stacklevel=4,
        )
    dtype = jnp.result_type(*[f.known for f in parametrisation.fields])
    fine = dtype == jnp.float64
    return MeanMisfit(
        equation,
        law,
        jnp.asarray(np.asarray(data.times)[later], dtype),
        parametrisation,
        jnp.asarray(np.concatenate([a.reshape(replicas, -1) for a in arrays], axis=1), dtype),
        jnp.asarray(working_variance(arrays, smallest_steps(data, names)), dtype),
        None if finite_size is None else jnp.asarray(float(number), dtype),
        chosen,
        (1e-7 if fine else 1e-5) if rtol is None else rtol,
        (1e-9 if fine else 1e-7) if atol is None else atol,
    )


def smallest_steps(data: Trajectory, names: Sequence[str]) -> list[float | None]:
    """Return the smallest change that one replica can show; known for densities of particles."""
    known = {"n_particles", "total_density"} <= set(data.metadata)
    step = data.metadata["total_density"] / data.metadata["n_particles"] if known else None
    return [step if name in _CENSUS else None for name in names]


def _check_shapes(equation, law, arrays, chosen) -> None:
    for values, observable in zip(arrays, chosen, strict=True):
        expected = eqx.filter_eval_shape(
            lambda o=observable: equation.observe(equation.project(law), o)
        ).shape
        require(
            values.shape[2:] == expected,
            "data",
            f"have the shape {expected} of {observable.name!r} at each time",
            f"it has {values.shape[2:]}",
            "Give the equation the `max_mass` of the data.",
        )
