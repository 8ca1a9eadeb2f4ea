"""Mixtures of hard spheres: Newton's laws, deterministic between and at contacts.

(Ampatzoglou et al., §1.)

N_α spheres of mass M_α and diameter ε_α, α = 1 … k, in the unit torus or in the unit box with
walls that reflect. Spheres of types α and β that come within (ε_α + ε_β)/2 of each other collide
elastically, (1.3)–(1.8). With N_α ε_α^{d−1} = c_α and fixed ratios of diameters (2.28), as
N_α → ∞ the densities of types follow the Boltzmann system (1.1) with the constants
c_{αβ} = N_β((ε_α + ε_β)/2)^{d−1} (`jaxkin.mixture_constants`).

The flow is exact but for rounding (`jaxkin.particles.spheres.flow`). Sensitivities grow by the
factor of mean free path over diameter in each collision: float64 knows a path for some eight
collisions of each sphere, and the law of a gas for ever.
"""

from collections.abc import Sequence
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxkin.equations.slab import BoltzmannSlab
from jaxkin.laws.by_type import ByType, Uniform
from jaxkin.logs import CollisionLog
from jaxkin.model import KineticEquation, Particles
from jaxkin.numerics.batched_map import in_batches
from jaxkin.numerics.checks import is_traced, one_of, require, require_finite, whole
from jaxkin.observables import Coordinates, Observable, Weighted
from jaxkin.observables.by_type import mixture_moments
from jaxkin.operators.mixture import BoltzmannMixture
from jaxkin.operators.mixture_widths import mixture_widths
from jaxkin.particles.spheres.flow import Spheres, flow, sizes_for
from jaxkin.particles.spheres.hard_core import hard_core_positions
from jaxkin.particles.spheres.paths import Vessel
from jaxkin.physics.masses import common_dtype
from jaxkin.physics.spheres.contact_values import contact_values
from jaxkin.physics.spheres.mixture_constants import constants_matrix, scaled_spheres


class Gas(eqx.Module):
    """A state: the spheres, and whether some could not be placed."""

    spheres: Spheres
    misplaced: Bool[Array, ""]


