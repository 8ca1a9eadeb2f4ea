"""How equinox treats a check that fails inside a program: an exception by default, NaN on demand.

equinox reads the environment variable EQX_ON_ERROR when it is imported, and its module holds the
word from then on. A check that raises calls back to the host, and such a program lowers for a CPU
alone.
"""

import contextlib
from collections.abc import Iterator

import equinox._errors as errors
import jax


def checks_give_nan() -> bool:
    """Whether a check that fails gives NaN."""
    return errors.EQX_ON_ERROR == "nan"


@contextlib.contextmanager
def giving_nan() -> Iterator[None]:
    """Let checks give NaN; what is traced before or within is forgotten, unless they did before."""
    before = errors.EQX_ON_ERROR
    if before == "nan":
        yield
        return
    jax.clear_caches()
    errors.EQX_ON_ERROR = "nan"
    try:
        yield
    finally:
        errors.EQX_ON_ERROR = before
        jax.clear_caches()
