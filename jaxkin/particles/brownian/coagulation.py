"""Coagulating Brownian particles (Hammond, §1.3–1.4 and §3).

N particles in the unit torus T^d, d = 2 or 3. A particle of mass n moves as √(2 d(n)) times a
Brownian motion. A pair of masses n, m at relative position r reacts at rate

    α(n,m) ρ⁻² V(r/ρ),    ρ = (r_n + r_m) ε,    N = Z ε^{2−d}   (1.7)

with Z = Σ_n ∫ h_n the total density of the initial law, and r_n + r_m = 1 unless radii are given
(§2.4.2). In d = 2, N = Z |ln ε| and the rate has a factor 1/|ln ε| (§2.5). For an intermediate
scaling (§3.4), with exponent δ < 1, ρ = (r_n + r_m) ε^δ and the rate is α ε^{−2+d(1−δ)} V(r/ε^δ),
that is the strength a = α ε^{(d−2)(1−δ)} at range ρ. The product of a reaction has mass n + m
and sits at the place of either, with probability in proportion to their masses (1.5). With
`reaction="annihilation"` both vanish (§3).

As N → ∞ the densities Z/N·#{particles of mass n} obey the Smoluchowski equation with the rates
β(n,m) of the recipe (1.8)–(1.9).
"""

import functools
import math
from typing import Any, Literal, cast

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from jaxkin.equations.smoluchowski import Smoluchowski
from jaxkin.laws import MassLaw
from jaxkin.model import Particles
from jaxkin.numerics.checks import one_of, require, require_finite, whole
from jaxkin.observables import Coordinates, Observable, Weighted
from jaxkin.observables.census import OfMass, Overflow, census
from jaxkin.particles.brownian import steps
from jaxkin.particles.brownian.contact import ContactScheme
from jaxkin.particles.brownian.gas import Gas, advance_gas
from jaxkin.particles.brownian.pair_law import PairLawScheme
from jaxkin.particles.brownian.swarm import PairTable
from jaxkin.physics.contacts.interactions import Interaction, RadialInteraction, check_interaction
from jaxkin.physics.contacts.point_scatterer_2d import contact_logarithm
from jaxkin.physics.contacts.scattering import coagulation_rate
from jaxkin.physics.masses import common_dtype, over_masses, over_pairs

_SMALL = "make the interaction range small against the unit torus, below 0.1"
_SMALLER = "Use more particles, a smaller density, or smaller radii."


