"""Which pairs of points of the unit box are close: cells, at sizes fixed in advance.

Points are sorted by the cell that holds them. The candidates of a point are the points of the 3^d
cells around its own: ranges of the sorted order, written out as one list, screened by distance,
and moved together. `overflowed` tells if a list was too small. Work and memory grow with n.
"""

import functools
import itertools
import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int32

from jaxkin.numerics.compaction import running_sum, set_places
from jaxkin.numerics.spheres import ball_volume


class Neighbours(eqx.Module):
    """Who is close to whom.

    Attributes:
        table: (n, K) neighbours of each point; rows are filled up with n.
        closest: the least of distance over contact distance of any pair that was compared, or ∞.
        overflowed: whether a list was too small.
    """

    table: Int32[Array, "n K"]
    closest: Float[Array, ""]
    overflowed: Bool[Array, ""]


class Search(eqx.Module):
    """How neighbours are searched; sizes are fixed when programs are compiled.

    Attributes:
        cells: along an edge, each at least as wide as the reach; 1 compares all pairs.
        most: K.
        candidates: pairs compared, for all points together, if there are cells.
        pairs: pairs that are close, each counted from both sides.
        periodic: whether opposite faces are one.
    """

    cells: int = eqx.field(static=True)
    most: int = eqx.field(static=True)
    candidates: int = eqx.field(static=True)
    pairs: int = eqx.field(static=True)
    periodic: bool = eqx.field(static=True)

    @classmethod
    def of(
        cls,
        number: int,
        dimension: int,
        reach: float,
        cells: int,
        crowding: float,
        periodic: bool,
    ) -> "Search":
        """Return sizes for a gas `crowding` times as dense as a uniform one, within `reach`.

        Poisson numbers with room for six standard deviations.
        """
        ball = ball_volume(dimension)
        mean = crowding * number * ball * reach**dimension
        around = crowding * number * (3 / cells) ** dimension
        most = min(number, 8 * math.ceil((mean + 6 * math.sqrt(mean) + 6) / 8))
        spread = math.sqrt(2 * number * around * (1 + 2 * around))
        every = number * (1 + around) + 6 * spread + 64  # each point is in its own cell, too
        pairs = number * mean + 6 * math.sqrt(2 * number * mean * (1 + mean)) + 64
        return cls(cells, most, int(every), min(number * most, int(pairs)), periodic)


def cells_along(reach: float, number: int, dimension: int, filling: float = 0.8) -> int:
    """Return how many cells an edge has: each at least `reach` wide, with about `filling` points.

    1 where to compare all pairs is no more work.
    """
    cells = min(int(1 / reach), int((number / filling) ** (1 / dimension)))
    return 1 if cells < 4 else cells


def nearest_image(apart: Float[Array, "*n"], periodic: bool) -> Float[Array, "*n"]:
    """Return components of a difference of positions, on the torus those of the nearest image."""
    return apart - jnp.round(apart) if periodic else apart


def neighbours(
    search: Search,
    position: Float[Array, "n d"],
    radius: Float[Array, " n"],
    margin: Float[Array, ""],
) -> Neighbours:
    """List the neighbours within radius_i + radius_j + margin of each point.

    Args:
        search: sizes; cells must be at least as wide as the largest of these distances.
        position: in [0, 1)^d.
        radius: i and j touch at the distance radius_i + radius_j.
        margin: how far beyond contact a neighbour is.
    """
    n = position.shape[0]
    if search.cells == 1:
        slot = jnp.arange(n * n, dtype=jnp.int32)
        first, second = slot // n, slot % n
        real, overflowed = first != second, jnp.asarray(False)
    else:
        first, second, real, overflowed = _candidates(search, position)
    square = jnp.zeros((), position.dtype)
    for x in position.T:  # one component after the other, in lanes
        square = square + nearest_image(x[first] - x[second], search.periodic) ** 2
    contact = radius[first] + radius[second]
    near = real & (square <= (contact + margin) ** 2)
    closest = jnp.sqrt(jnp.min(jnp.where(real, square / contact**2, jnp.inf)))
    overflowed = overflowed | (jnp.sum(near, dtype=jnp.int32) > search.pairs)

    place = set_places(near, search.pairs)
    there = place < near.size
    place = jnp.minimum(place, near.size - 1)
    owner = jnp.where(there, first[place], n)
    # Pairs of a point stand together: their rank is counted from the first of them.
    slot = jnp.arange(search.pairs, dtype=jnp.int32)
    begin = jnp.full(n + 1, search.pairs, jnp.int32).at[owner].min(slot)
    rank = slot - begin[owner]
    overflowed = overflowed | jnp.any(there & (rank >= search.most))
    flat = jnp.where(there & (rank < search.most), owner * search.most + rank, n * search.most)
    table = jnp.full(n * search.most, n, jnp.int32).at[flat].set(second[place], mode="drop")
    return Neighbours(table.reshape(n, search.most), closest, overflowed)


def _candidates(search: Search, position: Array) -> tuple[Array, Array, Array, Array]:
    """Pairs of points in cells that touch: first (ascending), second, whether real, overflow."""
    n, d = position.shape
    cells, cell = search.cells, jnp.zeros(n, jnp.int32)
    for x in position.T:
        cell = cell * cells + jnp.clip((x * cells).astype(jnp.int32), 0, cells - 1)
    order = jnp.argsort(cell).astype(jnp.int32)
    ends = running_sum(jnp.zeros(cells**d + 1, jnp.float32).at[cell].add(1.0))
    start = jnp.concatenate([jnp.zeros(1, jnp.int32), ends.astype(jnp.int32)])
    around = jnp.asarray(_cells_around(cells, d, search.periodic))[cell].reshape(-1)
    begin = start[around]
    length = start[around + 1] - begin
    end = running_sum(length.astype(jnp.float32)).astype(jnp.int32)
    # A range fills the slots from its beginning to its end: a step at each beginning, summed up.
    steps = jnp.zeros(search.candidates, jnp.float32).at[end - length].add(1.0, mode="drop")
    owner = jnp.clip(running_sum(steps).astype(jnp.int32) - 1, 0, end.size - 1)
    slot = jnp.arange(search.candidates, dtype=jnp.int32)
    second = order[jnp.clip((begin - end + length)[owner] + slot, 0, n - 1)]
    first = owner // 3**d
    real = (slot < end[-1]) & (first != second)
    return first, second, real, end[-1] > search.candidates


@functools.cache
def _cells_around(cells: int, dimension: int, periodic: bool) -> np.ndarray:
    """The 3^d cells around each, (cells^d, 3^d); beyond a wall the cell after the last, empty."""
    place = np.stack(np.unravel_index(np.arange(cells**dimension), (cells,) * dimension), -1)
    shifts = np.array(list(itertools.product((-1, 0, 1), repeat=dimension)))
    around = place[:, None] + shifts
    flat = np.sum((around % cells) * cells ** np.arange(dimension)[::-1], -1)
    inside = np.all((around >= 0) & (around < cells), -1)
    return np.where(periodic | inside, flat, cells**dimension).astype(np.int32)
