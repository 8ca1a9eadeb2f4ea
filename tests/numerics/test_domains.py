"""Domains on one table: the map and back, its Jacobian, its limits, and refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxkin.numerics.domains import (
    AtLeast,
    Interval,
    Positive,
    Real,
    Simplex,
    SymmetricPositive,
)

# The domain, points inside of it, points outside, and what its message says.
TABLE = {
    "real": (Real(), [-3.0, 0.0, 1e5], [np.nan, np.inf], "be finite"),
    "positive": (Positive(), [1e-7, 1.0, 3e5], [0.0, -1.0, np.inf], "above 0"),
    "symmetric": (SymmetricPositive(), [1e-7, 1.0, 3e5], [0.0, -1.0], "above 0"),
    "at least 1": (AtLeast(1.0), [1.01, 2.0, 400.0], [0.99, np.inf], "at least 1"),
    "at least −2": (AtLeast(-2.0), [-1.9, 0.0, 30.0], [-2.1, np.nan], "at least −2"),
    "interval": (Interval(0.0, 1.0), [0.01, 0.5, 0.99], [-0.1, 1.1], r"lie in \[0, 1\]"),
    "half open": (Interval(-2.0, 1.0, "(]"), [-1.9, 0.0, 0.9], [-2.0, 1.1], r"\(−2, 1\]"),
    "open": (Interval(0.0, 0.1, "()"), [0.01, 0.05, 0.09], [0.0, 0.1], r"\(0, 0\.1\)"),
    "from the left": (Interval(-7.0, -1.0, "[)"), [-6.0, -1.5], [-1.0, -8.0], r"\[−7, −1\)"),
    "simplex": (Simplex(), [0.2, 0.5, 0.3], [0.2, 0.5, 0.4], "with the sum 1"),
}
DTYPES = [jnp.float32, jnp.float64]


@pytest.fixture(params=TABLE, name="row")
def _row(request):
    return TABLE[request.param]


@pytest.mark.parametrize("dtype", DTYPES)
def test_there_and_back(row, dtype):
    domain, inside, _, _ = row
    x = jnp.asarray(inside, dtype)
    theta = domain.coordinates(x)
    assert theta.dtype == dtype and theta.size == domain.free(x.size)
    found = domain.natural(theta)
    assert found.dtype == dtype
    # θ of x near an end is known to ε/distance, and so is x − end.
    np.testing.assert_allclose(found, x, rtol=200 * float(jnp.finfo(dtype).eps))


def test_the_logarithm_of_the_jacobian(row):
    """Against automatic differentiation, also far out. Fails without the length of an interval.

    In single precision to rounding, where automatic differentiation loses digits near the ends.
    """
    domain, inside, _, _ = row
    theta = domain.coordinates(jnp.asarray(inside))
    derivative = jax.jit(jax.jacfwd(domain.natural))
    for scale in (1.0, 3.0):
        at = scale * theta / jnp.maximum(1, jnp.abs(theta) / 8)
        sign, expected = np.linalg.slogdet(derivative(at)[: theta.size])
        found = domain.log_jacobian(at)
        assert sign == 1
        np.testing.assert_allclose(found, expected, rtol=1e-9)
        single = domain.log_jacobian(at.astype(jnp.float32))
        assert single.dtype == jnp.float32
        np.testing.assert_allclose(single, found, rtol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_coordinate_leads_out(row, dtype):
    """x rises with θ, is finite, and belongs to the domain however far θ goes.

    Fails for an interval without an end if the map may round to it: σ(−200) = 0 in float32.
    """
    domain, inside, _, _ = row
    far = np.array([-1e30, -1e4, -800.0, -90.0, -17.0, 0.0, 17.0, 90.0, 800.0, 1e4, 1e30], dtype)
    base = np.array(domain.coordinates(jnp.asarray(inside, dtype)))
    theta = np.tile(base, (far.size, 1))
    theta[:, 0] = far
    x, slope = jax.jit(jax.vmap(lambda t: (domain.natural(t), jax.jacfwd(domain.natural)(t))))(
        theta
    )
    assert x.dtype == dtype
    for each in np.asarray(x):
        assert np.all(domain.contains(each)), each
    assert np.all(np.diff(x[:, 0]) >= 0) and x[-1, 0] > x[0, 0]
    assert np.all(np.isfinite(slope)) and np.all(np.asarray(slope)[:, 0, 0] >= 0)


def test_bounds_are_where_the_map_ends(row):
    """To the last bit if the end belongs to the domain, else one number before it."""
    domain = row[0]
    if isinstance(domain, Simplex):
        return
    reached = domain.natural(jnp.array([-800.0, 800.0]))
    for end, closed, x in zip(domain.bounds, domain.closed, np.asarray(reached), strict=True):
        if np.isfinite(end):
            assert (x == end) == closed
            assert abs(x - end) <= max(abs(np.spacing(end)), 3 * np.finfo(float).tiny)


def test_checks(row):
    """Ends are named; a traced value passes; a start needs finite coordinates."""
    domain, inside, outside, message = row
    domain.check(np.array(inside), "x")
    domain.check_inside(np.array(inside), "x")
    each = [outside] if isinstance(domain, Simplex) else outside
    for wrong in each:
        with pytest.raises(ValueError, match=f"Argument `x` must .*{message}.*, but .*[.]"):
            domain.check(np.asarray(wrong), "x")
        with pytest.raises(ValueError, match=f"`x` must .*{message}"):
            domain.check_inside(np.asarray(wrong), "x")
    jax.jit(lambda x: domain.check(x, "x"))(jnp.zeros(3))
    for end, closed in zip(domain.bounds, domain.closed, strict=True):
        if closed and not isinstance(domain, Simplex):
            domain.check(end, "x")
            with pytest.raises(ValueError, match=r"and not at an end, but it is .*\. Take "):
                domain.check_inside(end, "x")


def test_a_search_starts_inside(row):
    domain, inside, _, _ = row
    size = len(inside)
    domain.check_inside(np.full(size, domain.neutral(size)), "start")


def test_an_interval_may_know_where_to_start():
    assert Interval(-2.0, 1.0).neutral(1) == -0.5
    assert Interval(-2.0, 1.0, usual=0.5).neutral(1) == 0.5
    assert Interval(-2.0, 1.0, usual=0.5) == Interval(-2.0, 1.0)  # the same domain


def test_ignorance_is_the_scatter_of_the_uniform_law():
    random = np.random.default_rng(0)
    np.testing.assert_allclose(
        Interval(-2.0, 1.0).ignorance(1), random.uniform(-2, 1, 100_000).std(), rtol=0.01
    )
    uniform = random.dirichlet(np.ones(4), 100_000)
    np.testing.assert_allclose(Simplex().ignorance(4), uniform.std(0), rtol=0.02)
    assert np.isinf([d.ignorance(2) for d in (Real(), Positive(), AtLeast(1.0))]).all()


def test_slope_and_bend(row):
    """Both by automatic differentiation of Q = c·x: ∂²Q, and its positive part."""
    domain, inside, _, _ = row
    theta = domain.coordinates(jnp.asarray(inside)) / 3 + 0.1
    for sign in (1, -1):
        c = sign * jnp.linspace(-1.0, 2.0, len(inside))

        def misfit(t, c=c):
            return c @ domain.natural(t)

        size, direction = np.linalg.eigh(jax.hessian(misfit)(theta))
        positive = direction * np.maximum(size, 0) @ direction.T
        bend = domain.bend(theta, jax.grad(misfit)(theta))
        np.testing.assert_allclose(bend, positive, atol=1e-10 * np.abs(positive).max() + 1e-14)
    slope = np.diagonal(jax.jacfwd(domain.natural)(theta)[: theta.size])
    unit = {"Interval": lambda d: d.length, "AtLeast": lambda d: abs(d.lower)}
    unit = unit.get(type(domain).__name__, lambda d: 1.0)(domain)
    np.testing.assert_allclose(domain.slope(theta), slope / unit if domain.ends else 1, rtol=1e-10)


def test_a_symmetric_matrix_has_one_coordinate_for_two_entries():
    domain, mask = SymmetricPositive(), np.array([[True, True], [True, False]])
    np.testing.assert_array_equal(domain.choose(mask, "rate"), np.triu(mask))
    np.testing.assert_array_equal(domain.mirror(jnp.array([[1, 2], [7, 3]])), [[1, 2], [2, 3]])
    with pytest.raises(ValueError, match="`free` must be symmetric, but `rate` is, and it is not"):
        domain.choose(np.triu(mask), "rate")
    with pytest.raises(ValueError, match="every entry of a simplex"):
        Simplex().choose(np.array([True, False]), "weights")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Interval(1.0, 1.0), "`upper` must exceed the lower end 1, but it is 1"),
        (lambda: Interval(0.0, np.inf), "`upper` must be finite"),
        (lambda: Interval(0.0, 1.0, "]["), "`shape` must be one of"),
        (lambda: Interval(0.0, 1.0, usual=1.0), r"`usual` must lie in \[0, 1\].*but it is 1"),
        (lambda: AtLeast(np.nan), "`lower` must be finite"),
        (lambda: AtLeast(0.0), r"`lower` must differ from 0.*Positive\(\)"),
    ],
)
def test_domains_that_are_none(make, message):
    with pytest.raises(ValueError, match=message):
        make()