class BrownianCoagulation(Particles):
    """Brownian particles that coagulate, or annihilate, at contact.

    Args:
        n_particles: N, the number of particles at time 0.
        strength: α(n,m): a number, a symmetric (M, M) array, or a function of two masses.
        diffusivity: d(n): a number, an (M,) array, or a function of the mass.
        interaction: V, see `jaxkin.interactions`.
        dimension: 2 or 3.
        max_mass: M, the largest mass that is followed.
        overflow: "raise", or "absorb": products heavier than M join an inert class whose mass
            density both sides observe as `overflow`.
        radius: r_n (§2.4.2): a number, an (M,) array or a function of the mass; None keeps one
            range ε for all pairs, r_n + r_m = 1.
        reaction: "coagulation" or "annihilation".
        range_exponent: δ in (0, 1], 1 for (1.7); smaller for the intermediate scalings of §3.4
            (d = 3).
        scheme: "contact" resolves each contact and knows V but not β; "pair_law" takes the
            scattering length of the recipe as given and reaches large N (radial V only in d = 2).
        step: the macroscopic time step τ; None chooses one for speed ("contact", whose bias
            does not depend on it) or for the pair law to hold ("pair_law").
        leaf: D h/ρ² of the shortest segments of the contact scheme (see
            `jaxkin.particles.brownian.contact` for the bias).

    Raises:
        ValueError: an argument is out of range; the message names the remedy.
    """

    strength: Float[Array, "M M"]
    diffusivity: Float[Array, " M"]
    radius: Float[Array, " M"]
    interaction: Interaction
    n_particles: int = eqx.field(static=True)
    dimension: int = eqx.field(static=True)
    max_mass: int = eqx.field(static=True)
    overflow: str = eqx.field(static=True)
    reaction: str = eqx.field(static=True)
    range_exponent: float = eqx.field(static=True)
    scheme: str = eqx.field(static=True)
    step: float | None = eqx.field(static=True)
    leaf: float = eqx.field(static=True)

    def __init__(
        self,
        n_particles: int,
        *,
        strength: Any,
        diffusivity: Any,
        interaction: Interaction,
        dimension: int = 3,
        max_mass: int = 1,
        overflow: Literal["raise", "absorb"] = "raise",
        radius: Any = None,
        reaction: Literal["coagulation", "annihilation"] = "coagulation",
        range_exponent: float = 1.0,
        scheme: Literal["contact", "pair_law"] = "contact",
        step: float | None = None,
        leaf: float = 0.01,
    ):
        require(
            dimension in (2, 3),
            "dimension",
            "be 2 or 3",
            f"it is {dimension!r}",
            "In one dimension particles cannot avoid contact and (1.7) has no meaning.",
        )
        n_particles = whole(n_particles, "n_particles", 2)
        max_mass = whole(max_mass, "max_mass")
        one_of(overflow, "overflow", ("raise", "absorb"))
        one_of(reaction, "reaction", ("coagulation", "annihilation"))
        one_of(scheme, "scheme", ("contact", "pair_law"))
        require(
            0 < range_exponent <= 1, "range_exponent", "lie in (0, 1]", f"it is {range_exponent}"
        )
        require(
            range_exponent == 1 or dimension == 3,
            "range_exponent",
            "be 1 in two dimensions",
            f"it is {range_exponent}",
            "The scalings of §3.4 are for d = 3.",
        )
        require(step is None or step > 0, "step", "be positive", f"it is {step}")
        require(0 < leaf <= 1, "leaf", "lie in (0, 1]", f"it is {leaf}")
        require(
            isinstance(interaction, Interaction),
            "interaction",
            "be an Interaction",
            f"it is a {type(interaction).__name__}",
            "Wrap a function of r in interactions.Radial, one of x in interactions.General.",
        )
        check_interaction(interaction, dimension)
        require(
            scheme == "contact" or dimension == 3 or interaction.radial,
            "scheme",
            "be 'contact' for a V that is not radial in d = 2",
            f"it is {scheme!r}",
            "The pair law knows the planar scattering length of a radial V alone.",
        )
        radius = 0.5 if radius is None else radius
        dtype = common_dtype(strength, diffusivity, radius)
        self.strength = over_pairs(strength, max_mass, "strength", dtype)
        self.diffusivity = over_masses(diffusivity, max_mass, "diffusivity", dtype)
        self.radius = over_masses(radius, max_mass, "radius", dtype)
        require_finite(self.diffusivity, "diffusivity", strict=True, minimum=0.0)
        require_finite(self.radius, "radius", strict=True, minimum=0.0)
        self.interaction, self.n_particles, self.dimension = (
            interaction,
            n_particles,
            int(dimension),
        )
        self.max_mass, self.overflow, self.reaction = max_mass, overflow, reaction
        self.range_exponent, self.scheme = float(range_exponent), scheme
        self.step, self.leaf = step, leaf

    # The physics: scalings.

    def log_epsilon(self, total: Array) -> Float[Array, ""]:
        """Return ln ε for total density Z: (1.7), or N = Z |ln ε| in d = 2."""
        if self.dimension == 2:
            return -self.n_particles / total
        return (jnp.log(total) - math.log(self.n_particles)) / (self.dimension - 2)

    def pair_table(self, log_epsilon: Array) -> PairTable:
        """Return what each pair of masses needs to react, in units of the torus."""
        delta, d = self.range_exponent, self.dimension
        log_range = delta * log_epsilon + jnp.log(self.radius[:, None] + self.radius)
        if d == 2:
            strength = self.strength / jnp.abs(log_epsilon)
        else:
            strength = self.strength * jnp.exp((d - 2) * (1 - delta) * log_epsilon)
        length = jnp.zeros_like(strength)
        pair = self.diffusivity[:, None] + self.diffusivity
        if self.scheme == "pair_law" and d == 2:
            radial = cast(RadialInteraction, self.interaction)
            length = log_range - contact_logarithm(strength / pair, radial)  # ln ℓ
        elif self.scheme == "pair_law":
            # In single precision 12 nodes a panel are as good as more, to 5e-8 up to κ = 100.
            few = self.interaction.radial and self.dtype == jnp.float32
            rate = coagulation_rate(
                strength, pair, self.interaction, dimension=d, resolution=12 if few else None
            )
            length = rate / (4 * jnp.pi * pair) * jnp.exp(log_range)
        dtype = self.dtype
        return PairTable(
            self.diffusivity.astype(dtype),
            strength.astype(dtype),
            log_range.astype(dtype),
            length.astype(dtype),
        )

    @property
    def dtype(self):
        """The floating type of the parameters, which the run keeps."""
        return jnp.result_type(self.strength, self.diffusivity)

    # The protocol.

    def check(self, law: MassLaw) -> None:
        """Raise `ValueError` if the law is too heavy, or the range of the order of the box."""
        law.check_masses(self.max_mass)
        log_epsilon = self.log_epsilon(law.total(self.dimension))
        widest = self.widest_range(log_epsilon)
        require(widest < 0.1, "n_particles", _SMALL, f"the range is {widest}", _SMALLER)
        steps.check_step(
            self.macro_step(log_epsilon), self.scheme, self.dimension, self.diffusivity, widest
        )

    def widest_range(self, log_epsilon: Array) -> Float[Array, ""]:
        """Return the largest range ρ of any pair, in units of the torus."""
        return jnp.exp(self.range_exponent * log_epsilon) * 2 * self.radius.max()

    def sample(self, law: MassLaw, *, key) -> Gas:
        """Draw N independent particles with density h_n(x)/Z (§1.3)."""
        law.check_masses(self.max_mass)
        total = law.total(self.dimension)
        log_epsilon = self.log_epsilon(total).astype(self.dtype)
        log_epsilon = eqx.error_if(
            log_epsilon,
            ~(self.widest_range(log_epsilon) < 0.1),
            f"Argument `n_particles` must {_SMALL}, but the range exceeds 0.1. {_SMALLER}",
        )
        drawn = law.sample_particles(self.n_particles, self.dimension, key=key, dtype=self.dtype)
        zero = jnp.int32(0)
        log = jnp.full((3, self.n_particles), jnp.nan, self.dtype)
        return Gas(
            drawn.position.T,
            drawn.mass,
            zero,
            log_epsilon,
            (total / self.n_particles).astype(self.dtype),
            zero,
            log,
            jnp.asarray(False),
            jnp.asarray(False),
        )

    def advance(self, state: Gas, start: Array, stop: Array, *, key) -> Gas:
        """Move one replica; see `advance_tile`."""
        lift = functools.partial(jax.tree.map, lambda x: x[None])
        moved = self.advance_tile(lift(state), start, stop, keys=key[None])
        return jax.tree.map(lambda x: x[0], moved)

    def advance_tile(self, states: Gas, start: Array, stop: Array, *, keys: Array) -> Gas:
        """Move a tile of replicas in equal steps of at most `step`.

        All replicas share one work list, so that none waits for another. The contact scheme is
        exact in law up to its leaves; the pair law is of first order in the step.
        """
        table = self.pair_table(states.log_epsilon[0])
        scheme = self._scheme()
        longest = self.macro_step(states.log_epsilon[0])
        number = jnp.ceil((stop - start) / longest - 1e-6).astype(jnp.int32)
        step = ((stop - start) / number).astype(self.dtype)
        widest = self.widest_range(states.log_epsilon[0])
        short = steps.too_short(step, self.scheme, self.dimension, self.diffusivity, widest)
        states = eqx.tree_at(lambda s: s.short, states, states.short | short)

        def one(k, states):
            step_keys = jax.vmap(lambda key: jax.random.fold_in(key, k))(keys)
            return advance_gas(
                states,
                scheme,
                table,
                start + k * step,
                step,
                step_keys,
                max_mass=self.max_mass,
                annihilate=self.reaction == "annihilation",
            )

        return jax.lax.fori_loop(0, number, one, states)

    def measure(self, state: Gas) -> Weighted:
        """Return the particles with weight Z/N each."""
        weight = jnp.where(state.mass > 0, state.weight, 0)
        return Weighted(weight, Coordinates(mass=state.mass, position=state.position.T))

    def observe(
        self, state: Gas, observable: Observable, *, key: PRNGKeyArray | None = None
    ) -> Array:
        """Evaluate one observable; what depends on the mass alone is summed in whole particles.

        So mass is conserved to the bit as long as nothing overflows.
        """
        if isinstance(observable, Overflow):
            return state.overflow * state.weight
        if isinstance(observable, OfMass):
            alive = (state.mass > 0).astype(self.dtype)
            whole = Weighted(alive, Coordinates(mass=state.mass))
            return observable.evaluate(whole) * state.weight
        return super().observe(state, observable, key=key)

    def observables(self) -> tuple[Observable, ...]:
        """Return densities per mass, total number, mass, and the overflow."""
        return census(self.max_mass)

    def drain(self, state: Gas) -> dict[str, Array]:
        """Return the log of reactions: `time`, `mass_i`, `mass_j` (N,), and their `count`."""
        time, mass_i, mass_j = state.log[:, jnp.argsort(state.log[0])]  # NaN comes last
        masses = [jnp.nan_to_num(m).astype(jnp.int32) for m in (mass_i, mass_j)]
        return {"time": time, "mass_i": masses[0], "mass_j": masses[1], "count": state.reactions}

    def faults(self, state: Gas) -> dict[str, Array]:
        """Return what can go wrong: a mass past `max_mass`, a work list too small."""
        faults = {
            "The work list of pairs overflowed; use a larger `leaf` or fewer particles": state.lost,
            "Argument `times` must leave steps over which the pair law holds, but they are "
            "closer. Record fewer times, or use scheme='contact'": state.short,
            "A position is not a number; report the parameters, please": ~jnp.all(
                jnp.isfinite(state.position)
            ),
        }
        if self.overflow == "raise":
            message = (
                f"Argument `max_mass` must bound every mass, but a product grew past "
                f"{self.max_mass}. Raise `max_mass`, or pass overflow='absorb'"
            )
            faults[message] = state.overflow > 0
        return faults

    def metadata(self, law: MassLaw) -> dict[str, Any]:
        """Return N, Z, ε and the scheme."""
        total = law.total(self.dimension)
        return {
            "model": "BrownianCoagulation",
            "n_particles": self.n_particles,
            "total_density": float(total),
            "log_epsilon": float(self.log_epsilon(total)),
            "dimension": self.dimension,
            "scheme": self.scheme,
            "step": float(self.macro_step(self.log_epsilon(total))),
            "reaction": self.reaction,
        }

    def tile(self, replicas: int) -> int:
        """Return how many replicas share a work list."""
        return max(1, min(replicas, 2**16 // self.n_particles))

    def kinetic_limit(self, equation: str | None = None, **resolution: Any) -> Smoluchowski:
        """Return the Smoluchowski equation with the rates of the recipe (1.8)–(1.9).

        Args:
            equation: None or "smoluchowski".
            **resolution: `modes`, the Fourier points in each direction for a gas that varies in
                space; None for a uniform one.
        """
        require(
            equation in (None, "smoluchowski"),
            "equation",
            "be 'smoluchowski'",
            f"it is {equation!r}",
        )
        pair = self.diffusivity[:, None] + self.diffusivity
        rate = coagulation_rate(
            self.strength,
            pair,
            self.interaction,
            dimension=self.dimension,
            range_exponent=self.range_exponent,
        )
        if self.dimension == 3:
            rate = rate * (self.radius[:, None] + self.radius)
        return Smoluchowski(
            rate=rate,
            diffusivity=self.diffusivity,
            dimension=self.dimension,
            reaction=self.reaction,
            **resolution,
        )

    # The step.

    def macro_step(self, log_epsilon: Array) -> Float[Array, ""]:
        """Return the macroscopic step τ: `step`, or the default of `steps`."""
        if self.step is not None:
            return jnp.asarray(self.step, self.dtype)
        return steps.default_step(
            self.scheme, self.n_particles, self.diffusivity, self.widest_range(log_epsilon)
        )

    def _scheme(self):
        if self.scheme == "pair_law":
            return PairLawScheme()
        levels = 40 if self.dimension == 3 else 3 * self.n_particles + 40
        return ContactScheme(self.interaction, leaf=self.leaf, levels=levels)
