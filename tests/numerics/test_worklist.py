"""The work list: last in, first out, and nothing is lost in silence."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxkin.numerics.worklist import Worklist

TRUE, FALSE = jnp.asarray(True), jnp.asarray(False)


def items(*names):
    """Columns whose real and integer fields carry the name of the item."""
    names = np.asarray(names)
    return jnp.asarray(np.stack([names + 0.5, -names])), jnp.asarray(names[None], jnp.int32)


def names(block):
    """The names of a block's items, after a check that no field was mixed with another item's."""
    size = int(block.size)
    integers, floats = np.asarray(block.integers)[0, :size], np.asarray(block.floats)[:, :size]
    np.testing.assert_array_equal(floats, np.stack([integers + 0.5, -integers]))
    return integers.tolist()


def empty(capacity):
    return Worklist.empty(capacity, 2, 1, float)


def test_blocks_come_off_the_top():
    work = (
        empty(12).push_first(*items(1, 2, 3), jnp.int32(3)).push_first(*items(4, 5), jnp.int32(2))
    )
    block, work = work.pop(2, FALSE)
    assert names(block) == [4, 5] and work.size == 3
    block, work = work.pop(2, FALSE)
    assert names(block) == [2, 3] and work.size == 1
    block, work = work.pop(2, FALSE)
    assert names(block) == [] and work.size == 1, "less than a block waits for more"
    block, work = work.pop(2, TRUE)
    assert names(block) == [1] and work.size == 0
    block, work = work.pop(2, TRUE)
    assert names(block) == [] and work.size == 0 and not work.overflowed


def test_only_what_is_kept_is_pushed():
    keep = jnp.asarray([True, False, False, True, True])
    block, _ = empty(12).push(*items(1, 2, 3, 4, 5), keep).pop(8, TRUE)
    assert names(block) == [1, 4, 5]
    work = empty(12).push_first(*items(9), jnp.int32(1)).push(*items(1, 2), jnp.zeros(2, bool))
    assert names(work.pop(4, TRUE)[0]) == [9]
    full = empty(12).push(*items(1, 2, 3), jnp.ones(3, bool))
    assert names(full.pop(4, TRUE)[0]) == [1, 2, 3]


def test_a_block_that_fits_exactly_is_no_overflow():
    work = empty(4).push_first(*items(1, 2), jnp.int32(2)).push_first(*items(3, 4), jnp.int32(2))
    assert not work.overflowed
    assert names(work.pop(4, TRUE)[0]) == [1, 2, 3, 4]


def test_overflow_is_flagged_and_stays_flagged():
    work = empty(4).push_first(*items(1, 2, 3), jnp.int32(3)).push_first(*items(4, 5), jnp.int32(2))
    assert work.overflowed
    _, work = work.pop(4, TRUE)
    assert work.push_first(*items(6), jnp.int32(1)).overflowed


def test_random_pushes_and_pops_against_a_list():
    """A Python list does the same; whatever the flag does not excuse must agree."""
    rng, work, stack, popped = np.random.default_rng(0), empty(64), [], 0
    push = jax.jit(Worklist.push)
    pop = jax.jit(Worklist.pop, static_argnums=1)
    for turn in range(300):
        if rng.random() < 0.45:
            new, keep = np.arange(8) + 8 * turn, rng.random(8) < 0.6
            work = push(work, *items(*new), jnp.asarray(keep))
            stack += new[keep].tolist()
        else:
            everything = bool(rng.random() < 0.3)
            block, work = pop(work, 4, jnp.asarray(everything))
            taken = stack[-4:] if everything or len(stack) >= 4 else []
            stack = stack[: len(stack) - len(taken)]
            assert names(block) == taken
            popped += len(taken)
        assert int(work.size) == len(stack) and not work.overflowed
    assert popped > 200
