"""Kac's gas against exact relaxation at finite N, conservation, and the two clocks.

What is exact at finite N is compared over 10⁷ collisions and more.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxkin as jk
from jaxkin import collision_laws as cl
from jaxkin.laws import GaussianMixture, Maxwellian, RandomMixture
from jaxkin.particles.collisions import carry_out, start_of

TIMES = jnp.array([0.0, 1.0, 2.5])
F = np.float32
HOT = GaussianMixture([1.0], [[0.0, 0.0, 0.0]], [[2.0, 0.5, 0.5]])  # traceless stress 1


def run(gas, law, replicas, seed=0, times=TIMES, **options):
    return jk.simulate(gas, law, times, key=jax.random.key(seed), replicas=replicas, **options)


SHEAR = jk.observables.Mean("shear", lambda z: z.velocity[0] ** 2 - jnp.mean(z.velocity**2))


def over_ten_million(gas, law, observable, per_time):
    """Mean and error of an observable, from enough replicas for 10⁷ collisions and some."""
    replicas = int(1.01e7 / (per_time * 2.5)) + 1
    data = run(gas, law, replicas, observe=[observable], events=True)
    assert np.sum(np.asarray(data.events.count, np.int64)) > 10**7
    found = np.asarray(data[observable.name], float)
    return found.mean(0), found.std(0, ddof=1) / np.sqrt(replicas)


@pytest.mark.parametrize("n", [10])
def test_stress_at_finite_n(n):
    """P(t) = P₀[1/N + (1−1/N)e^{−t/2}] for Maxwell molecules in d = 3, exact in N.

    A clock off by N/(N−1) is seen.
    """
    gas = jk.KacGas(n, kernel=jk.MaxwellKernel(F(1)))
    mean, error = over_ten_million(gas, HOT, SHEAR, (n - 1) / 2)
    exact = 1 / n + (1 - 1 / n) * np.exp(-np.asarray(TIMES) / 2)
    assert np.all(np.abs(mean - exact) < 5 * error)
    fast = 1 / n + (1 - 1 / n) * np.exp(-np.asarray(TIMES) / 2 * n / (n - 1))
    assert np.all(np.abs(mean - fast)[1:] > 5 * error[1:])


@pytest.mark.parametrize(
    ("law", "rate", "momentum"),
    [
        (cl.Symmetric(3), 4 * 3 / (3 * 3 + 2), False),
        (cl.Symmetric(3, momentum=True), 4 * 2 / (3 * 2 + 2), True),
        (cl.Binary("omega"), 4 / 5, True),
    ],
    ids=["order 3", "with momentum", "binary, uniform ω"],
)
def test_order_k_by_the_clock_of_the_system(law, rate, momentum):
    """e^{−λt}, λ = 4K/(dK+2); with momentum 1/N + (1 − 1/N) e^{−λtN/(N−1)}, K − 1 for K in λ.

    E_ω V*⊗V* = (1 − 4/(m+2)) V⊗V + …·I for ω uniform on the sphere of R^m, m = dK, so that stress
    does not couple to correlations. With momentum A = E v₁⊗v₁ and C = E v₁⊗v₂ (traceless) obey
    A' = −λ(A − C), since equal velocities do not change, and A + (N−1)C is kept.
    """
    n, t = 30, np.asarray(TIMES)
    mean, error = over_ten_million(jk.KacGas(n, law, F([1])), HOT, SHEAR, n)
    exact = np.exp(-rate * t)
    if momentum:
        exact = 1 / n + (1 - 1 / n) * np.exp(-rate * t * n / (n - 1))
    assert np.all(np.abs(mean - exact) < 5 * error)
    assert np.all(np.abs(mean - np.exp(-1.05 * rate * t))[1] > 5 * error[1])


def test_mean_velocity_decays_without_momentum():
    """At rate (2/d)Σβ_K, exact in N, whatever the orders."""
    gas = jk.KacGas(30, [cl.Symmetric(2), cl.Symmetric(3)], F([0.4, 0.6]), dimension=2)
    along = jk.observables.Mean("along", lambda z: z.velocity[0])
    mean, error = over_ten_million(gas, Maxwellian(2, 1.0, mean=1.0), along, 30)
    assert np.all(np.abs(mean - np.exp(-np.asarray(TIMES))) < 5 * error)


def test_kac_toy_on_an_energy_sphere():
    """⟨v⁴⟩ relaxes to 3N/(N+2)·⟨v²⟩² at rate (N+2)/(2(N−1)), exact in N on |V|² = N.

    Two-valued velocities ±1 start on the sphere.
    """
    n = 8

    class Coin(jk.laws.VelocityLaw):
        @property
        def dimension(self):
            return 1

        def density(self, velocity):
            raise NotImplementedError

        def sample_velocities(self, number, *, key, dtype):
            return jax.random.rademacher(key, (number, 1), dtype)

    fourth = jk.observables.Mean("fourth", lambda z: jnp.sum(z.velocity) ** 4)
    gas = jk.KacGas(n, cl.KacToy(), F([1]), dimension=1)
    mean, error = over_ten_million(gas, Coin(), fourth, n)
    equilibrium, rate = 3 * n / (n + 2), (n + 2) / (2 * (n - 1))
    exact = equilibrium + (1 - equilibrium) * np.exp(-rate * np.asarray(TIMES))
    assert np.all(np.abs(mean - exact) < 5 * error + 1e-6)


def test_bobylev_cercignani_gamba_moments():
    """dm₁/dt = Σβ_K K E[a + (K−1)b − 1] m₁, with a random a; momentum and energy are not kept."""

    def coefficients(normal):
        return jnp.where(normal[0] > 0, 0.9, 0.5), 0.2

    gas = jk.KacGas(30, cl.BobylevCercignaniGamba(3, coefficients), F([1]), dimension=1)
    along = jk.observables.Mean("along", lambda z: z.velocity[0])
    mean, error = over_ten_million(gas, Maxwellian(1, 0.3, mean=1.0), along, 30)
    rate = 3 * (0.7 + 2 * 0.2 - 1)
    assert np.all(np.abs(mean - np.exp(rate * np.asarray(TIMES))) < 5 * error)


def test_a_thermostat_sets_the_temperature():
    """K = 1 by the clock of the system: each velocity is renewed at rate 1."""
    gas = jk.KacGas(50, cl.Thermostat(3.0))
    data = run(gas, Maxwellian(3, 1.0), 400)
    exact = 1.5 * (3 - 2 * np.exp(-np.asarray(TIMES)))
    assert np.all(np.abs(data.mean("energy") - exact) < 5 * data.standard_error("energy"))


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_frequency_of_collisions(exponent):
    """At equilibrium a pair collides at rate C E|g|^γ/N, g normal of variance 2 (exact in N)."""
    from scipy.special import gamma

    n, replicas, strength = 40, 500, 0.7
    gas = jk.KacGas(n, kernel=jk.PowerKernel(F(strength), F(exponent)))
    data = run(gas, Maxwellian(3), replicas, events=True)
    power = 4 ** (exponent / 2) * gamma((3 + exponent) / 2) / gamma(1.5)
    expected = strength * power * (n - 1) / 2 * 2.5
    count = np.asarray(data.events.count)
    # Counts are Poisson given the speeds, whose energy varies from gas to gas.
    error = count.std(ddof=1) / np.sqrt(replicas)
    assert abs(count.mean() - expected) < 5 * error
    assert error < 0.01 * expected


@pytest.mark.parametrize("kernel", [None, jk.PowerKernel(F(1), F(1))], ids=["system", "spheres"])
def test_momentum_and_energy_are_kept(kernel):
    data = run(jk.KacGas(50, kernel=kernel), HOT, 20, events=True)
    momentum, energy = np.asarray(data["momentum"]), np.asarray(data["energy"])
    assert np.min(np.asarray(data.events.count)) > 50
    rounding = 100 * np.finfo(F).eps
    assert np.max(np.abs(momentum - momentum[:, :1])) < rounding
    assert np.max(np.abs(energy / energy[:, :1] - 1)) < rounding


@pytest.mark.parametrize("dimension", [2, 3])
def test_energy_does_not_drift_in_single_precision(dimension):
    """32 gases, 10⁵ collisions each: roundings are a walk, and their mean is within its error.

    Directions of length 1 to rounding would warm a gas by 7e-11 in each collision, 7e-6 here.
    """
    gas = jk.KacGas(100, kernel=jk.MaxwellKernel(np.float32(1)), dimension=dimension)
    data = jk.simulate(
        gas, Maxwellian(dimension), jnp.array([0.0, 2000.0]), key=jax.random.key(5), replicas=32
    )
    energy = np.asarray(data["energy"], float)
    change = energy[:, 1] / energy[:, 0] - 1
    assert 1e-8 < change.std() < 5e-6
    assert abs(change.mean()) < 5 * change.std() / 32**0.5 + 1e-8


def test_data_that_are_not_chaotic_stay_a_mixture():
    """Theorem 2.2: from two laws, E[φ⊗φ] tends to Σ w_k ⟨f_k, φ⟩², not to ⟨f, φ⟩².

    φ = v₁², on hot and cold gases; pairs of different particles of a replica.
    """
    n = 100
    laws = [Maxwellian(3, 0.5), Maxwellian(3, 2.0)]
    square = jk.observables.Mean(
        "square", lambda z: jnp.stack([z.velocity[0] ** 2, z.velocity[0] ** 4])
    )
    gas = jk.KacGas(n, kernel=jk.PowerKernel(F(1)))
    data = run(gas, RandomMixture(laws, [0.5, 0.5]), 2000, observe=[square])
    first, second = np.moveaxis(np.asarray(data["square"]), -1, 0)
    pairs = (n * first**2 - second) / (n - 1)
    mean, error = pairs.mean(0), pairs.std(0, ddof=1) / np.sqrt(len(pairs))
    mixture, product = 0.5 * (0.25 + 4), 1.25**2
    # A pair that collided shares the energy of its gas: at most 6T²/N.
    assert np.all(np.abs(mean - mixture) < 5 * error + 24 / n * (np.asarray(TIMES) > 0) / 2)
    assert np.all(mean - product > 5 * error)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_program_and_one_dtype(dtype):
    """Other strengths, exponents and weights: the same program, in the dtype that was given."""
    traces = []

    def watched(z):
        traces.append(1)
        return z.velocity[0] ** 2

    observe = [jk.observables.Mean("square", watched)]
    found, first = [], 0
    for strength, exponent, weight in ((1, 0, 0.5), (2, 1, 0.3)):
        kernel = jk.PowerKernel(dtype(strength), dtype(exponent))
        laws = [cl.Binary(), cl.Binary("omega")]
        gas = jk.KacGas(20, laws, dtype([weight, 1 - weight]), kernel=kernel)
        found.append(run(gas, HOT, 4, observe=observe)["square"])
        assert all(leaf.dtype == dtype for leaf in jax.tree.leaves(gas))
        assert found[-1].dtype == dtype
        first = len(traces) if len(found) == 1 else first
    assert len(traces) == first and not np.array_equal(*found)


def test_a_kernel_without_a_bound_is_a_fault():
    class Liar(jk.PowerKernel):
        def majorant(self, speed):
            return 0.01 * self.total(speed)

    with pytest.raises(jk.SimulationFault, match="`majorant`"):
        run(jk.KacGas(20, kernel=Liar(F(1), F(1))), Maxwellian(3), 4)


@pytest.mark.slow
def test_a_replica_does_not_feel_its_neighbours():
    gas = jk.KacGas(20, kernel=jk.PowerKernel(F(1), F(1)))
    many, few = run(gas, HOT, 12), run(gas, HOT, 3)  # loops of other lengths round otherwise
    np.testing.assert_allclose(np.asarray(many["stress"])[:3], few["stress"], atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((1,), {}, "`n_particles` must be an integer of at least 2"),
        ((3, cl.Symmetric(4)), {}, "`n_particles` must be an integer of at least 4"),
        ((9, [cl.Binary(), cl.KacToy()]), {"dimension": 1}, "`weights` must be given"),
        ((9, cl.Binary(), [0.5]), {}, "`weights` must sum to 1"),
        ((9, [cl.Binary(), cl.Rotation()], [1.5, -0.5]), {}, "`weights` must be finite and at"),
        ((9, [cl.Binary(), cl.Rotation()], [1.0]), {}, "`weights` must hold one"),
        ((9, "binary"), {}, "`laws` must be collision laws"),
        ((9, cl.Custom(2, lambda v, n: v[:1], 1)), {}, "`laws` must map velocities"),
        ((9, 3.0), {}, "`laws` must be collision laws, but one is 3.0"),
        ((9, cl.Binary), {}, "`laws` must be collision laws, but one is <class"),
        ((9, cl.Custom(2, lambda v, n: np.sort(v), 1)), {}, r"`laws` must be written with jax\.n"),
        (
            (9, None, "half"),
            {},
            "`weights` must be a number or an array of numbers",
        ),
        ((9.0,), {}, "`n_particles` must be an integer"),
        ((9,), {"scheme": "exact"}, r"`scheme` must be `jaxkin\.schemes\.Exact.*but it is 'exact'"),
        ((9,), {"scheme": jk.schemes.Contact()}, "`scheme` must be .*but it is Contact"),
        ((9, cl.Symmetric(3)), {"kernel": jk.MaxwellKernel()}, "`laws` must be binary with a kern"),
        ((9, cl.Symmetric(3)), {"clock": "pairs"}, "`clock` must be 'system'"),
        ((9,), {"clock": "system", "kernel": jk.PowerKernel()}, "`kernel` must be None"),
        ((9,), {"clock": "kac"}, "`clock` must be one of"),
        ((9,), {"clock": ["pairs"]}, "`clock` must be one of"),
    ],
)
def test_bad_input(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        jk.KacGas(*arguments, **options)


def test_bad_kernels_and_laws():
    with pytest.raises(ValueError, match=r"`exponent` must lie in \(−2, 1\]"):
        jk.PowerKernel(1.0, 1.5)
    with pytest.raises(ValueError, match="`strength` must be finite and at least 0"):
        jk.PowerKernel(-1.0)
    with pytest.raises(ValueError, match="`law` must be a law in 3 dimensions, but it has 2"):
        run(jk.KacGas(9), Maxwellian(2), 1)
    with pytest.raises(ValueError, match=r"`method` must .*`jaxkin.operators.Moments`, except for"):
        jk.KacGas(9, cl.Symmetric(3)).kinetic_limit(jk.operators.Fourier())
    with pytest.raises(ValueError, match="`method` must"):
        jk.KacGas(9, kernel=jk.PowerKernel(1.0, 1.0)).kinetic_limit(jk.operators.Moments())
    with pytest.raises(ValueError, match="`method` must be an operator, but it is 'hermite'"):
        jk.KacGas(9).kinetic_limit("hermite")


@pytest.mark.parametrize("flag", ["exhausted", "counted"])
def test_a_key_without_numbers_left_is_a_fault(flag):
    """Proposals past the last random number of a key, or more collisions than an int32 holds."""
    gas = jk.KacGas(4)
    state = gas.sample(Maxwellian(3), key=jax.random.key(0))
    if flag == "exhausted":
        keys = jax.random.key_data(jax.random.key(1))[None]
        now = start_of(gas, state.velocity.T, jnp.asarray(1.0), keys, 2, 4)
        assert not carry_out(gas, now, 4).exhausted[0]
        late = eqx.tree_at(lambda m: m.proposal, now, jnp.full(1, 2**32 // 8 - 2, jnp.uint32))
        state = eqx.tree_at(lambda s: s.exhausted, state, carry_out(gas, late, 4).exhausted[0])
    else:
        state = eqx.tree_at(lambda s: s.collisions, state, jnp.int32(-5))
    [message] = [m for m, bad in gas.faults(state).items() if bad]
    assert "record more times" in message