class HardSphereMixture(Particles):
    """N_α hard spheres of each of k types in the unit box.

    Args:
        numbers: (k,) N_α; spheres stand in the order of their types.
        masses: (k,) M_α, positive.
        diameters: (k,) ε_α, positive.
        dimension: d = 2 or 3.
        boundary: "periodic" for the torus, or "reflecting" walls, which touch a sphere's surface.
        reverse_at: a time at which all velocities change sign (Loschmidt), or None.
        log: how many collisions are kept with their times; see `Trajectory.events`.
        crowding: room in lists of neighbours, in those of a uniform gas: raise it for a gas that
            gathers in a part of the box.

    Raises:
        ValueError: an argument is out of range, or the spheres fill more than 0.25 of the volume.
    """

    masses: Float[Array, " k"]
    diameters: Float[Array, " k"]
    reverse_at: Float[Array, ""] | None
    numbers: tuple[int, ...] = eqx.field(static=True)
    dimension: int = eqx.field(static=True)
    boundary: Literal["periodic", "reflecting"] = eqx.field(static=True)
    log: int = eqx.field(static=True)
    largest: float = eqx.field(static=True)
    sizes: tuple[float, ...] = eqx.field(static=True)  # diameters, as lists were made for
    packing: float = eqx.field(static=True)  # share of the volume that spheres fill
    crowding: float = eqx.field(static=True)

    def __init__(
        self,
        numbers: Sequence[int],
        masses: Any,
        diameters: Any,
        *,
        dimension: int = 3,
        boundary: Literal["periodic", "reflecting"] = "periodic",
        reverse_at: float | None = None,
        log: int = 0,
        crowding: float = 1.0,
    ):
        self.numbers = tuple(whole(n, "numbers") for n in np.atleast_1d(numbers).tolist())
        k = len(self.numbers)
        dtype = common_dtype(masses, diameters)
        self.masses = jnp.atleast_1d(jnp.asarray(masses, dtype))
        self.diameters = jnp.atleast_1d(jnp.asarray(diameters, dtype))
        for name, value in (("masses", self.masses), ("diameters", self.diameters)):
            require(
                value.shape == (k,),
                name,
                f"have {k} entries, one for each of `numbers`",
                f"its shape is {value.shape}",
            )
            require_finite(value, name, minimum=0.0, strict=True)
        require(sum(self.numbers) >= 2, "numbers", "name two spheres or more", "there is one")
        self.dimension = whole(dimension, "dimension", 2)
        require(self.dimension <= 3, "dimension", "be 2 or 3", f"it is {dimension}")
        one_of(boundary, "boundary", ("periodic", "reflecting"))
        self.boundary, self.log = boundary, whole(log, "log", 0)
        require(crowding >= 1, "crowding", "be 1 or more", f"it is {crowding}")
        self.crowding = float(crowding)
        if reverse_at is not None:
            require_finite(reverse_at, "reverse_at", minimum=0.0)
        self.reverse_at = None if reverse_at is None else jnp.asarray(reverse_at, self.dtype)
        self.sizes = tuple(np.asarray(self.diameters).tolist())
        self.largest = max(self.sizes)
        ball = np.pi / (4 if self.dimension == 2 else 6)
        volumes = ball * np.asarray(self.diameters) ** self.dimension
        self.packing = float(np.sum(np.array(self.numbers) * volumes))
        require(self.largest < 0.25, "diameters", "be below 1/4", f"one is {self.largest:.3g}")
        require(
            self.packing < 0.25,
            "diameters",
            "leave room: the spheres may fill 0.25 of the volume",
            f"they fill {self.packing:.3g}",
            "Take smaller or fewer spheres.",
        )

    @classmethod
    def from_scaling(
        cls,
        c1: float,
        c2: float,
        b: float,
        n_1: int,
        *,
        masses: Sequence[float] = (1.0, 1.0),
        dimension: int = 3,
        **options: Any,
    ) -> "HardSphereMixture":
        """Return two types in the scaling N₁ε₁^{d−1} = c₁, N₂ε₂^{d−1} = c₂, ε₁ = bε₂ (2.28).

        N₂ = c₂b^{d−1}N₁/c₁ (2.30) is rounded; `constants` tells what is realised.

        Args:
            c1: c₁, positive.
            c2: c₂, positive.
            b: ε₁/ε₂, positive.
            n_1: N₁.
            masses: M₁ and M₂.
            dimension: d.
            **options: `boundary`, `reverse_at`, `log`, `crowding`.

        Raises:
            ValueError: an argument is not positive, or N₂ rounds to 0.
        """
        numbers, diameters = scaled_spheres(c1, c2, b, n_1, dimension=dimension)
        return cls(numbers, masses, diameters, dimension=dimension, **options)

    @property
    def dtype(self) -> Any:
        """The floating type of the parameters, which the run keeps."""
        return jnp.result_type(self.masses, self.diameters)

    @property
    def constants(self) -> Float[Array, "k k"]:
        """The matrix of c_{αβ} = N_β((ε_α + ε_β)/2)^{d−1} that is realised; c_α on its diagonal."""
        own = jnp.asarray(self.numbers) * self.diameters ** (self.dimension - 1)
        return constants_matrix(own, self.diameters, self.dimension).astype(self.dtype)

    @property
    def vessel(self) -> Vessel:
        """What the flow needs to know of the spheres."""
        periodic = self.boundary == "periodic"
        n = sum(self.numbers)
        search, skin, batch = sizes_for(n, self.dimension, self.largest, self.crowding, periodic)
        kind, dtype = jnp.asarray(self.kinds), self.dtype
        radius, mass = 0.5 * self.diameters[kind], self.masses[kind]
        return Vessel(
            kind, mass.astype(dtype), radius.astype(dtype), jnp.asarray(skin, dtype), search, batch
        )

    @property
    def kinds(self) -> np.ndarray:
        """The type of each sphere, (N,)."""
        return np.repeat(np.arange(len(self.numbers), dtype=np.int32), self.numbers)

    def _met(self) -> float:
        """How many spheres a random place of one touches, at most over the types."""
        e = np.asarray(self.sizes)
        ball = np.pi if self.dimension == 2 else 4 * np.pi / 3
        reach = ((e[:, None] + e) / 2) ** self.dimension
        return float(np.max(ball * reach @ np.array(self.numbers)))

    # The protocol.

    def check(self, law: Any) -> None:
        """Raise `ValueError` if the law is not one of so many types in this dimension."""
        require(
            isinstance(law, ByType),
            "law",
            "be `jaxkin.laws.ByType`, with a law for each type",
            f"it is a {type(law).__name__}",
        )
        law.check_mixture(len(self.numbers), self.dimension)

    def sample(self, law: ByType, *, key: Any) -> Gas:
        """Draw positions that respect the hard core, and velocities."""
        where, how = jax.random.split(key)
        vessel, k, d = self.vessel, len(self.numbers), self.dimension

        def propose(key: Any) -> Array:
            drawn = [
                own.sample_positions(n, d, key=key, dtype=self.dtype)
                for own, n, key in zip(
                    law.laws, self.numbers, jax.random.split(key, k), strict=True
                )
            ]
            return jnp.concatenate(drawn)

        position, misplaced = hard_core_positions(
            propose,
            vessel.radius,
            key=where,
            largest=self.largest,
            met=self._met(),
            crowding=self.crowding,
            periodic=vessel.periodic,
        )
        ends = np.cumsum(self.numbers)[:-1]
        velocity = jnp.concatenate(
            [
                own.sample_velocities_at(x, key=key)
                for own, x, key in zip(
                    law.laws, jnp.split(position, ends), jax.random.split(how, k), strict=True
                )
            ]
        )
        zero = jnp.zeros((), self.dtype)
        spheres = Spheres(
            position,
            velocity.astype(self.dtype),
            jnp.zeros((k, k), jnp.int32),
            jnp.int32(0),
            jnp.int32(0),
            zero + jnp.inf,
            jnp.full(self.log, jnp.inf, self.dtype),
            jnp.zeros((self.log, 2), jnp.int32),
            zero,
            jnp.asarray(False),
            jnp.asarray(False),
        )
        return Gas(spheres, misplaced)

    def advance(self, state: Gas, start: Array, stop: Array, *, key: Any = None) -> Gas:
        """Follow the flow from `start` to `stop`; nothing is random."""
        vessel, spheres, reverse_at = self.vessel, state.spheres, self.reverse_at
        start, stop = jnp.asarray(start, self.dtype), jnp.asarray(stop, self.dtype)
        if reverse_at is None:
            return Gas(flow(vessel, spheres, stop - start), state.misplaced)
        turn = jnp.clip(reverse_at, start, stop)

        def leg(k: Array, spheres: Spheres) -> Spheres:
            turned = (k == 1) & (start <= reverse_at) & (reverse_at < stop)
            velocity = jnp.where(turned, -spheres.velocity, spheres.velocity)
            spheres = eqx.tree_at(lambda s: s.velocity, spheres, velocity)
            return flow(vessel, spheres, jnp.where(k == 0, turn - start, stop - turn))

        return Gas(jax.lax.fori_loop(0, 2, leg, spheres), state.misplaced)

    def advance_tile(self, states: Gas, start: Array, stop: Array, *, keys: Array) -> Gas:
        """Run a tile of replicas: on a CPU one after another, each for as long as it needs."""
        together = 1 if jax.default_backend() == "cpu" else keys.shape[0]
        run = jax.vmap(lambda state: self.advance(state, start, stop))
        return in_batches(run, states, together)

    def measure(self, state: Gas) -> Weighted:
        """Return mass, position, velocity and type of each sphere, with weight 1/N_α."""
        vessel = self.vessel
        weight = (1 / np.array(self.numbers))[self.kinds]
        s = state.spheres
        return Weighted(
            jnp.asarray(weight, self.dtype),
            Coordinates(vessel.mass, s.position, s.velocity, vessel.kind),
        )

    def observables(self) -> tuple[Observable, ...]:
        """Return temperature, momentum, energy, stress and fourth moment of each type."""
        return mixture_moments(len(self.numbers))

    def drain(self, state: Gas) -> CollisionLog:
        """Return counts of collisions and, if `log` asks for them, the first with their times."""
        s, turned = state.spheres, self.reverse_at is not None
        counts = s.collisions, s.bounces, s.rounds, s.closest
        first: tuple[Any, Any] = (s.log_times, s.log_pairs) if self.log else (None, None)
        return CollisionLog(*counts, *first, self.numbers, self.dimension, self.boundary, turned)

    def faults(self, state: Gas) -> dict[str, Array]:
        """Report spheres that were not placed, lists that overflowed, events that were missed."""
        s = state.spheres
        # Rounding of positions, in diameters of the smallest.
        tolerance = 50 * jnp.finfo(self.dtype).eps / min(self.sizes)
        return {
            "Some spheres found no place that is free; take smaller or fewer, or raise `crowding` "
            "if they gather in a part of the box": state.misplaced,
            "A list of neighbours was too small; raise `crowding` of the mixture": s.crowded,
            "An event was missed: two spheres overlap by more than rounding": (
                ~state.misplaced & (s.closest < 1 - tolerance)
            ),
            "A sphere had two contacts at one time, to rounding; take float64, or another key": (
                s.ambiguous
            ),
            "Diameters exceed those with which the mixture was made; make it with the largest": (
                jnp.max(self.diameters) > self.largest * (1 + 1e-6)
            ),
            "A velocity is not a number; look at the initial law": ~jnp.all(
                jnp.isfinite(s.velocity)
            ),
            "More collisions happened than the log holds; raise `log`": (
                (self.log > 0) & (jnp.sum(s.collisions) > self.log)
            ),
        }

    def metadata(self, law: Any) -> dict[str, Any]:
        """Return the numbers, masses, diameters and the boundary."""
        return {
            "model": "HardSphereMixture",
            "numbers": self.numbers,
            "masses": tuple(np.asarray(self.masses).tolist()),
            "diameters": tuple(np.asarray(self.diameters).tolist()),
            "dimension": self.dimension,
            "boundary": self.boundary,
            "uniform": all(isinstance(each, Uniform) for each in law.laws),
            "reversed": self.reverse_at is not None,
        }

    def tile(self, replicas: int) -> int:
        """Return how many replicas a device holds at once."""
        return max(1, min(replicas, 2**20 // sum(self.numbers)))

    def kinetic_limit(
        self,
        equation: str | None = None,
        *,
        finite: bool = False,
        law: ByType | None = None,
        **resolution: Any,
    ) -> KineticEquation:
        """Return the Boltzmann system (1.1) with the constants that are realised.

        Args:
            equation: "hermite", or None for the same, is `jaxkin.BoltzmannMixture`, without space;
                "slab" is `jaxkin.BoltzmannSlab`, for densities that depend on x₁, by default of
                degree 7.
            finite: give the equation the contact values χ_{αβ} of the finite density
                (`jaxkin.contact_values`), those of one type times 1 − 1/N_α: what N spheres obey
                but for correlations. A fit then finds the constants of the limit.
            law: the initial law, by which the widths of the Gaussians are chosen
                (`jaxkin.operators.mixture_widths`), unless they are given.
            **resolution: `degree`, `widths` or `temperature` of `jaxkin.BoltzmannMixture`, and
                `cells` and `bins` of the slab.

        Raises:
            ValueError: another equation is asked for.
        """
        one_of(equation or "hermite", "equation", ("hermite", "slab"))
        contact = None
        if finite:
            contact = contact_values(self.numbers, self.diameters, self.dimension)
            contact = contact * (1 - jnp.diag(1 / jnp.asarray(self.numbers)))
        require(
            not is_traced(self.masses),
            "masses",
            "be known numbers in `kinetic_limit`",
            "it is traced by `jit` or `grad`",
        )
        masses = np.asarray(self.masses).tolist()
        if law is not None and not {"widths", "temperature"} & set(resolution):
            self.check(law)
            resolution["widths"] = mixture_widths(law, masses, self.numbers)
        if equation == "slab":
            resolution.setdefault("degree", 7)
        slab = {name: resolution.pop(name) for name in ("cells", "bins") if name in resolution}
        require(
            equation == "slab" or not slab,
            "equation",
            'be "slab" where `cells` or `bins` are given',
            f"it is {equation!r}",
        )
        mixture = BoltzmannMixture(
            masses, self.constants, dimension=self.dimension, contact=contact, **resolution
        )
        if equation != "slab":
            return mixture
        return BoltzmannSlab(mixture, boundary=self.boundary, **slab)
