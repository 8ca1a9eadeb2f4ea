"""Positions of spheres that do not overlap: the law of independent ones, given that.

The target is ∏ρ_i(x_i) 1{no overlap}. Steps of Metropolis move many spheres at once: each takes
part with probability p and proposes x′_i ~ ρ_i; it goes there if neither its old nor its new place
touches an old or new place of another that takes part, and the new one none of the rest. Whoever
was refused is refused on the way back too, so that detailed balance holds. To place spheres one
after another and to leave them there would favour pairs at contact.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from jaxkin.numerics.cells import Search, cells_along, neighbours

_REFRESHED = 8  # how often, on average, a sphere is drawn anew from a valid start
_ATTEMPTS = 400  # rounds to find a valid start


def hard_core_positions(
    propose: Callable[[PRNGKeyArray], Float[Array, "N d"]],
    radius: Float[Array, " N"],
    *,
    key: PRNGKeyArray,
    largest: float,
    packing: float,
    crowding: float,
    periodic: bool,
) -> tuple[Float[Array, "N d"], Bool[Array, ""]]:
    """Return positions, and whether some spheres could not be placed.

    Args:
        propose: draws the spheres' positions, independent of each other.
        radius: (N,) half the diameters.
        key: a key.
        largest: the largest diameter.
        packing: the share of the volume that spheres fill.
        crowding: how much denser than on average the gas may be.
        periodic: whether the box is a torus.
    """
    keys = jax.random.split(key, 3)
    start = propose(keys[0])
    n, d = start.shape
    search = Search.of(2 * n, d, largest, cells_along(largest, 2 * n, d), 2 * crowding, periodic)
    # Besides, old and new place are one for whoever takes no part.
    search = Search(
        search.cells, search.most + 2, search.candidates, search.pairs + 4 * n, periodic
    )
    both, own = jnp.concatenate([radius, radius]), jnp.arange(n, dtype=jnp.int32)
    met = 2**d * packing * crowding  # spheres that a random place touches
    part = min(1.0, 1 / (2 * met)) if met > 0 else 1.0
    steps = math.ceil(_REFRESHED / (part * math.exp(-met * (1 + 2 * part))))

    def contacts(x: Array, new: Array) -> tuple[Array, Array, Array, Array]:
        """Whether x_i touches an x_j, or an x′_j; whether x′_i touches anything; overflow."""
        near = neighbours(search, jnp.concatenate([x, new]), both, jnp.zeros((), x.dtype))
        other = (near.table < 2 * n) & (near.table % n != jnp.tile(own, 2)[:, None])
        is_new = near.table >= n
        wall = ~jnp.all((new >= radius[:, None]) & (new <= 1 - radius[:, None]), axis=1)
        blocked = jnp.any(other[n:], axis=1) | (False if periodic else wall)
        old_old = jnp.any(other[:n] & ~is_new[:n], axis=1)
        return old_old, jnp.any(other[:n] & is_new[:n], axis=1), blocked, near.overflowed

    def outside(x: Array) -> Array:
        within = (x >= radius[:, None]) & (x <= 1 - radius[:, None])
        return jnp.zeros(n, bool) if periodic else ~jnp.all(within, axis=1)

    def untangle(carry: tuple) -> tuple:
        x, _, count, lost = carry
        new = propose(jax.random.fold_in(keys[1], count))
        bad = contacts(x, x)[0] | outside(x)
        new = jnp.where(bad[:, None], new, x)
        _, _, blocked, overflow = contacts(x, new)
        x = jnp.where((bad & ~blocked)[:, None], new, x)
        return x, jnp.any(bad & blocked), count + 1, lost | overflow

    def refresh(step: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        x, lost = carry
        key = jax.random.fold_in(keys[2], step)
        active = jax.random.uniform(jax.random.fold_in(key, 0), (n,)) < part
        new = jnp.where(active[:, None], propose(jax.random.fold_in(key, 1)), x)
        _, facing, blocked, overflow = contacts(x, new)
        return jnp.where((active & ~facing & ~blocked)[:, None], new, x), lost | overflow

    carry = (start, jnp.asarray(True), jnp.int32(0), jnp.asarray(False))
    x, tangled, _, lost = jax.lax.while_loop(lambda c: c[1] & (c[2] < _ATTEMPTS), untangle, carry)
    x, lost = jax.lax.fori_loop(0, steps, refresh, (x, lost))
    return x, tangled | lost
