"""What cannot be differentiated must say so, and be transparent otherwise."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxkin.numerics.guards import not_differentiable

MESSAGE = "differentiate the limit instead"


def guarded(x):
    return jnp.sum(not_differentiable({"x": x, "n": 3}, MESSAGE)["x"] ** 2)


@pytest.mark.parametrize(
    "wrap", [lambda f: f, jax.jit, lambda f: lambda x: jax.vmap(f)(x[None])[0], jax.checkpoint]
)
@pytest.mark.parametrize(
    "derive",
    [
        lambda f: jax.grad(f)(jnp.ones(3)),
        lambda f: jax.jvp(f, (jnp.ones(3),), (jnp.ones(3),)),
        lambda f: jax.jacfwd(f)(jnp.ones(3)),
        lambda f: jax.vjp(f, jnp.ones(3)),
        lambda f: jax.jit(jax.grad(f))(jnp.ones(3)),
    ],
)
def test_every_derivative_raises(wrap, derive):
    with pytest.raises(TypeError, match=MESSAGE):
        derive(wrap(guarded))


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit])
def test_values_pass_unchanged(wrap):
    tree = {
        "x": jnp.arange(3.0, dtype=jnp.float32),
        "key": jax.random.key(1),
        "n": jnp.arange(2),
        "name": None,
    }
    out = wrap(lambda t: not_differentiable(t, MESSAGE))(tree)
    assert jax.tree.structure(out) == jax.tree.structure(tree)
    for a, b in zip(jax.tree.leaves(out), jax.tree.leaves(tree), strict=True):
        assert a.dtype == b.dtype
    np.testing.assert_array_equal(out["x"], tree["x"])
    np.testing.assert_array_equal(jax.random.key_data(out["key"]), jax.random.key_data(tree["key"]))


def test_what_is_not_an_array_passes():
    out = not_differentiable({"f": jnp.sin, "word": "ball"}, MESSAGE)
    assert out["f"] is jnp.sin and out["word"] == "ball"


def test_a_gradient_that_does_not_pass_through_is_free():
    """Only what flows through the guarded leaf is refused."""

    def function(x, y):
        return jnp.sum(x) * guarded(jax.lax.stop_gradient(y))

    assert jax.grad(function)(jnp.ones(3), jnp.ones(3)).tolist() == [3.0, 3.0, 3.0]
    assert eqx.filter_jit(guarded)(jnp.ones(3)) == 3.0
