"""The work list: last in, first out, and nothing is lost in silence."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxkin.numerics.worklist import Worklist

TRUE, FALSE = jnp.asarray(True), jnp.asarray(False)
push, push_first = jax.jit(Worklist.push), jax.jit(Worklist.push_first)
pop = jax.jit(Worklist.pop, static_argnums=1)


def items(*names):
    """Columns whose real and integer fields carry the name of the item."""
    names = np.asarray(names)
    return np.stack([names + 0.5, -names]), names[None].astype(np.int32)


def names(block):
    """The names of a block's items, after a check that no field was mixed with another item's."""
    size = int(block.size)
    integers, floats = np.asarray(block.integers)[0, :size], np.asarray(block.floats)[:, :size]
    np.testing.assert_array_equal(floats, np.stack([integers + 0.5, -integers]))
    return integers.tolist()


def empty(capacity):
    return Worklist.empty(capacity, 2, 1, float)


def pushed(capacity, *blocks):
    """A list onto which whole blocks of items were pushed, one after the other."""
    work = empty(capacity)
    for block in blocks:
        work = push_first(work, *items(*block), np.int32(len(block)))
    return work


def test_blocks_come_off_the_top():
    work = pushed(12, (1, 2, 3), (4, 5))
    block, work = pop(work, 2, FALSE)
    assert names(block) == [4, 5] and work.size == 3
    block, work = pop(work, 2, FALSE)
    assert names(block) == [2, 3] and work.size == 1
    block, work = pop(work, 2, FALSE)
    assert names(block) == [] and work.size == 1, "less than a block waits for more"
    block, work = pop(work, 2, TRUE)
    assert names(block) == [1] and work.size == 0
    block, work = pop(work, 2, TRUE)
    assert names(block) == [] and work.size == 0 and not work.overflowed


def test_only_what_is_kept_is_pushed():
    keep = np.array([True, False, False, True, True])
    block, _ = pop(push(empty(12), *items(1, 2, 3, 4, 5), keep), 8, TRUE)
    assert names(block) == [1, 4, 5]
    work = push(pushed(12, (9,)), *items(1, 2), np.zeros(2, bool))
    assert names(pop(work, 4, TRUE)[0]) == [9]
    full = push(empty(12), *items(1, 2, 3), np.ones(3, bool))
    assert names(pop(full, 4, TRUE)[0]) == [1, 2, 3]


def test_a_block_that_fits_exactly_is_no_overflow():
    work = pushed(4, (1, 2), (3, 4))
    assert not work.overflowed
    assert names(pop(work, 4, TRUE)[0]) == [1, 2, 3, 4]


def test_overflow_is_flagged_and_stays_flagged():
    work = pushed(4, (1, 2, 3), (4, 5))
    assert work.overflowed
    _, work = pop(work, 4, TRUE)
    assert push_first(work, *items(6), np.int32(1)).overflowed


def test_random_pushes_and_pops_against_a_list():
    """A Python list does the same; whatever the flag does not excuse must agree."""
    rng, work, stack, popped = np.random.default_rng(0), empty(64), [], 0
    for turn in range(300):
        if rng.random() < 0.45:
            new, keep = np.arange(8) + 8 * turn, rng.random(8) < 0.6
            work = push(work, *items(*new), keep)
            stack += new[keep].tolist()
        else:
            everything = bool(rng.random() < 0.3)
            block, work = pop(work, 4, np.asarray(everything))
            taken = stack[-4:] if everything or len(stack) >= 4 else []
            stack = stack[: len(stack) - len(taken)]
            assert names(block) == taken
            popped += len(taken)
        assert int(work.size) == len(stack) and not work.overflowed
    assert popped > 200
