"""One contract for every model, ours and yours: `check_model(model, law)`.

Each rule is a function of its own, so that a failure names it.
"""

from jaxkin.testing.case import Case
from jaxkin.testing.conservation import check_conservation
from jaxkin.testing.contract import check_model
from jaxkin.testing.dtypes import check_dtype
from jaxkin.testing.lowering import check_lowering
from jaxkin.testing.programs import check_compiles_once
from jaxkin.testing.sides import check_sides
from jaxkin.testing.structure import check_structure
from jaxkin.testing.transforms import check_transforms
from jaxkin.testing.values import check_values

__all__ = [
    "Case",
    "check_compiles_once",
    "check_conservation",
    "check_dtype",
    "check_lowering",
    "check_model",
    "check_sides",
    "check_structure",
    "check_transforms",
    "check_values",
]
