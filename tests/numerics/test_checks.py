"""Messages name the argument, what it is, and the remedy; traced values pass."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxkin.numerics.checks import (
    is_traced,
    require,
    require_finite,
    require_increasing,
    whole,
)


def test_the_message():
    require(True, "x", "be", "it is")
    with pytest.raises(ValueError) as caught:
        require(False, "width", "be even", "it is 3", "Add one.")
    assert str(caught.value) == "Argument `width` must be even, but it is 3. Add one."
    with pytest.raises(ValueError, match=r"it is 3\.$"):
        require(False, "width", "be even", "it is 3")


def test_all_entries_must_hold():
    require(np.array([True, True]), "x", "be", "it is")
    with pytest.raises(ValueError):
        require(np.array([True, False]), "x", "be", "it is")


@pytest.mark.parametrize(
    ("value", "options", "message"),
    [
        (np.nan, {}, r"`x` must be finite, but it is nan"),
        ([1.0, np.inf], {}, r"`x` must be finite, but entry \(1,\) is inf"),
        (
            [[1.0, 2.0], [-3.0, 1.0]],
            {"minimum": 0.0},
            r"finite and at least 0, but entry \(1, 0\) is -3",
        ),
        (0.0, {"minimum": 0.0, "strict": True}, r"finite and above 0, but it is 0"),
        (jnp.float32(-1), {"minimum": 0.0}, r"at least 0, but it is -1"),
    ],
)
def test_finite(value, options, message):
    with pytest.raises(ValueError, match=message):
        require_finite(value, "x", **options)


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_whole_numbers_of_any_kind(value):
    assert whole(value, "n") == 3 and type(whole(value, "n")) is int


@pytest.mark.parametrize("value", [0, 3.0, "3", True, None, np.float32(3)], ids=repr)
def test_not_a_whole_number(value):
    with pytest.raises(ValueError, match=r"`n` must be a positive integer, but it is .* Count\."):
        whole(value, "n", remedy="Count.")
    with pytest.raises(ValueError, match="an integer of at least 4"):
        whole(value, "n", 4)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([0.0, 0.2, 0.2], r"strictly increasing, but times\[2\] does not exceed"),
        ([0.0, 0.2, 0.1], r"strictly increasing, but times\[2\].*Sort"),
        ([-0.1, 0.2], r"at least 0, but entry \(0,\) is -0.1"),
        ([0.0, np.nan], "finite"),
        ([[0.0, 0.1]], r"one-dimensional, but its shape is \(1, 2\)"),
        (0.5, r"one-dimensional, but its shape is \(\)"),
        ([], "at least one time, but it is empty"),
    ],
)
def test_increasing(times, message):
    with pytest.raises(ValueError, match=message):
        require_increasing(times)


def test_one_time_is_enough():
    require_increasing([0.3])


def test_traced_values_pass_and_shapes_do_not():
    def checked(x):
        assert is_traced(x)
        require(x > 0, "x", "be positive", "it is not")
        require_finite(x, "x", minimum=0.0)
        require_increasing(jnp.stack([x, x]))
        return x

    assert jax.jit(checked)(-1.0) == -1.0
    assert not is_traced({"a": jnp.ones(2), "b": 1.0})
    with pytest.raises(ValueError, match="one-dimensional"):
        jax.jit(lambda x: require_increasing(x[None, None]))(1.0)
