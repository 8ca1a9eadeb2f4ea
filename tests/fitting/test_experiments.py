"""Several experiments in one fit, kernels and β_K from simulated relaxation, and degeneracy."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from fitting import estimate_from_events, fit
from fitting.parametrisation import parametrise
from fitting.uncertainty import degrees_of_freedom, sandwich
from jaxkin.drivers.simulation import simulate
from jaxkin.drivers.solution import solve
from jaxkin.equations.boltzmann import Boltzmann
from jaxkin.equations.smoluchowski import Smoluchowski
from jaxkin.laws import Polydisperse
from jaxkin.laws.velocities import GaussianMixture
from jaxkin.logs import ReactionLog
from jaxkin.operators import Hermite, Moments
from jaxkin.particles.kac import KacGas
from jaxkin.physics.collisions.collision_laws import Symmetric
from jaxkin.physics.collisions.kernels import PowerKernel
from jaxkin.trajectory import Trajectory

RATE = np.array([[2.0, 1.0], [1.0, 0.5]])
FREE = np.array([[1, 1], [1, 0]], bool)
TRUTH = RATE[np.triu(FREE)]
# The rate that is not free is known, and another one in the second experiment.
EQUATIONS = [Smoluchowski(RATE), Smoluchowski(RATE + np.diag([0, 1.0]))]
LAWS = [Polydisperse([0.9, 0.1]), Polydisperse([0.4, 0.6])]
TIMES = jnp.linspace(0, 1, 6)
REPLICAS, NOISE = (24, 60), (0.02, 0.06)
VHS = ("operator.kernel.strength", "operator.kernel.exponent")


@pytest.fixture(scope="module")
def means():
    return [solve(e, law, TIMES)["counts"] for e, law in zip(EQUATIONS, LAWS, strict=True)]


def noisy(mean, replicas, noise, seed):
    """A solution plus Gaussian noise of known covariance, most of it common to all times."""
    random = np.random.default_rng(seed)
    common, own = random.normal(size=(replicas, 1, 2)), random.normal(size=(replicas, *mean.shape))
    values = np.asarray(mean) + noise * (np.sqrt(0.9) * common + np.sqrt(0.1) * own)
    return Trajectory(TIMES, {"counts": values}, None, {"replicas": replicas})


def synthetic(means, seed):
    return [noisy(means[k], REPLICAS[k], NOISE[k], 2 * seed + k) for k in range(2)]


@pytest.fixture(scope="module")
def joint(means):
    return fit(EQUATIONS, LAWS, synthetic(means, 0), unknown="rate", free=FREE)


@pytest.mark.slow
def test_joint_intervals_cover(means):
    """z-scores of 30 joint fits: mean 0 and spread 1, to 5 standard errors (of χ²).

    Fails if both experiments get one equation or one law, and if the standard error ignores the
    noise that the times share (bread alone: z² of 4).
    """
    sets, nu = 30, min(REPLICAS) - 1
    z = np.empty((sets, 2))
    for seed in range(sets):
        result = fit(EQUATIONS, LAWS, synthetic(means, seed), unknown="rate", free=FREE)
        z[seed] = (result.values - TRUTH) / result.errors
    # Student's t of ν degrees or more has a variance of ν/(ν − 2) at most.
    inflation = nu / (nu - 2)
    assert np.all(np.abs(z.mean(0)) < 5 * np.sqrt(inflation / sets)), z.mean(0)
    low, high = stats.chi2.ppf([3e-7, 1 - 3e-7], sets) / sets
    spread = (z**2).mean(0)
    assert np.all((low < spread) & (spread < inflation * high)), spread


def test_equations_keep_what_is_known_of_each(joint):
    """A fitted equation for each experiment; degrees of freedom between the least and the sum."""
    assert isinstance(joint.equation, tuple) and joint.names == ("rate[1,1]", "rate[1,2]")
    for fitted, given in zip(joint.equation, EQUATIONS, strict=True):
        np.testing.assert_array_equal(fitted.rate[1, 1], given.rate[1, 1])
        np.testing.assert_allclose(fitted.rate[0, 0], joint.values[0])
    assert np.all((joint.degrees > min(REPLICAS) - 1) & (joint.degrees <= sum(REPLICAS) - 2))
    assert "+" in joint.summary(reference=EQUATIONS[0])


def test_two_halves_are_the_whole(means):
    """One experiment cut in two sets of replicas: the same estimate and standard error.

    Working weights are learnt from each part, 24 replicas to √(2/23) = 0.3: that shifts weight
    between parts of shares p = 2/7 and 5/7, and the estimate by 0.3·√(p(1−p)) = 0.13 standard
    errors. They agree to 0.4, and errors to 8 %. Fails if the standard error takes the scores of
    one experiment only, or if a part counts for more than its replicas.
    """
    whole = noisy(means[1], sum(REPLICAS), 0.05, 7)
    cut = [slice(0, REPLICAS[0]), slice(REPLICAS[0], sum(REPLICAS))]
    parts = [
        Trajectory(TIMES, {"counts": whole["counts"][c]}, None, {"replicas": c.stop - c.start})
        for c in cut
    ]
    one = fit(EQUATIONS[1], LAWS[1], whole, unknown="rate", free=FREE)
    two = fit([EQUATIONS[1]] * 2, [LAWS[1]] * 2, parts, unknown="rate", free=FREE)
    assert np.all(np.abs(two.values - one.values) < 0.4 * one.errors)
    np.testing.assert_allclose(two.errors, one.errors, rtol=0.08)
    assert one.degrees == 83 and np.all(np.abs(two.degrees - 82) < 12)


def reactions(replicas, seed):
    """Ten particles of mass 1 and a density of 0.1 each; two of them meet, then a third joins."""
    times = np.sort(np.random.default_rng(seed).uniform(size=(replicas, 2)), axis=1)
    log = ReactionLog(
        time=times,
        mass_i=np.ones((replicas, 2), int),
        mass_j=np.tile([1, 2], (replicas, 1)),
        count=np.full(replicas, 2),
        one_particle=np.full(replicas, 0.1),
        reaction="coagulation",
        max_mass=2,
    )
    counts = np.tile([[1.0, 0.0]], (replicas, len(TIMES), 1))
    return Trajectory(TIMES, {"counts": counts}, log, {"replicas": replicas})


def test_events_of_several_experiments_are_pooled():
    """ΣK/ΣE over both, exactly. One equation for both gives one fitted equation."""
    runs = [reactions(30, 1), reactions(80, 2)]
    each = [estimate_from_events(run) for run in runs]
    seen, exposed = (sum(getattr(e, n).sum(0) for e in each) for n in ("events", "exposure"))
    result = fit(EQUATIONS[0], LAWS, runs, unknown="rate", free=FREE, observables="events")
    np.testing.assert_allclose(result.values, seen[0] / exposed[0], rtol=1e-6)
    assert isinstance(result.equation, Smoluchowski)


def test_an_experiment_without_replicas_is_named():
    """No standard error, rather than that of the other experiment."""
    runs = [reactions(30, 1), reactions(1, 2)]
    with pytest.warns(UserWarning, match=r"NaN.*data\[1\] has none"):
        result = fit(EQUATIONS[0], LAWS, runs, unknown="rate", free=FREE, observables="events")
    assert np.all(np.isfinite(result.values)) and np.all(np.isnan(result.errors))
    assert np.all(np.isnan(result.interval()))


def test_scores_are_centred_in_each_experiment():
    """Means of the scores are no scatter, and each set has its own R/(R − 1).

    Fails if the scores of all experiments are centred together, or only the first are taken.
    """
    random = np.random.default_rng(0)
    scores = [jnp.asarray(random.normal(size=(r, 2))) for r in (3, 50)]
    curvature = jnp.array([[2.0, 0.5], [0.5, 1.0]])
    meat = sum(len(s) * np.cov(s.T) for s in scores)
    expected = np.linalg.inv(curvature) @ meat @ np.linalg.inv(curvature)
    moved = (scores[0] + 5.0, scores[1] - 0.3)
    covariance, parts, _ = sandwich(curvature, moved)
    np.testing.assert_allclose(covariance, expected, rtol=1e-10)
    np.testing.assert_allclose(parts.sum(0), covariance, rtol=1e-10)


def test_degrees_of_freedom_are_those_of_welch():
    """Equal parts add their degrees; one that dominates gives its own."""
    eye = np.eye(2)
    equal = degrees_of_freedom(np.stack([eye, eye]), eye, [8, 8])
    np.testing.assert_allclose(equal, 14)
    uneven = degrees_of_freedom(np.stack([eye, 1e-6 * eye]), eye, [8, 1000])
    np.testing.assert_allclose(uneven, 7, rtol=1e-4)
    assert degrees_of_freedom(eye[None], eye, [8]) == 7


# Kernels from particles.


def anisotropic(temperature):
    return GaussianMixture([1.0], jnp.zeros((1, 2)), temperature * jnp.array([[1.3, 0.7]]))


def relaxation(kernel, temperature, key):
    gas = KacGas(1000, kernel=kernel, dimension=2)
    times = jnp.linspace(0.0, 4.0, 6) / float(kernel.total(jnp.asarray(2.2 * temperature**0.5)))
    key = jax.random.key(key)
    return simulate(gas, anisotropic(temperature), times, key=key, replicas=300)


def fit_kernel(data, temperatures):
    """One width for all: the fits below are one program."""
    laws = [anisotropic(t) for t in temperatures]
    equation = Boltzmann(Hermite(PowerKernel(9.0, 0.9), dimension=2, degree=6, width=0.5))
    return fit(equation, laws, data, unknown=VHS, observables=("stress",))


@pytest.mark.slow
@pytest.mark.parametrize(("strength", "exponent"), [(0.8, 0.6), (1.4, 0.0)])
def test_kernel_is_found_from_two_temperatures(strength, exponent):
    """Strength and exponent within 5 standard errors, and known well: Maxwell molecules too.

    Fails if both experiments get one law; and for γ = 0, where the best exponent of these data is
    negative, without the bend: the search follows the logit to −∞ and does not converge.
    """
    truth = PowerKernel(strength, exponent)
    pair = (0.3, 0.6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = fit_kernel([relaxation(truth, t, k + 2) for k, t in enumerate(pair)], pair)
    assert result.names == VHS and result.converged
    errors = np.abs(result.values - [strength, exponent])
    assert np.all(errors < 5 * result.errors), result.summary()
    assert result.errors[0] < 0.1 * strength and result.errors[1] < 0.12
    assert not result.degenerate and "degenerate" not in result.summary()


def test_one_temperature_is_reported_as_degenerate():
    """Two experiments at one temperature: the pair is named, and γ is not claimed to be known.

    It may run to the end of its domain, but never with a small error: γ = 0 ± nothing was the
    answer once, without a limit on what an interval's bread may claim.
    """
    truth = PowerKernel(0.8, 0.6)
    data = [relaxation(truth, 0.6, k) for k in (5, 6)]
    with pytest.warns(UserWarning) as caught:
        result = fit_kernel(data, (0.6, 0.6))
    said = " ".join(str(w.message) for w in caught)
    assert "operator.kernel.strength and operator.kernel.exponent are nearly degenerate" in said
    assert "other temperatures" in said
    ((one, other, correlation),) = result.degenerate
    assert (one, other) == VHS and correlation < -0.99
    assert result.converged and (np.isnan(result.values[1]) or result.errors[1] > 0.3)
    assert "nearly degenerate (correlation -" in result.summary()
    for known, (low, high) in zip((0.8, 0.6), result.interval(), strict=True):
        assert np.isnan(low) or low < known < high


@pytest.mark.slow
def test_probabilities_of_collision_orders_are_found():
    """β₂ = 0.3 and 0.9 within 5 standard errors, known to 0.1; their sum is 1 and no degeneracy.

    Fails if the orders of the two laws are exchanged, and without the factor K.
    """
    laws = [Symmetric(2, momentum=True), Symmetric(3, momentum=True)]
    equation = Boltzmann(Moments(laws, [0.5, 0.5], degree=2, dimension=2))
    for key, beta in enumerate((0.3, 0.9)):
        gas = KacGas(1000, laws, [beta, 1 - beta], dimension=2)
        key = jax.random.key(key)
        data = simulate(gas, anisotropic(1.0), jnp.linspace(0, 2, 6), key=key, replicas=500)
        result = fit(equation, anisotropic(1.0), data, unknown="weights", observables="stress")
        assert result.converged and not result.degenerate
        assert abs(result.values[0] - beta) < 5 * result.errors[0] < 0.5
        np.testing.assert_allclose(result.values.sum(), 1)


def test_vague_shares_are_not_claimed(means):
    """Ignorance of a simplex of K entries is the standard deviation of Dirichlet's law."""
    parametrisation, _ = parametrise(
        Boltzmann(Moments([Symmetric(2), Symmetric(3), Symmetric(4)], [0.2, 0.3, 0.5])), "weights"
    )
    uniform = np.random.default_rng(0).dirichlet(np.ones(3), 100_000)
    np.testing.assert_allclose(parametrisation.ignorance, uniform.std(0), rtol=0.02)


