"""What all laws share. A law is what is known at time 0.

A family is a class: `MassLaw`, `VelocityLaw`, `PlacedLaw` (one type of a mixture) and `ByType`. Its
class attributes say in words what its members are, and by which attributes a law that does not
derive from it is recognised. A law offers what it can (sampling, density, moments); every model
calls `require_law` with the methods that it uses, and an error names the one that is missing.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import equinox as eqx

from jaxkin.numerics.checks import require


class Law(eqx.Module):
    """What is known at time 0.

    Attributes:
        described: what a member of the family is, "a law of velocities", say.
        known_by: attributes by which a law is recognised that does not derive from the family.
        optional: methods of the family that raise unless a law writes them.
        remedy: what to do with a law of another family.
    """

    described: ClassVar[str] = "a law"
    known_by: ClassVar[tuple[str, ...]] = ()
    optional: ClassVar[tuple[str, ...]] = ()
    remedy: ClassVar[str] = "See `jaxkin.laws`."


def require_law(
    law: Any,
    family: type[Law],
    *,
    needs: Sequence[str] = (),
    dimension: int | None = None,
    max_mass: int | None = None,
    types: int | None = None,
    of_each: Sequence[str] = (),
    name: str = "law",
) -> None:
    """Raise unless a law is one of the family that offers what a model needs.

    Looks at types, shapes and names alone, so that it can be called under any transformation.

    Args:
        law: what the user gave.
        family: a class derived from `Law`.
        needs: methods that the model calls.
        dimension: d of the model; None if it does not matter.
        max_mass: M of the model, which bounds the masses of the law; None if it does not matter.
        types: how many types the model has; None for a family without types.
        of_each: methods that the model calls of the law of each type.
        name: of the argument.

    Raises:
        ValueError: the law is of another family or does not fit the model, or a method is missing.
    """
    described = family.described
    if types is not None:
        described = f"`ByType` with {types} laws, one for each type"
    if isinstance(law, type):
        raise ValueError(
            f"Argument `{name}` must be {described}, but it is the class {law.__name__}. "
            f"Call it: `{law.__name__}(…)`."
        )
    kind = type(law).__name__
    stranger = not isinstance(law, Law) and all(_has(law, x) for x in family.known_by)
    member = isinstance(law, family) or (stranger and bool(family.known_by))
    require(member, name, f"be {described}", f"it is a {kind}", family.remedy)
    if types is not None:
        require(len(law.laws) == types, name, f"be {described}", f"it has {len(law.laws)}")
    if dimension is not None:
        require(
            law.dimension == dimension,
            name,
            f"be a law in {dimension} dimensions",
            f"it has {law.dimension}",
            "Give the law and the model one dimension.",
        )
    if max_mass is not None:
        require(
            law.max_mass <= max_mass,
            name,
            f"have masses up to {max_mass}",
            f"it has masses up to {law.max_mass}",
            "Give the model a larger `max_mass`.",
        )
    for need in needs:
        require(
            _offers(law, need),
            name,
            f"offer `{need}`",
            f"{kind} does not",
            "Write the method, or take a model that does not need it.",
        )
    for need in of_each:
        for place, each in enumerate(law.laws):
            require(
                _offers(each, need),
                name,
                f"offer `{need}` for each type",
                f"that of type {place + 1} is a {type(each).__name__}, which does not",
                "Write the method, or take a model that does not need it.",
            )


def _has(law: Any, member: str) -> bool:
    """Whether there is such an attribute; a property is not evaluated."""
    return hasattr(type(law), member) or hasattr(law, member)


def _offers(law: Any, method: str) -> bool:
    """Whether the law has the method, and not only the one by which its family refuses."""
    refusing = [
        getattr(base, method)
        for base in type(law).__mro__
        if method in vars(base).get("optional", ())
    ]
    return _has(law, method) and getattr(type(law), method, None) not in refusing
