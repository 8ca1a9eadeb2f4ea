"""Rule: a run with other parameters uses the programs of the first one."""

from jaxkin.testing.case import Case, fail


def check_compiles_once(case: Case) -> None:
    """A second run with other parameters and another key traces nothing again.

    Args:
        case: the model under test.

    Raises:
        AssertionError: an observable was traced again.
    """
    first, anew = case.traced
    if first < 1 or anew > 0:
        fail(
            "compiles once",
            "trace nothing in a second run with other parameters",
            f"{anew} programs were traced again",
            "Static fields and observables must not hold what differs from call to call, such as a "
            "fresh lambda or a number that is a parameter; return the same observables each time.",
        )