@pytest.mark.parametrize("kind", ["interval", "simplex"])
def test_bend_is_the_curvature_that_gauss_newton_leaves_out(kind):
    """Q = c·x has no other curvature: ∂²Q by automatic differentiation, and its positive part."""
    size = 3 if kind == "simplex" else 1
    operator = (
        Moments([Symmetric(k + 2) for k in range(3)], [0.2, 0.3, 0.5])
        if kind == "simplex"
        else Hermite(PowerKernel(1.0, 0.5), degree=2)
    )
    path = "weights" if kind == "simplex" else "kernel.exponent"
    parametrisation, start = parametrise(Boltzmann(operator), path)
    theta, c = start + jnp.linspace(0.4, 1.0, start.size), jnp.linspace(-1.0, 2.0, size)

    def misfit(t):
        return c @ parametrisation.natural(t)

    size, direction = np.linalg.eigh(jax.hessian(misfit)(theta))
    positive = direction * np.maximum(size, 0) @ direction.T
    bend = parametrisation.bend(theta, jax.grad(misfit)(theta))
    np.testing.assert_allclose(bend, positive, atol=1e-12)
    assert np.any(bend != 0)


@pytest.mark.parametrize(
    ("equation", "law", "count", "message"),
    [
        (EQUATIONS, LAWS[:1], 2, "`law` must be a sequence of 2, .* but it holds 1"),
        (EQUATIONS, LAWS[0], 2, "`law` must be a sequence of 2, .* but it is a Polydisperse"),
        (EQUATIONS[:1], LAWS, 2, "`equation` must be a sequence of 2, .* but it holds 1"),
        (EQUATIONS[0], LAWS, None, "`law` must be a single one"),
        (EQUATIONS, LAWS[0], None, "`equation` must be a single one"),
        (EQUATIONS[0], [], 0, "`data` must hold at least one experiment"),
    ],
)
def test_experiments_that_do_not_fit_together_are_refused(means, equation, law, count, message):
    data = synthetic(means, 0)
    given = data[0] if count is None else data[:count]
    with pytest.raises(ValueError, match=message):
        fit(equation, law, given, unknown="rate", free=FREE)


def test_one_data_set_twice_and_other_unknowns_are_refused(means):
    data = synthetic(means, 0)
    with pytest.raises(ValueError, match="independent experiments"):
        fit(EQUATIONS, LAWS, [data[0], data[0]], unknown="rate")
    wider = Smoluchowski(np.ones((3, 3)))
    with pytest.raises(ValueError, match="the same unknown entries"):
        fit([EQUATIONS[0], wider], LAWS, data, unknown="rate")


def test_a_law_that_the_equation_does_not_resolve_is_refused():
    """As `solve` refuses it; inside the search nobody can look."""
    equation = Boltzmann(Hermite(PowerKernel(), dimension=2, degree=4, width=0.2))
    stress = Trajectory(TIMES, {"stress": np.ones((3, 6, 2, 2))}, None, {"replicas": 3})
    with pytest.raises(ValueError, match="`width` must let the series of the law converge"):
        fit(equation, anisotropic(1.0), stress, unknown=VHS, observables="stress")
