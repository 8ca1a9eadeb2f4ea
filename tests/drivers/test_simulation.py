"""The driver `simulate` on walkers: shapes, keys, tiles, times, arguments, transformations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from walkers import KEY, LAW, MEAN, TIMES, WALKERS, Walkers, walk

from jaxkin.drivers.simulation import simulate
from jaxkin.laws import Monodisperse


def test_shapes_and_metadata():
    data = walk(replicas=5)
    assert data["mean"].shape == (5, 4) and data.replicated and data.metadata["replicas"] == 5
    np.testing.assert_array_equal(data.times, TIMES)
    assert data.events is None


def test_law_of_the_walkers():
    """Increments over an interval have variance 2d·τ/5 and are independent of the others.

    5 standard errors. Fails if the key of an interval is that of the one before.
    """
    x = np.asarray(walk(Walkers(jnp.asarray(1.0), per_tile=4000), replicas=4000)["mean"])
    increments = np.diff(x, axis=1) / np.sqrt(2 * np.diff(np.asarray(TIMES)) / 5)
    covariance = increments.T @ increments / 4000
    error = np.where(np.eye(3) > 0, np.sqrt(2 / 4000), np.sqrt(1 / 4000))
    assert np.all(np.abs(covariance - np.eye(3)) < 5 * error)


def test_the_same_key_gives_the_same_bits():
    np.testing.assert_array_equal(walk(replicas=5)["mean"], walk(replicas=5)["mean"])
    other = walk(key=jax.random.key(8), replicas=5)["mean"]
    assert not np.any(np.asarray(other) == np.asarray(walk(replicas=5)["mean"]))


def test_replicas_differ():
    x = np.asarray(walk(replicas=7)["mean"])
    assert np.unique(x[:, 0]).size == 7 and np.unique(np.diff(x, axis=1)).size == 21


@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
def test_batch_size_changes_no_bit(batch_size):
    np.testing.assert_array_equal(
        walk(replicas=7, batch_size=batch_size)["mean"], walk(replicas=7)["mean"]
    )


@pytest.mark.parametrize("per_tile", [1, 3, 4, 10])
def test_the_tile_changes_no_replica(per_tile):
    """Also where the last tile is not full, and whatever the number of replicas."""
    whole = walk(Walkers(jnp.asarray(1.0), per_tile=10), replicas=10)["mean"]
    for replicas in (3, 10):
        parts = walk(Walkers(jnp.asarray(1.0), per_tile=per_tile), replicas=replicas)["mean"]
        np.testing.assert_allclose(parts, whole[:replicas], rtol=1e-14)


def test_times_without_zero():
    """The run starts at 0 whether or not it is listed; the initial law is not recorded then.

    Fails if the run starts at the first of the times.
    """
    many = Walkers(jnp.asarray(1.0), per_tile=4000)
    late = simulate(many, LAW, TIMES[2:], key=KEY, observe=[MEAN], replicas=4000)
    assert late["mean"].shape == (4000, 2)
    variance = np.var(np.asarray(late["mean"][:, 0]))
    law = (1 / 12 + 2 * 0.3) / 5
    assert abs(variance - law) < 5 * law * np.sqrt(2 / 4000)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_dtype(dtype):
    assert walk(Walkers(jnp.asarray(1.0, dtype)), replicas=3)["mean"].dtype == dtype


def test_arguments():
    for options, message in [
        ({"replicas": 0}, "`replicas` must be a positive integer, but it is 0"),
        ({"replicas": 2.0}, "`replicas` must be a positive integer"),
        ({"batch_size": 0}, "`batch_size` must be a positive number of tiles"),
        ({"events": True}, "`events` must be asked of a model that logs events.*Walkers keeps no"),
    ]:
        with pytest.raises(ValueError, match=message):
            walk(**options)
    with pytest.raises(ValueError, match="`observe` must name at least one observable"):
        simulate(WALKERS, LAW, TIMES, key=KEY)
    for times in ([0.0, 0.2, 0.1], [0.1, 0.1], [-1.0, 0.0]):
        with pytest.raises(ValueError, match="`times` must be"):
            simulate(WALKERS, LAW, times, key=KEY, observe=[MEAN])


# Transformations.


def test_under_jit():
    eager = walk(replicas=5)
    traced = jax.jit(lambda key: walk(key=key, replicas=5))(KEY)
    np.testing.assert_allclose(traced["mean"], eager["mean"], rtol=1e-14)
    assert traced.replicated and traced.metadata["replicas"] == 5


def test_vmap_over_parameters_and_keys():
    d = jnp.array([0.5, 2.0])
    together = jax.vmap(lambda d: walk(Walkers(d), replicas=3)["mean"])(d)
    for k in range(2):
        np.testing.assert_allclose(together[k], walk(Walkers(d[k]), replicas=3)["mean"], rtol=1e-13)
    keys = jax.random.split(KEY, 2)
    together = jax.vmap(lambda key: walk(key=key, replicas=3)["mean"])(keys)
    for k in range(2):
        np.testing.assert_allclose(together[k], walk(key=keys[k], replicas=3)["mean"], rtol=1e-13)


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit])
@pytest.mark.parametrize(
    "function",
    [
        lambda x: walk(Walkers(x))["mean"].sum(),
        lambda x: simulate(WALKERS, LAW, x * TIMES, key=KEY, observe=[MEAN])["mean"].sum(),
        lambda x: simulate(WALKERS, Monodisperse(density=x), TIMES, key=KEY, observe=[MEAN])[
            "mean"
        ].sum(),
    ],
)
def test_derivatives_are_refused(wrap, function):
    """By a parameter, by the times, by the law: forward and reverse, and with the way out."""
    for derive in (jax.grad(wrap(function)), jax.jacfwd(wrap(function))):
        with pytest.raises(TypeError, match=r"solve\(particles.kinetic_limit.*fitting.fit"):
            derive(1.0)
