"""Positions of spheres that do not overlap: the law of independent ones, given that.

The target is ∏ρ_i(x_i) 1{no overlap}. Steps of Metropolis move many spheres at once: each takes
part with probability p and proposes x′_i ~ ρ_i; it goes there if neither its old nor its new place
touches an old or new place of another that takes part, and the new one none of the rest. Whoever
was refused is refused on the way back too, so that detailed balance holds. To place spheres one
after another and to leave them there would favour pairs at contact.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from jaxkin.numerics.cells import Search, cells_along, neighbours

_REFRESHED = 6  # how often, on average, a sphere is drawn anew from a valid start
_ATTEMPTS = 400  # rounds to find a valid start


def hard_core_positions(
    propose: Callable[[PRNGKeyArray], Float[Array, "N d"]],
    radius: Float[Array, " N"],
    *,
    key: PRNGKeyArray,
    largest: float,
    met: Float[Array, ""] | float,
    crowding: float,
    periodic: bool,
) -> tuple[Float[Array, "N d"], Bool[Array, ""]]:
    """Return positions, and whether some spheres could not be placed.

    Args:
        propose: draws the spheres' positions, independent of each other.
        radius: (N,) half the diameters.
        key: a key.
        largest: the largest diameter.
        met: how many spheres a random place of one touches, on average, at most over the types.
        crowding: how much denser than on average the gas may be.
        periodic: whether the box is a torus.
    """
    start_key, key = jax.random.split(key)
    start = propose(start_key)
    n, d = start.shape
    search = Search.of(2 * n, d, largest, cells_along(largest, 2 * n, d), 2 * crowding, periodic)
    # Besides, old and new place are one for whoever takes no part.
    search = Search(
        search.cells, search.most + 2, search.candidates, search.pairs + 4 * n, periodic
    )
    both, own = jnp.concatenate([radius, radius]), jnp.arange(n, dtype=jnp.int32)
    met = jnp.asarray(crowding * met)
    part = 1 / jnp.maximum(1.0, 2 * met)
    steps = jnp.ceil(_REFRESHED / (part * jnp.exp(-met * (1 + 2 * part))))

    def step(carry: tuple) -> tuple:
        """At first place everybody, whatever the others do; then take steps of Metropolis."""
        x, placed, lost, count, refreshed = carry
        where, who = jax.random.split(jax.random.fold_in(key, count))
        settled = jnp.all(placed)
        chosen = jax.random.uniform(who, (n,)) < part
        active = jnp.where(settled, chosen, ~placed)
        new = jnp.where(active[:, None], propose(where), x)
        near = neighbours(search, jnp.concatenate([x, new]), both, jnp.zeros((), x.dtype))
        other = (near.table < 2 * n) & (near.table % n != jnp.tile(own, 2)[:, None])
        # Whoever has no place yet is in nobody's way.
        there = jnp.concatenate([placed, jnp.ones(n + 1, bool)])
        blocked = jnp.any(other[n:] & there[near.table[n:]], axis=1)
        if not periodic:
            blocked |= ~jnp.all((new >= radius[:, None]) & (new <= 1 - radius[:, None]), axis=1)
        facing = jnp.any(other[:n] & (near.table[:n] >= n), axis=1)
        moves = active & ~blocked & (~placed | ~facing)
        x = jnp.where(moves[:, None], new, x)
        return x, placed | moves, lost | near.overflowed, count + 1, refreshed + settled

    def goes_on(carry: tuple) -> Array:
        _, placed, _, count, refreshed = carry
        return jnp.where(jnp.all(placed), refreshed < steps, count < _ATTEMPTS)

    no = jnp.asarray(False)
    carry = (start, jnp.zeros(n, bool), no, jnp.int32(0), jnp.int32(0))
    x, placed, lost, _, _ = jax.lax.while_loop(goes_on, step, carry)
    return x, lost | ~jnp.all(placed)
