"""How large the lists of neighbours of hard spheres must be, and how much room spheres take.

Lists have a shape, which is fixed when programs are compiled. So it cannot follow from diameters
that are traced, but follows from a bound on them, `largest`.
"""

import math
from typing import Any

import numpy as np
from jaxtyping import Array, Float

from jaxkin.numerics.cells import Search, cells_along
from jaxkin.numerics.checks import is_number, is_traced, require
from jaxkin.numerics.spheres import ball_volume

MOST_FILLED = 0.25  # share of the volume
WIDEST = 0.25  # diameter, in lengths of the box


def sizes_for(
    number: int, dimension: int, largest: float, crowding: float, periodic: bool
) -> tuple[Search, float, int]:
    """Return the search, the skin and the batch for spheres of diameters up to the largest."""
    ball = ball_volume(dimension)
    cells = cells_along(1.6 * largest, number, dimension)
    reach = 1 / cells if cells > 1 else max(1.6 * largest, (4 / (ball * number)) ** (1 / dimension))
    # Within a window the nearest image of a neighbour stays the nearest.
    skin = min(0.5 * (reach - largest), 0.2 * (0.5 - largest))
    search = Search.of(number, dimension, largest + 2 * skin, cells, crowding, periodic)
    return search, skin, 8 * max(2, round(math.sqrt(number) / 4))


def packing(numbers: tuple[int, ...], diameters: Any, dimension: int) -> Any:
    """Return the share of the volume that spheres fill."""
    volumes = ball_volume(dimension) * (diameters / 2) ** dimension
    return (np.array(numbers) * volumes).sum()


def touched(numbers: tuple[int, ...], diameters: Any, dimension: int) -> Float[Array, ""]:
    """Return how many spheres a random place of one touches, at most over the types."""
    reach = ((diameters[:, None] + diameters) / 2) ** dimension
    return (ball_volume(dimension) * (reach * np.array(numbers)).sum(1)).max()


def checked_largest(
    largest: Any, numbers: tuple[int, ...], diameters: Any, dimension: int
) -> float:
    """Return the largest diameter that lists are made for.

    Args:
        largest: what the user gave, or None for the largest of the diameters.
        numbers: (k,) N_α.
        diameters: (k,) ε_α.
        dimension: d.

    Raises:
        ValueError: it is none, or the spheres are too large or fill too much.
    """
    if is_traced(diameters):
        require(
            largest is not None,
            "largest",
            "be given where `diameters` are traced by `jit`, `vmap` or `grad`",
            "it is None",
            "Name a bound on the diameters, for which lists are made.",
        )
    else:
        most = float(diameters.max())
        largest = most if largest is None else largest
        require(most < WIDEST, "diameters", "be below 1/4", f"one is {most:.3g}")
        filled = packing(numbers, diameters, dimension)
        require(
            filled < MOST_FILLED,
            "diameters",
            f"leave room: the spheres may fill {MOST_FILLED} of the volume",
            f"they fill {filled:.3g}",
            "Take smaller or fewer spheres.",
        )
        require(
            is_number(largest) and largest >= (1 - 1e-6) * most,  # rounding of the diameters
            "largest",
            f"be at least {most:.3g}, the largest of `diameters`",
            f"it is {largest!r}",
        )
    require(
        is_number(largest) and not is_traced(largest) and 0 < largest < WIDEST,
        "largest",
        "be a known number between 0 and 1/4",
        f"it is {largest!r}",
    )
    return float(largest)
