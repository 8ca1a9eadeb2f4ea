"""Free coordinates: round trips, names, masks, and refusals."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fitting.parametrisation import parametrise
from jaxkin.equations.smoluchowski import Smoluchowski
from jaxkin.model import KineticEquation
from jaxkin.numerics.domains import Interval, Positive, Simplex, SymmetricPositive


class Inner(eqx.Module):
    exponent: jax.Array


class Toy(KineticEquation):
    kernel: Inner
    shares: jax.Array
    chance: jax.Array

    def domains(self):
        return {"shares": Simplex(), "chance": Interval(0.0, 1.0)}

    def project(self, law): ...
    def rate_of_change(self, t, state, prepared): ...
    def measure(self, state): ...


TOY = Toy(Inner(jnp.asarray(0.7)), jnp.array([0.2, 0.5, 0.3]), jnp.asarray(0.25))
PAIRS = Smoluchowski(jnp.array([[4.0, 3.0], [3.0, 2.0]]))


def test_round_trips_and_names():
    several = ("kernel.exponent", "shares", "chance")
    start = {"kernel.exponent": -1.5, "shares": jnp.array([0.1, 0.2, 0.7]), "chance": 0.9}
    p, theta = parametrise(TOY, several, start=start)
    assert p.size == 4 and p.names == [
        "kernel.exponent",
        "shares[1]",
        "shares[2]",
        "shares[3]",
        "chance",
    ]
    np.testing.assert_allclose(p.natural(theta), [-1.5, 0.1, 0.2, 0.7, 0.9], rtol=1e-12)
    fitted = p.assemble(theta, TOY)
    np.testing.assert_allclose(fitted.shares, [0.1, 0.2, 0.7], rtol=1e-12)
    np.testing.assert_allclose(fitted.kernel.exponent, -1.5)


def test_symmetric_pairs_have_one_coordinate():
    p, theta = parametrise(PAIRS, "rate")
    assert p.names == ["rate[1,1]", "rate[1,2]", "rate[2,2]"]
    np.testing.assert_array_equal(p.natural(theta), 1.0)
    rate = p.assemble(jnp.log(jnp.array([5.0, 6.0, 7.0])), PAIRS).rate
    np.testing.assert_allclose(rate, [[5, 6], [6, 7]])


def test_mask_keeps_what_is_known():
    free = np.array([[False, True], [True, False]])
    p, theta = parametrise(PAIRS, lambda e: e.rate, free=free)
    np.testing.assert_allclose(p.assemble(theta, PAIRS).rate, [[4, 1], [1, 2]])


def test_unknown_values_are_never_read():
    """Fails when the start, or an entry of the leaf, is taken from the equation."""
    lost = eqx.tree_at(lambda e: e.rate, PAIRS, jnp.full((2, 2), jnp.nan))
    p, theta = parametrise(lost, "rate")
    assert np.all(np.isfinite(theta)) and np.all(np.isfinite(p.assemble(theta, lost).rate))


class Twins(KineticEquation):
    """Two kernels, and a rate of its own beside a rate inside of them."""

    first: Toy
    second: Toy
    chance: jax.Array

    def domains(self):
        return {
            f"{name}.{path}": domain
            for name in ("first", "second")
            for path, domain in getattr(self, name).domains().items()
        }

    def project(self, law): ...
    def rate_of_change(self, t, state, prepared): ...
    def measure(self, state): ...


TWINS = Twins(TOY, eqx.tree_at(lambda e: e.chance, TOY, jnp.asarray(0.5)), jnp.asarray(3.0))


def test_the_ending_of_one_path_is_its_name():
    """In `unknown`, `free` and `start`; the full path is reported, and a full path comes first."""
    p, theta = parametrise(TOY, "exponent", start={"exponent": 0.3})
    assert p.names == ["kernel.exponent"] and float(p.natural(theta)[0]) == 0.3
    keywords = {"free": {"shares": np.ones(3, bool)}, "start": {"kernel.exponent": -0.2}}
    p, theta = parametrise(TWINS, ("first.shares", "second.kernel.exponent"), **keywords)
    assert p.names == [*(f"first.shares[{k}]" for k in (1, 2, 3)), "second.kernel.exponent"]
    np.testing.assert_allclose(p.natural(theta), [1 / 3] * 3 + [-0.2])
    assert parametrise(TWINS, "chance")[0].names == ["chance"]


@pytest.mark.parametrize(
    ("unknown", "keywords", "message"),
    [
        ("exponent", {}, r"single path.*\['first.kernel.exponent', 'second.kernel.exponent'\]"),
        ("ponent", {}, "be among the fields"),
        ("first.exponent", {}, "be among the fields"),
        (("first.shares", "second.shares"), {"start": {"shares": 1 / 3}}, "`start`.*single path"),
        ("first.chance", {"free": {"first.chance": True, "chance": True}}, "`free`.*once"),
    ],
)
def test_endings_that_are_refused(unknown, keywords, message):
    with pytest.raises(ValueError, match=message):
        parametrise(TWINS, unknown, **keywords)


def test_domains_are_objects_and_equal_by_their_bounds():
    assert PAIRS.domains() == {"rate": SymmetricPositive(), "diffusivity": Positive()}
    assert Interval(0.0, 1.0) == Interval(0, 1) != Interval(0.0, 1.0, "(]")


@pytest.mark.parametrize(
    ("unknown", "keywords", "message"),
    [
        ("rates", {}, "diffusivity.*rate"),
        (lambda e: e.rate[0, 0], {}, "whole leaves"),
        (("rate", "rate"), {}, "once"),
        ("rate", {"free": np.array([[True, True], [False, True]])}, "symmetric"),
        ("rate", {"free": np.ones(3, bool)}, "shape"),
        ("rate", {"free": np.zeros((2, 2), bool)}, "at least one"),
        ("rate", {"start": -1.0}, "above 0"),
        (("rate", "diffusivity"), {"start": 1.0}, "dictionary"),
    ],
)
def test_refusals(unknown, keywords, message):
    with pytest.raises(ValueError, match=message):
        parametrise(PAIRS, unknown, **keywords)
