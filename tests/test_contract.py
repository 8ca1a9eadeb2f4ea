"""One contract for all models: compile once, keep the dtype, conserve, meet on both sides."""

import inspect

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxkin as jk

LAW, N, M = jk.laws.Monodisperse(), 32, 3
TIMES = jnp.array([0.0, 0.02, 0.2])
STRENGTH = jnp.array([[30.0, 20.0, 10.0], [20.0, 20.0, 15.0], [10.0, 15.0, 30.0]])


def brownian(dtype, scale, **options):
    return jk.BrownianCoagulation(
        N,
        strength=(scale * STRENGTH).astype(dtype),
        diffusivity=jnp.array([1.0, 0.7, 0.5], dtype),
        interaction=jk.interactions.Ball(jnp.asarray(1.0, dtype)),
        max_mass=M,
        overflow="absorb",
        **options,
    )


def contact(dtype, scale=1.0):
    return brownian(dtype, scale)


def pair_law(dtype, scale=1.0):
    return brownian(dtype, scale, scheme=jk.schemes.PairLaw())


def marcus_lushnikov(dtype, scale=1.0):
    return jk.MarcusLushnikov(N, (scale * STRENGTH).astype(dtype), overflow="absorb")


def uniform(dtype, scale=1.0):
    return jk.Smoluchowski((scale * STRENGTH).astype(dtype))


def on_a_grid(dtype, scale=1.0):
    return jk.Smoluchowski(
        (scale * STRENGTH).astype(dtype), jnp.ones(M, dtype), dimension=2, modes=6
    )


PARTICLES = [contact, pair_law, marcus_lushnikov]
EQUATIONS = [uniform, on_a_grid]
EVERYONE = PARTICLES + EQUATIONS


class Run:
    """A model run twice with other parameter values; how often it was traced each time."""

    def __init__(self, make, dtype):
        self.dtype, self.model = dtype, make(dtype)
        self.traces = traces = []
        # An observable of its own is traced whenever the program that holds it is; `advance` and
        # `rate_of_change` are counted through the class.
        kind = type(self.model)
        name = "advance_tile" if make in PARTICLES else "react"
        original = kind.__dict__[name]

        def counted(model, *args, **options):
            traces.append(1)
            return original.__get__(model, kind)(*args, **options)

        try:
            setattr(kind, name, counted)
            self.first = self.run(self.model, 0)
            self.compiled = len(traces)
            self.second = self.run(make(dtype, 0.5), 1)
            self.again = len(traces) - self.compiled
        finally:
            setattr(kind, name, original)

    def run(self, model, seed):
        if isinstance(model, jk.Particles):
            return jk.simulate(model, LAW, TIMES, key=jax.random.key(seed), replicas=8, events=True)
        return jk.solve(model, LAW, TIMES)


@pytest.fixture(
    scope="module",
    params=[(make, dtype) for make in EVERYONE for dtype in (jnp.float32, jnp.float64)],
    ids=lambda p: f"{p[0].__name__}-{p[1].__name__}",
)
def run(request):
    return Run(*request.param)


def test_compiles_once(run):
    """Other parameters, another key: the same program, and another result."""
    assert run.compiled >= 1
    assert run.again == 0
    assert not np.array_equal(run.first["counts"], run.second["counts"])


def test_keeps_the_dtype(run):
    for values in run.first.observables.values():
        assert values.dtype == run.dtype
    if run.first.events:
        assert run.first.events.time.dtype == run.dtype
    for leaf in jax.tree.leaves(run.model):
        assert leaf.dtype == run.dtype


def test_conserves_mass(run):
    """Particles: whole units of mass, so to the bit. Equations: to the rounding of their steps."""
    mass, overflow = np.asarray(run.first["mass"]), np.asarray(run.first["overflow"])
    assert overflow[..., -1].max() > 0, "the run must be long enough to test the overflow"
    if isinstance(run.model, jk.KineticEquation):
        # A linear invariant of the scheme: one rounding for each of about 100 steps.
        np.testing.assert_allclose(mass + overflow, 1.0, atol=200 * np.finfo(run.dtype).eps)
        return
    weight = run.dtype(1 / N)
    units = [np.rint(np.asarray(x, float) * N).astype(int) for x in (mass, overflow)]
    for values, whole in zip((mass, overflow), units, strict=True):
        np.testing.assert_array_equal(values, np.asarray(whole, run.dtype) * weight)
    np.testing.assert_array_equal(units[0] + units[1], N)


