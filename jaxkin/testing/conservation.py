"""Rule: what a model says it conserves stays."""

import numpy as np

from jaxkin.observables.base import Observable
from jaxkin.observables.velocities import VELOCITY_MOMENTS
from jaxkin.testing.case import Case, fail

# A run takes about a hundred steps, each with some ten roundings of what is kept.
_ROUNDINGS = 1000


def check_conservation(case: Case) -> None:
    """What `conserves()` names, or sums of it, stay the same to rounding.

    Args:
        case: the model under test.

    Raises:
        AssertionError: one of them moves, or has a name that nobody knows.
    """
    for group in case.model.conserves():
        names = (group,) if isinstance(group, str) else tuple(group)
        values = sum(_recorded(case, name) for name in names)
        axis = 1 if case.particles else 0
        start = np.take(values, [0], axis)
        size = max(np.abs(_recorded(case, name)).max() for name in names)
        if size < _ROUNDINGS * np.finfo(case.dtype).eps:  # a momentum that is 0
            size = np.abs(_recorded(case, "traces")).max() * _speed(case)
        moved = np.abs(values - start).max()
        if not moved <= _ROUNDINGS * np.finfo(case.dtype).eps * size:
            fail(
                "conservation",
                f"keep {' + '.join(names)}, as `conserves()` says",
                f"it moves by {moved:.3g} of {size:.3g}",
                "Correct the rate, or leave the name out.",
            )


def _recorded(case: Case, name: str) -> np.ndarray:
    if name in case.first.observables:
        return np.asarray(case.first[name])
    known: dict[str, Observable] = {o.name: o for o in VELOCITY_MOMENTS}
    if name in ("density", "number"):
        return np.asarray(case.first["traces"])
    own = sorted(o.name for o in case.model.observables())
    if name not in known:
        fail(
            "conservation",
            f"name observables of its own, {own}, or density, momentum, energy",
            f"`conserves()` holds {name!r}",
            "Correct the name.",
        )
    fail(
        "conservation",
        f"record {name!r}, which `conserves()` names",
        f"its own observables are {own}",
        "Add it to `observables()`.",
    )
    raise AssertionError  # not reached


def _speed(case: Case) -> float:
    """Return the size of a velocity, from the energy."""
    if "energy" in case.first.observables:
        return float(np.sqrt(2 * np.abs(np.asarray(case.first["energy"])).max()))
    return 1.0
