"""Rule: particles and the equation of their limit record the same names, shapes and types."""

from jaxkin.testing.case import Case, fail


def check_sides(case: Case) -> None:
    """Own observables and the battery have the same names, shapes and types on both sides.

    Args:
        case: the model under test; of an equation there is nothing to check.

    Raises:
        AssertionError: names, shapes or types differ.
    """
    if not case.particles:
        return
    names = [[o.name for o in m.observables()] for m in (case.model, case.equation)]
    if names[0] != names[1]:
        fail(
            "both sides",
            "record the same observables as the equation of its limit",
            f"the names are {names[0]} and {names[1]}",
            "Return the same objects from `observables()` of both.",
        )
    for observable in case.model.observables():
        _alike(case, observable)
    for known in case.told:
        if case.refusal(case.equation, known) is None:
            _alike(case, known.observable)


def _alike(case: Case, observable) -> None:
    micro, macro = (case.shape(m, observable) for m in (case.model, case.equation))
    if (micro.shape, micro.dtype) != (macro.shape, macro.dtype):
        fail(
            "both sides",
            "record observables of the same shape and type as the equation of its limit",
            f"{observable.name!r} is {micro.dtype}{micro.shape} of particles and "
            f"{macro.dtype}{macro.shape} of the density",
            "Correct `measure` of either side.",
        )
