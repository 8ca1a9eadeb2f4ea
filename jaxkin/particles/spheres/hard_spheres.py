"""Mixtures of hard spheres: Newton's laws, deterministic between and at contacts.

(Ampatzoglou et al., §1.)

N_α spheres of mass M_α and diameter ε_α, α = 1 … k, in the unit torus or in the unit box with
walls that reflect. Spheres of types α and β that come within (ε_α + ε_β)/2 of each other collide
elastically, (1.3)–(1.8). With N_α ε_α^{d−1} = c_α and fixed ratios of diameters (2.28), as
N_α → ∞ the densities of types follow the Boltzmann system (1.1) with the constants
c_{αβ} = N_β((ε_α + ε_β)/2)^{d−1} (`jaxkin.mixture_constants`).

The flow is exact up to rounding (`jaxkin.particles.spheres.flow`). Each collision multiplies an
error of a path by about the mean free path over the diameter: in float64 a path is lost after some
eight collisions of each sphere. The statistics of many paths stay right, however long a run is.
"""

from collections.abc import Sequence
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.equations.mixture import BoltzmannMixture
from jaxkin.equations.slab import BoltzmannSlab
from jaxkin.laws.base import require_law
from jaxkin.laws.by_type import ByType, Uniform
from jaxkin.logs import CollisionLog
from jaxkin.model import KineticEquation, Particles
from jaxkin.numerics.arrays import array, host
from jaxkin.numerics.batched_map import in_batches
from jaxkin.numerics.checks import is_number, is_traced, one_of, require, require_finite, whole
from jaxkin.observables.base import Coordinates, Observable, Weighted
from jaxkin.observables.by_type import mixture_moments
from jaxkin.operators.mixture import HermiteMixture
from jaxkin.operators.mixture_widths import mixture_widths
from jaxkin.particles.spheres.flow import Spheres, flow
from jaxkin.particles.spheres.paths import Vessel
from jaxkin.particles.spheres.sizes import checked_largest, packing, sizes_for, touched
from jaxkin.particles.spheres.start import Gas, start
from jaxkin.physics.masses import common_dtype
from jaxkin.physics.spheres.contact_values import contact_values
from jaxkin.physics.spheres.mixture_constants import constants_matrix, scaled_spheres


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
        largest: the largest diameter that lists are made for; None: that of `diameters`. Mixtures
            of other diameters share what was compiled if `largest` is the same, and diameters that
            are traced need it.

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
    crowding: float = eqx.field(static=True)
    largest: float = eqx.field(static=True)

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
        largest: float | None = None,
    ):
        require_finite(numbers, "numbers", minimum=1)
        self.numbers = tuple(whole(n, "numbers") for n in np.atleast_1d(numbers).tolist())
        k = len(self.numbers)
        for name, value in (("masses", masses), ("diameters", diameters)):
            require_finite(value, name, minimum=0.0, strict=True)
            shape = np.shape(value) or (1,)
            require(
                shape == (k,),
                name,
                f"have {k} entries, one for each of `numbers`",
                f"its shape is {shape}",
            )
        dtype = common_dtype(masses, diameters)
        values = host(diameters, dtype).reshape(k)
        self.masses = array(host(masses, dtype).reshape(k), dtype)
        self.diameters = array(values, dtype)
        require(sum(self.numbers) >= 2, "numbers", "name two spheres or more", "there is one")
        self.dimension = whole(dimension, "dimension", 2)
        require(self.dimension <= 3, "dimension", "be 2 or 3", f"it is {dimension}")
        one_of(boundary, "boundary", ("periodic", "reflecting"))
        self.boundary, self.log = boundary, whole(log, "log", 0)
        right = is_number(crowding) and 1 <= crowding < np.inf
        require(right, "crowding", "be 1 or more", f"it is {crowding!r}")
        self.crowding = float(crowding)
        if reverse_at is not None:
            require_finite(reverse_at, "reverse_at", minimum=0.0)
            require(is_number(reverse_at), "reverse_at", "be a number", f"it is {reverse_at!r}")
        self.reverse_at = None if reverse_at is None else array(reverse_at, dtype)
        self.largest = checked_largest(largest, self.numbers, values, self.dimension)

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
            **options: `boundary`, `reverse_at`, `log`, `crowding`, `largest`.

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
        """What the flow reads of the spheres."""
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

    @property
    def packing(self) -> Float[Array, ""]:
        """The share of the volume that the spheres fill."""
        return packing(self.numbers, host(self.diameters, self.dtype), self.dimension)

    # The protocol.

    def check(self, law: Any) -> None:
        """Raise `ValueError` if the law is not one of so many types in this dimension."""
        require_law(
            law,
            ByType,
            types=len(self.numbers),
            dimension=self.dimension,
            of_each=("sample_positions", "sample_velocities_at"),
        )

    def sample(self, law: ByType, *, key: Any) -> Gas:
        """Draw positions that respect the hard core, and velocities."""
        return start(
            law.laws,
            self.numbers,
            self.vessel,
            self.dimension,
            key=key,
            kept=self.log,
            largest=self.largest,
            met=touched(self.numbers, self.diameters, self.dimension),
            crowding=self.crowding,
        )

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

    def conserves(self) -> tuple[str | tuple[str, ...], ...]:
        """Return the density, and of spheres of one type the energy."""
        return ("density", "energy") if len(self.numbers) == 1 else ("density",)

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
        tolerance = 50 * jnp.finfo(self.dtype).eps / jnp.min(self.diameters)
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
        method: HermiteMixture | None = None,
        *,
        finite: bool = False,
        law: ByType | None = None,
        cells: int | None = None,
        bins: int | None = None,
    ) -> KineticEquation:
        """Return the Boltzmann system (1.1) with the constants that are realised.

        Args:
            method: `jaxkin.operators.HermiteMixture` without masses; None for degree 6, or 7 in a
                slab.
            finite: give the equation the contact values χ_{αβ} of the finite density
                (`jaxkin.contact_values`), those of one type times 1 − 1/N_α: what N spheres obey
                except for correlations. A fit then finds the constants of the limit.
            law: the initial law, by which the widths of the Gaussians are chosen
                (`jaxkin.operators.mixture_widths`), unless the method has them.
            cells: of a slab (`jaxkin.BoltzmannSlab`), for densities that depend on x₁, with the
                boundary of the gas; None for densities without space.
            bins: slices of the slab's profiles.

        Raises:
            ValueError: an argument is out of range.
        """
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
        require(
            bins is None or cells is not None,
            "cells",
            "be given where `bins` are",
            "it is None",
        )
        if method is None:
            method = HermiteMixture(degree=6 if cells is None else 7)
        require(
            isinstance(method, HermiteMixture),
            "method",
            "be `jaxkin.operators.HermiteMixture`",
            f"it is {method!r}",
        )
        masses, widths = np.asarray(self.masses).tolist(), None
        if law is not None:
            self.check(law)
            widths = mixture_widths(law, masses, self.numbers)
        operator = method.of_types(masses, self.dimension, widths)
        mixture = BoltzmannMixture(operator, self.constants, contact=contact)
        if cells is None:
            return mixture
        return BoltzmannSlab(mixture, cells=cells, boundary=self.boundary, bins=bins)
