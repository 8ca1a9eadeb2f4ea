"""Rule: leaves are primary parameters, and models that are made alike share what is compiled."""

import inspect
from typing import Any

import equinox as eqx
import jax

from jaxkin.testing.case import Case, fail


def check_structure(case: Case) -> None:
    """Leaves are arguments of constructors, and two models made alike have one structure and hash.

    Args:
        case: the model under test.

    Raises:
        AssertionError: a leaf is derived, or the structures differ.
    """
    derived = sorted(_derived(case.model, type(case.model).__name__))
    if derived:
        fail(
            "structure",
            "have no leaves except for arguments of its constructor",
            f"{', '.join(derived)} is none",
            "Compute what is derived inside the run, so that gradients reach the parameters.",
        )
    one: Any = jax.tree.structure(case.model)
    two: Any = jax.tree.structure(case.again)
    try:
        alike = one == two and hash(one) == hash(two)
    except (TypeError, ValueError) as error:
        fail(
            "structure",
            "have static fields that are hashable",
            f"they are not: {error}",
            "Store arrays as leaves, and lists as tuples.",
        )
    if not alike:
        fail(
            "structure",
            "have the same structure for the same static arguments",
            f"that of `again` differs: {_difference(case.model, case.again)}",
            "Make functions once, at the head of a module, and no static field of parameters.",
        )


def _derived(module: Any, name: str) -> set[str]:
    """Return the paths of fields with leaves that are no arguments, of a module and those in it."""
    arguments = inspect.signature(type(module).__init__).parameters
    found = set()
    for field in vars(module):
        value = getattr(module, field)
        if field not in arguments and jax.tree.leaves(eqx.filter(value, eqx.is_array)):
            if field in type(module).__dataclass_fields__ and not _static(module, field):
                found.add(f"{name}.{field}")
    inner = {f: v for f, v in vars(module).items() if isinstance(v, eqx.Module)}
    for field, value in inner.items():
        if not _static(module, field):
            found |= _derived(value, f"{name}.{field}")
    return found


def _static(module: Any, field: str) -> bool:
    return bool(type(module).__dataclass_fields__[field].metadata.get("static", False))


def _difference(one: Any, two: Any) -> str:
    for field in vars(one):
        a: Any = jax.tree.structure(getattr(one, field))
        b: Any = jax.tree.structure(getattr(two, field, None))
        if _static(one, field):
            a, b = getattr(one, field), getattr(two, field, None)
        if a != b:
            return f"see the field {field!r}"
    return "see its fields"
