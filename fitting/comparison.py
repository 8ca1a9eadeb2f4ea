"""From data and an equation to an objective: what is compared, and what is refused."""

import warnings
from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from fitting.events import EventLikelihood, estimate_from_events, one_particle
from fitting.objectives import MeanMisfit, working_variance
from jaxkin.numerics.checks import require, require_finite
from jaxkin.trajectory import Trajectory

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


def compare_means(
    equation, law, data, parametrisation, names, finite_size, rtol, atol
) -> MeanMisfit:
    """Check the data against the equation, and return the misfit of replica means.

    t = 0 is dropped: nothing is unknown there. The arguments are those of `fit`.
    """
    equation.check(law)  # the search cannot: its law is traced
    offered = {o.name: o for o in equation.observables()}
    for name in names:
        require(
            name in data.observables,
            "data",
            f"hold the observable {name!r}",
            f"it holds {sorted(data.observables)}",
            "Record it with `observe=`, or name others in `observables=`.",
        )
        require(
            name in offered,
            "observables",
            f"be among {sorted(offered)} of the equation",
            f"one is {name!r}",
        )
    require(len(names) > 0, "observables", "name at least one observable", "it is empty")
    require(
        finite_size in (None, "well-mixed"),
        "finite_size",
        'be None or "well-mixed"',
        f"it is {finite_size!r}",
    )
    later = np.asarray(data.times) > 0
    require(later.any(), "data", "have a time after 0", f"its times are {data.times}")
    lead = 1 if data.replicated else 0
    arrays, chosen = [], tuple(offered[name] for name in names)
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
    return [one_particle(data) if name in _CENSUS else None for name in names]


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
