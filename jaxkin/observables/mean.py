"""The usual observable, the sum of a function of one particle; and entries of what is measured."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
from jaxtyping import Array, PRNGKeyArray

from jaxkin.numerics.checks import require, whole
from jaxkin.observables.base import Coordinates, Observable, Weighted
from jaxkin.observables.density import Density


class Mean(Observable):
    """Σ n_i w_i φ(z_i) of particles, ∫ φ f of a density.

    Weights are densities, so that it is the mean of φ where the total density is 1.

    Args:
        name: the name under which the trajectory keeps it.
        function: φ, from the `Coordinates` of one particle (no leading axis) to an array of any
            fixed shape, written with jax.numpy. Define it once: a new function compiles anew.
        degree: of φ as a polynomial of the velocity. None finds it; state it where the program of
            φ does not show it (a table, a loop).

    Raises:
        ValueError: `function` cannot be called, or `degree` is no whole number.

    Example:
        `Mean("dimers", lambda z: z.mass == 2)` is the density of particles of mass 2.
    """

    name: str = eqx.field(static=True)
    function: Callable[[Coordinates], Any] = eqx.field(static=True)
    degree: int | None = eqx.field(static=True)

    def __init__(
        self, name: str, function: Callable[[Coordinates], Any], degree: int | None = None
    ):
        require(
            callable(function),
            "function",
            "be a function of the coordinates of one particle",
            f"it is {function!r}",
        )
        self.name, self.function = name, function
        self.degree = None if degree is None else whole(degree, "degree", 0)

    def of_particles(self, measured: Weighted, *, key: PRNGKeyArray | None = None) -> Array:
        """Return Σ n_i w_i φ(z_i)."""
        return measured.total(self.function, name=self.name)

    def of_density(self, density: Density) -> Array:
        """Return ∫ φ f."""
        return density.integral(self.function, self.degree, self.name)


class Entry(Observable):
    """What a model measures beside its particles or its density, under a name of its own.

    Args:
        name: the name under which the trajectory keeps it.
        entry: the name under which models offer it; None for `name`.
    """

    name: str = eqx.field(static=True)
    entry: str = eqx.field(static=True)

    def __init__(self, name: str, entry: str | None = None):
        self.name, self.entry = name, name if entry is None else entry

    def of_particles(self, measured: Weighted, *, key: PRNGKeyArray | None = None) -> Array:
        """Return the entry of what the particles measure."""
        return self._among(measured.entries)

    def of_density(self, density: Density) -> Array:
        """Return the entry of the density."""
        return self._among(density.entries())()

    def _among(self, entries: dict[str, Any]) -> Any:
        require(
            self.entry in entries,
            "observe",
            f"hold what the model measures, which is {sorted(entries) or 'nothing of its own'} "
            "beside its densities",
            f"{self.name!r} asks for {self.entry!r}",
            self._remedy(),
        )
        return entries[self.entry]

    def _remedy(self) -> str:
        return ""


class Entropy(Entry):
    """H = ∫ f log f, known where a density is; of each type in a mixture.

    Where f is a series that is negative somewhere, the integral is over where it is positive.

    Args:
        name: the name under which the trajectory keeps it.
    """

    def __init__(self, name: str = "entropy"):
        super().__init__(name, "entropy")

    def _remedy(self) -> str:
        return "The entropy needs a density: solve an equation whose operator keeps one."


class Overflow(Entry):
    """Density of the mass in particles heavier than the largest class.

    Args:
        name: the name under which the trajectory keeps it.
    """

    def __init__(self, name: str = "overflow"):
        super().__init__(name, "overflow")

    def _remedy(self) -> str:
        return "Only models with a largest mass, such as coagulation, have an overflow."


class ScaledTime(Entry):
    """τ = ∫ n (2T)^{γ/2} dt, kept by `SelfSimilarAnnihilation`.

    Args:
        name: the name under which the trajectory keeps it.
    """

    def __init__(self, name: str = "tau"):
        super().__init__(name, "tau")

    def _remedy(self) -> str:
        return "Only the self-similar equation keeps the scaled time."
