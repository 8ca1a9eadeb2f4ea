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

import math
from typing import Any, Literal, cast

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxkin.equations.smoluchowski import Smoluchowski
from jaxkin.laws import MassLaw, require_law
from jaxkin.logs import ReactionLog
from jaxkin.model import TiledParticles
from jaxkin.numerics.arrays import array, host, known
from jaxkin.numerics.checks import is_number, one_of, require, require_finite, whole
from jaxkin.observables.base import Coordinates, Observable, Weighted
from jaxkin.observables.census import census
from jaxkin.particles.brownian import steps
from jaxkin.particles.brownian.contact import Contact
from jaxkin.particles.brownian.gas import Gas, advance_gas
from jaxkin.particles.brownian.swarm import PairTable, Scheme
from jaxkin.physics.contacts.interactions import Interaction, RadialInteraction
from jaxkin.physics.contacts.point_scatterer_2d import contact_logarithm
from jaxkin.physics.contacts.scattering import coagulation_rate
from jaxkin.physics.masses import common_dtype, over_masses, over_pairs

_SMALL = "make the interaction range small against the unit torus, below 0.1"
_SMALLER = "Use more particles, a smaller density, or smaller radii."


class BrownianCoagulation(TiledParticles):
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
        scheme: `jaxkin.schemes.Contact()`, also for None, resolves each contact and is told V
            but not β; `jaxkin.schemes.PairLaw()` is told the scattering length of the recipe and
            reaches large N (radial V only in d = 2).
        step: the macroscopic time step τ; None lets the scheme choose, for speed (`Contact`, whose
            bias does not depend on it) or for the pair law to hold (`PairLaw`).

    Raises:
        ValueError: an argument is out of range; the message names the remedy.
    """

    strength: Float[Array, "M M"]
    diffusivity: Float[Array, " M"]
    radius: Float[Array, " M"]
    interaction: Interaction
    scheme: Scheme
    n_particles: int = eqx.field(static=True)
    dimension: int = eqx.field(static=True)
    max_mass: int = eqx.field(static=True)
    overflow: str = eqx.field(static=True)
    reaction: str = eqx.field(static=True)
    range_exponent: float = eqx.field(static=True)
    step: float | None = eqx.field(static=True)

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
        scheme: Scheme | None = None,
        step: float | None = None,
    ):
        require(
            is_number(dimension) and dimension in (2, 3),
            "dimension",
            "be 2 or 3",
            f"it is {dimension!r}",
            "In one dimension particles cannot avoid contact and (1.7) has no meaning.",
        )
        n_particles = whole(n_particles, "n_particles", 2)
        max_mass = whole(max_mass, "max_mass")
        one_of(overflow, "overflow", ("raise", "absorb"))
        one_of(reaction, "reaction", ("coagulation", "annihilation"))
        scheme = Contact() if scheme is None else scheme
        require(
            isinstance(scheme, Scheme),
            "scheme",
            "be `jaxkin.schemes.Contact()` or `jaxkin.schemes.PairLaw()`",
            f"it is {scheme!r}",
        )
        require(
            is_number(range_exponent) and 0 < range_exponent <= 1,
            "range_exponent",
            "lie in (0, 1]",
            f"it is {range_exponent!r}",
        )
        require(
            range_exponent == 1 or dimension == 3,
            "range_exponent",
            "be 1 in two dimensions",
            f"it is {range_exponent}",
            "The scalings of §3.4 are for d = 3.",
        )
        require(
            step is None or (is_number(step) and step > 0), "step", "be positive", f"it is {step!r}"
        )
        require(
            isinstance(interaction, Interaction),
            "interaction",
            "be an Interaction",
            f"it is {interaction!r}",
            "Wrap a function of r in interactions.Radial, one of x in interactions.General.",
        )
        interaction.check(dimension)
        scheme.check(interaction, dimension)
        radius = 0.5 if radius is None else radius
        for name, value in (
            ("strength", strength),
            ("diffusivity", diffusivity),
            ("radius", radius),
        ):
            if not callable(value):
                require_finite(value, name, minimum=0.0)
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
        self.step = None if step is None else float(step)

    # The physics: scalings.

    def log_epsilon(self, total: Array) -> Float[Array, ""]:
        """Return ln ε for total density Z: (1.7), or N = Z |ln ε| in d = 2."""
        total = host(total, common_dtype(total))
        if self.dimension == 2:
            return -self.n_particles / total
        return (known(total).log(total) - math.log(self.n_particles)) / (self.dimension - 2)

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
        if self.scheme.takes_length and d == 2:
            radial = cast(RadialInteraction, self.interaction)
            length = log_range - contact_logarithm(strength / pair, radial)  # ln ℓ
        elif self.scheme.takes_length:
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
            self.interaction,
        )

    @property
    def dtype(self):
        """The floating type of the parameters, which the run keeps."""
        return jnp.result_type(self.strength, self.diffusivity)

    # The protocol.

    def check(self, law: MassLaw) -> None:
        """Raise `ValueError` if the law is too heavy, or the range of the order of the box."""
        require_law(law, MassLaw, max_mass=self.max_mass, needs=("total", "sample_particles"))
        log_epsilon = self.log_epsilon(law.total(self.dimension))
        widest = self.widest_range(log_epsilon)
        require(widest < 0.1, "n_particles", _SMALL, f"the range is {widest}", _SMALLER)
        shortest = self.scheme.shortest_spread(self.dimension)
        diffusivity = host(self.diffusivity, self.dtype)
        steps.check_step(self.macro_step(), shortest, diffusivity, widest)

    def widest_range(self, log_epsilon: Array) -> Float[Array, ""]:
        """Return the largest range ρ of any pair, in units of the torus."""
        widest = 2 * host(self.radius, self.radius.dtype).max()
        return known(log_epsilon).exp(self.range_exponent * log_epsilon) * widest

    def sample(self, law: MassLaw, *, key) -> Gas:
        """Draw N independent particles with density h_n(x)/Z (§1.3)."""
        require_law(law, MassLaw, max_mass=self.max_mass, needs=("total", "sample_particles"))
        total = law.total(self.dimension)
        log_epsilon = array(self.log_epsilon(total), self.dtype)
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

    def advance_tile(self, states: Gas, start: Array, stop: Array, *, keys: Array) -> Gas:
        """Move a tile of replicas in equal steps of at most `step`.

        All replicas share one work list, so that none waits for another. The contact scheme is
        exact in law up to its leaves; the pair law is of first order in the step.
        """
        table = self.pair_table(states.log_epsilon[0])
        number = jnp.ceil((stop - start) / self.macro_step() - 1e-6).astype(jnp.int32)
        step = ((stop - start) / number).astype(self.dtype)
        widest = self.widest_range(states.log_epsilon[0])
        shortest = self.scheme.shortest_spread(self.dimension)
        short = steps.too_short(step, shortest, self.diffusivity, widest)
        states = eqx.tree_at(lambda s: s.short, states, states.short | short)

        def one(k, states):
            step_keys = jax.vmap(lambda key: jax.random.fold_in(key, k))(keys)
            return advance_gas(
                states,
                self.scheme,
                table,
                start + k * step,
                step,
                step_keys,
                max_mass=self.max_mass,
                annihilate=self.reaction == "annihilation",
            )

        return jax.lax.fori_loop(0, number, one, states)

    def measure(self, state: Gas) -> Weighted:
        """Return the particles with weight Z/N each, and the overflow."""
        coordinates = Coordinates(mass=state.mass, position=state.position.T)
        overflow = state.overflow * state.weight
        return Weighted(state.weight, coordinates, state.mass > 0, {"overflow": overflow})

    def observables(self) -> tuple[Observable, ...]:
        """Return densities per mass, total number, mass, and the overflow."""
        return census(self.max_mass)

    def conserves(self) -> tuple[str | tuple[str, ...], ...]:
        """Return mass and overflow together, unless particles annihilate."""
        return (("mass", "overflow"),) if self.reaction == "coagulation" else ()

    def drain(self, state: Gas) -> ReactionLog:
        """Return the log of reactions, the mass that keeps its place first; its capacity is N."""
        time, mass_i, mass_j = state.log[:, jnp.argsort(state.log[0])]  # NaN comes last
        masses = [jnp.nan_to_num(m).astype(jnp.int32) for m in (mass_i, mass_j)]
        return ReactionLog(
            time=time,
            mass_i=masses[0],
            mass_j=masses[1],
            count=state.reactions,
            one_particle=state.weight,
            reaction=self.reaction,
            max_mass=self.max_mass,
        )

    def faults(self, state: Gas) -> dict[str, Array]:
        """Return what can go wrong: a mass past `max_mass`, a work list too small."""
        faults = {
            "The work list of pairs overflowed; use fewer particles, or a larger `leaf` of the "
            "scheme": state.lost,
            "Argument `times` must leave steps over which the pair law holds, but they are "
            "closer. Record fewer times, or use scheme=jaxkin.schemes.Contact()": state.short,
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
            "scheme": type(self.scheme).__name__,
            "step": float(self.macro_step()),
            "reaction": self.reaction,
        }

    def tile(self, replicas: int) -> int:
        """Return how many replicas share a work list."""
        return max(1, min(replicas, 2**16 // self.n_particles))

    def kinetic_limit(self, method: None = None, *, modes: int | None = None) -> Smoluchowski:
        """Return the Smoluchowski equation with the rates of the recipe (1.8)–(1.9).

        Args:
            method: None: the equation is solved in one way.
            modes: Fourier points in each direction for a gas that varies in space; None for a
                uniform one.
        """
        require(
            method is None,
            "method",
            "be None: Smoluchowski's equation has no collision operator",
            f"it is {method!r}",
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
            modes=modes,
        )

    # The step.

    def macro_step(self) -> Float[Array, ""]:
        """Return the macroscopic step τ: `step`, or what the scheme takes by default."""
        if self.step is not None:
            return host(self.step, self.dtype)
        fastest = 2 * host(self.diffusivity, self.dtype).max()
        return self.scheme.default_spread(self.n_particles) / fastest
