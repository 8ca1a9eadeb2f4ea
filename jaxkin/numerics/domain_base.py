"""What every domain of a parameter offers (`jaxkin.numerics.domains` has them), and its rounding.

Symbols: θ (p,) free coordinates; x (q,) the entries in a row; Q a function of x.
"""

import abc
from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxkin.numerics.checks import is_traced, require


@dataclass(frozen=True)
class Domain(abc.ABC):
    """Where a parameter lives, entry by entry, and its free coordinates.

    Attributes:
        logarithmic: whether the coordinate is the logarithm of x, so that errors are relative.
        anchored: whether a search needs a prior in θ as long as the data say little.
        ends: whether x may come as near to an end as it likes, where θ has no end.
        joined: whether all coordinates make each entry.
    """

    logarithmic: ClassVar[bool] = False
    anchored: ClassVar[bool] = True
    ends: ClassVar[bool] = False
    joined: ClassVar[bool] = False

    # Bounds.

    @property
    def bounds(self) -> tuple[float, float]:
        """The ends, finite or not."""
        return -np.inf, np.inf

    @property
    def closed(self) -> tuple[bool, bool]:
        """Which ends belong to the domain."""
        return False, False

    @abc.abstractmethod
    def __str__(self) -> str:
        """Say what the domain is, as the end of "must …"."""

    def contains(self, value: Any) -> Bool[np.ndarray, "*shape"]:
        """Tell which entries are finite and between the ends."""
        x, (lower, upper), (low, high) = np.asarray(value), self.bounds, self.closed
        above = x >= lower if low else x > lower
        return np.isfinite(x) & above & (x <= upper if high else x < upper)

    def check(self, value: Any, name: str) -> None:
        """Raise `ValueError` unless `value` lies in the domain; a traced value passes.

        Args:
            value: a number or an array.
            name: of the argument, for the message.
        """
        if not is_traced(value):
            self._refuse(value, self.contains(value), name, str(self), "Correct that value.")

    def check_inside(self, value: Any, name: str) -> None:
        """Raise `ValueError` unless `value` has finite coordinates θ: an end has none."""
        if is_traced(value):
            return
        x, (lower, upper) = np.asarray(value), self.bounds
        inside = self.contains(value) & (x > lower) & (x < upper)
        ends = f"{self}, and not at an end" if any(self.closed) else str(self)
        self._refuse(value, inside, name, ends, "Take a number inside.")

    def _refuse(self, value: Any, good: np.ndarray, name: str, must: str, remedy: str) -> None:
        if np.all(good):
            return
        array, where = np.asarray(value), np.argwhere(~good)[0]
        place = f"entry {tuple(int(k) for k in where)}" if array.ndim else "it"
        require(False, name, must, f"{place} is {array[tuple(where)]}", remedy)

    # The map.

    def free(self, entries: int) -> int:
        """Return the number of free coordinates of so many entries."""
        return entries

    def neutral(self, entries: int) -> float:
        """Return where a search starts if it is told nothing."""
        return 0.0

    @abc.abstractmethod
    def natural(self, theta: Float[Array, " p"]) -> Float[Array, " q"]:
        """Return x at θ."""

    @abc.abstractmethod
    def coordinates(self, natural: Float[Array, " q"]) -> Float[Array, " p"]:
        """Return θ of x: the inverse of `natural`."""

    @abc.abstractmethod
    def log_jacobian(self, theta: Float[Array, " p"]) -> Float[Array, ""]:
        """Return log|det dx/dθ|, of the first p entries where the last follows from them."""

    # What a search and a report need.

    def ignorance(self, entries: int) -> float:
        """Return the standard deviation of an entry under the uniform law; ∞ if unbounded."""
        return np.inf

    def slope(self, theta: Float[Array, " p"]) -> Float[Array, " p"]:
        """Return ∂x_k/∂θ_k in units of the domain where it has ends, else 1."""
        return jnp.ones_like(theta)

    def bend(self, theta: Float[Array, " p"], gradient: Float[Array, " p"]) -> Float[Array, "p p"]:
        """Return the positive part of Σ_k ∂Q/∂x_k ∂²x_k, from ∂Q/∂θ."""
        return jnp.zeros((theta.size, theta.size), theta.dtype)

    # The array that holds the entries.

    def choose(self, mask: Bool[np.ndarray, "*shape"], name: str) -> Bool[np.ndarray, "*shape"]:
        """Return which entries are coordinates, one of each set that is bound to be equal.

        Args:
            mask: the entries that are free.
            name: of the parameter, for the message.

        Raises:
            ValueError: these entries alone cannot be free.
        """
        return mask

    def mirror(self, array: Array) -> Array:
        """Return the array with all entries equal that are bound to be."""
        return array


def finite_exp(theta: Array) -> Array:
    """Return e^θ as a positive, finite number of its type.

    Args:
        theta: θ, of any shape.
    """
    span = jnp.finfo(theta.dtype)
    # A derivative of 0 out there is right: nothing moves any more.
    return jnp.exp(jnp.clip(theta, np.log(span.tiny) + 1, np.log(span.max) - 1))


def within(x: Array, bounds: tuple[float, float], closed: tuple[bool, bool]) -> Array:
    """Return x where rounding left it in the domain, else the nearest number that is in it.

    Args:
        x: of any shape.
        bounds: the ends of the domain.
        closed: which end belongs to it.
    """
    lower, upper = (np.asarray(end, x.dtype) for end in bounds)
    least = lower if closed[0] else _next(lower, np.inf)
    most = upper if closed[1] else _next(upper, -np.inf)
    return jnp.where(x < least, least, jnp.where(x > most, most, x))


def _next(end: np.ndarray, towards: float) -> np.ndarray:
    """Return the normal number next to `end`: accelerators, and XLA, round others to 0."""
    tiny = np.finfo(end.dtype).tiny
    step = np.nextafter(end, np.asarray(towards, end.dtype))
    return step if abs(step) >= tiny else np.copysign(tiny, np.asarray(towards, end.dtype))


def sign(value: float) -> str:
    """Return a number as it is printed, with the sign of a minus.

    Args:
        value: the number.
    """
    return f"{value:g}".replace("-", "−")
