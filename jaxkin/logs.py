"""What happened in a run, beside what was observed: typed logs that know counts and exposure.

A particle system returns one from `drain`, and `Trajectory.events` holds it. Arrays have a leading
replica axis there (R,), and none while a run goes on. Events over exposure are rates: a log gives
what happened and, from what was recorded, for how long it could have happened.

A system of a user's own returns one of these, or a class derived from `Log` whose fields are
arrays, and static numbers or words. It is saved and loaded under the name of its class.

Symbols: R replicas, M masses, k types, N particles, Z density of the law.
"""

import dataclasses
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, Int, Shaped

from jaxkin.numerics.checks import require


class Log(eqx.Module):
    """Base class of logs: a pytree of arrays, with static numbers and words that describe them."""

    def arrays(self) -> dict[str, Shaped[Array, "..."]]:
        """Return the arrays by name; one that is None is left out."""
        names = [f.name for f in dataclasses.fields(self) if not f.metadata.get("static", False)]
        return {name: x for name in names if (x := getattr(self, name)) is not None}

    def described(self) -> dict[str, Any]:
        """Return the static fields by name."""
        names = [f.name for f in dataclasses.fields(self) if f.metadata.get("static", False)]
        return {name: getattr(self, name) for name in names}

    def select(self, replicas: Any) -> "Log":
        """Return the log of some of the replicas.

        Args:
            replicas: a slice, or indices.
        """
        chosen = {name: values[replicas] for name, values in self.arrays().items()}
        return dataclasses.replace(self, **chosen)


def log_class(name: str) -> type[Log]:
    """Return the class of logs of this name.

    Raises:
        ValueError: no class is known by this name.
    """
    known, look = {}, [Log]
    while look:
        found = look.pop()
        known[found.__name__] = found
        look += found.__subclasses__()
    require(
        name in known,
        "path",
        "hold a log of a class that is known here",
        f"its class is {name!r}",
        "Import the module that defines it first.",
    )
    return known[name]


class CollisionCount(Log):
    """How many collisions there were.

    Attributes:
        count: (R,) collisions of each replica.
    """

    count: Int[Array, "*R"]


class SurvivorCount(Log):
    """How many particles are left, and how many collisions there were.

    Attributes:
        number: (R,) particles that are left at the end.
        count: (R,) collisions in which none vanished.
    """

    number: Int[Array, "*R"]
    count: Int[Array, "*R"]


class ReactionLog(Log):
    """Reactions of pairs of masses, one after another.

    Attributes:
        time: (R, capacity) when, increasing; NaN after the last.
        mass_i, mass_j: (R, capacity) masses of the partners; 0 after the last.
        count: (R,) number of reactions.
        one_particle: (R,) w = Z/N, the density of one particle.
        reaction: "coagulation", or "annihilation", in which both partners vanish.
        max_mass: M, the largest mass that is followed; a heavier product leaves.
    """

    time: Float[Array, "*R capacity"]
    mass_i: Int[Array, "*R capacity"]
    mass_j: Int[Array, "*R capacity"]
    count: Int[Array, "*R"]
    one_particle: Float[Array, "*R"]
    reaction: str = eqx.field(static=True)
    max_mass: int = eqx.field(static=True)

    def jumps(self) -> Float[np.ndarray, "R capacity M"]:
        """Return by how much each reaction changed the number of each mass."""
        i, j = np.asarray(self.mass_i), np.asarray(self.mass_j)
        # Row 0 stands for no reaction, rows above M for products that leave.
        one = np.concatenate([np.zeros((1, self.max_mass)), np.eye(self.max_mass)])
        products = np.concatenate([one, np.zeros((self.max_mass, self.max_mass))])
        gained = products[i + j] if self.reaction == "coagulation" else 0.0
        return (gained - one[i] - one[j]) * (i > 0)[..., None]

    def events_and_exposure(
        self, times: Float[Array, " times"], counts: Float[Array, "R times M"]
    ) -> tuple[Float[np.ndarray, "R M M"], Float[np.ndarray, "R M M"]]:
        """Return reactions and exposures of each two masses, n ≤ m, from 0 to the last time.

        The exposure of n and m is w∫ pairs dt, volume⁻¹ × time, with N_n N_m pairs for n < m and
        N_n(N_n − 1)/2 for n = m: reactions come at the rate β(n, m) times that.

        Args:
            times: (T,) when the counts were recorded.
            counts: (R, T, M) densities w N_n.

        Raises:
            ValueError: the counts are of other replicas, or of another number of masses.
        """
        size = np.shape(self.time)[0]
        require(
            np.shape(counts) == (size, len(times), self.max_mass),
            "counts",
            f"have the shape {(size, len(times), self.max_mass)} of replicas, times and masses",
            f"it is {np.shape(counts)}",
        )
        weight = np.asarray(self.one_particle, float)[:, None]
        when, last = np.asarray(self.time), float(times[-1])
        happened = when <= last  # NaN compares false
        jumps = self.jumps() * happened[..., None]
        before = np.sum(jumps * (when <= float(times[0]))[..., None], axis=1)
        first = np.rint(np.asarray(counts, float)[:, 0] / weight - before)
        path = np.concatenate([first[:, None], first[:, None] + np.cumsum(jumps, axis=1)], axis=1)
        edges = np.pad(
            np.where(happened, when, last), [(0, 0), (1, 1)], constant_values=((0, 0), (0.0, last))
        )
        stay = np.diff(edges, axis=1) * weight
        pairs = np.einsum("rk,rkn,rkm->rnm", stay, path, path, optimize=True)
        alone = np.einsum("rk,rkn->rn", stay, path)
        own = 0.5 * (np.einsum("rnn->rn", pairs) + alone)
        exposure = np.triu(pairs) - own[..., None] * np.eye(self.max_mass)
        events = np.zeros_like(exposure)
        replica, _ = np.nonzero(happened)
        i, j = (np.asarray(m)[happened] - 1 for m in (self.mass_i, self.mass_j))
        np.add.at(events, (replica, np.minimum(i, j), np.maximum(i, j)), 1)
        return events, exposure