def test_observables_agree_with_each_other(run):
    """number = Σ counts_n and mass = Σ n counts_n, and counts fall off at t = 0 as the law says."""
    data, atol = run.first, 20 * np.finfo(run.dtype).eps
    counts = np.asarray(data["counts"])
    np.testing.assert_allclose(data["number"], counts.sum(-1), atol=atol)
    np.testing.assert_allclose(data["mass"], counts @ np.arange(1, M + 1), atol=atol)
    np.testing.assert_allclose(
        counts[..., 0, :], np.broadcast_to([1, 0, 0], counts[..., 0, :].shape), atol=atol
    )
    assert np.all(np.diff(np.asarray(data["number"]), axis=-1) <= atol)


@pytest.mark.parametrize("make", PARTICLES)
def test_both_sides_record_the_same(make):
    """Names and shapes of every observable, without running anything."""
    particles = make(jnp.float64)
    d = getattr(particles, "dimension", 3)
    others = (
        ()
        if make is marcus_lushnikov
        else (jk.fourier_mode(np.eye(d, dtype=int)), jk.Observable("x", lambda z: z.position))
    )
    limits = [particles.kinetic_limit()]
    if make is contact:
        limits.append(particles.kinetic_limit(modes=6))
    for equation in limits:
        assert [o.name for o in particles.observables()] == [o.name for o in equation.observables()]
        for observable in (*particles.observables(), *others):
            micro = jax.eval_shape(
                lambda key, o=observable: particles.observe(particles.sample(LAW, key=key), o),
                jax.random.key(0),
            )
            macro = jax.eval_shape(
                lambda _, o=observable, e=equation: e.observe(e.project(LAW), o), 0
            )
            assert (micro.shape, micro.dtype) == (macro.shape, macro.dtype), observable.name


@pytest.mark.parametrize("make", EVERYONE)
def test_leaves_are_primary_parameters(make):
    """What is differentiated, saved and compared is what the user gave, nothing derived."""
    model = make(jnp.float64)
    arguments = inspect.signature(type(model).__init__).parameters
    paths = [path[0].name for path, _ in jax.tree_util.tree_leaves_with_path(model)]
    assert paths and set(paths) <= set(arguments)


@pytest.mark.parametrize("make", EVERYONE)
def test_same_arguments_same_model(make):
    """Two models made alike have the same structure, so that they share what was compiled."""
    a, b = make(jnp.float64), make(jnp.float64, 0.5)
    assert jax.tree.structure(a) == jax.tree.structure(b)
    assert hash(jax.tree.structure(a)) == hash(jax.tree.structure(b))


@pytest.mark.parametrize("make", PARTICLES)
def test_the_limit_is_differentiable(make):
    """Through `kinetic_limit` to the rates, forward and reverse, against a central difference.

    With h = 1e-5 relative, the difference is good to h²·β''' and rounding/h, both below 1e-8.
    """
    model = make(jnp.float64)
    name = "rate" if make is marcus_lushnikov else "strength"

    def rates(scale):
        scaled = eqx.tree_at(lambda m: getattr(m, name), model, scale * getattr(model, name))
        return scaled.kinetic_limit().rate

    h = 1e-5
    truth = (rates(1 + h) - rates(1 - h)) / (2 * h)
    assert np.all(np.asarray(truth) > 0)
    np.testing.assert_allclose(jax.jacfwd(rates)(1.0), truth, rtol=1e-7)
    np.testing.assert_allclose(jax.grad(lambda s: rates(s).sum())(1.0), truth.sum(), rtol=1e-7)


def test_the_solution_is_differentiable_in_the_strength():
    """From α to the counts of the limit, end to end: α enters through β alone."""

    def monomers(scale):
        equation = contact(jnp.float64, scale).kinetic_limit()
        return jk.solve(equation, LAW, TIMES[-1:])["counts"][0, 0]

    h = 1e-4
    difference = (monomers(1 + h) - monomers(1 - h)) / (2 * h)
    np.testing.assert_allclose(jax.grad(monomers)(1.0), difference, rtol=1e-6)


def test_simulation_under_jit_is_the_simulation():
    """One program for parameters and key, with the same counts as the host's loop."""
    model = marcus_lushnikov(jnp.float64)
    outside = jk.simulate(model, LAW, TIMES, key=jax.random.key(0), replicas=8)
    inside = jax.jit(lambda m, k: jk.simulate(m, LAW, TIMES, key=k, replicas=8))(
        model, jax.random.key(0)
    )
    np.testing.assert_array_equal(inside["counts"], outside["counts"])
