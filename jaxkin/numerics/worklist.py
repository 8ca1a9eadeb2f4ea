"""A depth-first work list of fixed size for searches that branch at random.

Items live on a stack of columns, floats and integers apart. Each turn pops a block of items, maps
them to at most two children each, and pushes the children that are kept. Because a block is
taken from the top, the stack stays short: it grows only while items have more than one child on
average. `overflowed` tells if it was ever too small.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int32

from jaxkin.numerics.compaction import set_places


class Worklist(eqx.Module):
    """A stack of items.

    Attributes:
        floats: (a, capacity) real fields of the items.
        integers: (b, capacity) integer fields.
        size: number of items.
        overflowed: whether an item was ever lost.
    """

    floats: Float[Array, "a capacity"]
    integers: Int32[Array, "b capacity"]
    size: Int32[Array, ""]
    overflowed: Bool[Array, ""]

    @classmethod
    def empty(cls, capacity: int, floats: int, integers: int, dtype) -> "Worklist":
        """Return an empty list."""
        return cls(
            jnp.zeros((floats, capacity), dtype),
            jnp.zeros((integers, capacity), jnp.int32),
            jnp.int32(0),
            jnp.asarray(False),
        )

    def push(self, floats: Array, integers: Array, keep: Bool[Array, " n"]) -> "Worklist":
        """Add the items (columns) that are kept, moved together to the front of the block."""
        chosen = jnp.minimum(set_places(keep, keep.size), keep.size - 1)
        return self.push_first(floats[:, chosen], integers[:, chosen], keep.sum(dtype=jnp.int32))

    def push_first(self, floats: Array, integers: Array, count: Int32[Array, ""]) -> "Worklist":
        """Add the first `count` items (columns) of a block."""
        where = (jnp.int32(0), self.size)
        # A block that does not fit would be shifted over older items, so it counts as lost.
        lost = self.size + floats.shape[1] > self.floats.shape[1]
        return Worklist(
            jax.lax.dynamic_update_slice(self.floats, floats, where),
            jax.lax.dynamic_update_slice(self.integers, integers, where),
            self.size + count,
            self.overflowed | lost,
        )

    def pop(self, block: int, all_of_it: Bool[Array, ""]) -> tuple["Block", "Worklist"]:
        """Take a full block off the top, or what there is if `all_of_it`; else an empty block.

        Carry the block through a loop and pop the next one after the push: a block that is read
        in the turn that overwrites it makes the compiler copy the whole list.
        """
        some = all_of_it | (self.size >= block)
        start = jnp.where(some, jnp.maximum(self.size - block, 0), self.size)
        taken = Block(
            jax.lax.dynamic_slice_in_dim(self.floats, start, block, axis=1),
            jax.lax.dynamic_slice_in_dim(self.integers, start, block, axis=1),
            self.size - start,
        )
        return taken, eqx.tree_at(lambda w: w.size, self, start)


class Block(eqx.Module):
    """Items taken off a work list: the first `size` columns are real."""

    floats: Float[Array, "a block"]
    integers: Int32[Array, "b block"]
    size: Int32[Array, ""]