class CollisionLog(Log):
    """Collisions of hard spheres of k types.

    Attributes:
        collisions: (R, k, k) collisions of each two types α ≤ β.
        bounces: (R,) collisions with a wall.
        rounds: (R,) steps of the flow that it took.
        closest: (R,) the least distance of a pair that was seen, in contact distances.
        times: (R, L) times of the first collisions, not quite in their order, or None.
        pairs: (R, L, 2) who collided then, or None.
        numbers: (k,) N_α.
        dimension: d.
        boundary: "periodic" or "reflecting".
        reversed: whether all velocities changed sign in the run.
    """

    collisions: Int[Array, "*R k k"]
    bounces: Int[Array, "*R"]
    rounds: Int[Array, "*R"]
    closest: Float[Array, "*R"]
    times: Float[Array, "*R L"] | None
    pairs: Int[Array, "*R L 2"] | None
    numbers: tuple[int, ...] = eqx.field(static=True)
    dimension: int = eqx.field(static=True)
    boundary: str = eqx.field(static=True)
    reversed: bool = eqx.field(static=True)

    def exposure_rate(self, speed: Float[Array, "R times k k"]) -> Float[np.ndarray, "R times k k"]:
        """Return κ_d Σ_pairs |v − w|, whose integral over time is the exposure.

        Spheres of types α and β meet at the rate ((ε_α + ε_β)/2)^{d−1} χ_{αβ} times that,
        κ_2 = 2 and κ_3 = π.

        Args:
            speed: (R, T, k, k) means of |v − w| over pairs, as `jaxkin.RelativeSpeed` records.

        Raises:
            ValueError: the speeds are of other types.
        """
        k = len(self.numbers)
        require(
            np.ndim(speed) == 4 and np.shape(speed)[2:] == (k, k),
            "data",
            f"have `relative_speed` of {k} types for each replica and time",
            f"its shape is {np.shape(speed)}",
            f"Observe RelativeSpeed({k}).",
        )
        area = 2.0 if self.dimension == 2 else np.pi
        return area * pairs_of_types(np.array(self.numbers)) * np.asarray(speed, float)


def pairs_of_types(numbers: Int[np.ndarray, " k"]) -> Float[np.ndarray, "k k"]:
    """Return how many pairs of different particles there are of each two types."""
    ordered = np.outer(numbers, numbers) - np.diag(numbers)
    return ordered / (1 + np.eye(len(numbers)))
