"""Collisions between types of hard spheres, in Hermite functions of a width for each type.

    Q_{αβ}(f, g)(v) = ∫∫ ((w−v)·θ)_+ [f(v*) g(w*) − f(v) g(w)] dθ dw,
    v* = v − 2M_β/(M_α+M_β) ((v−w)·θ)θ,   w* = w + 2M_α/(M_α+M_β) ((v−w)·θ)θ

(Ampatzoglou et al., Definition 2.4; θ on S^{d−1}), every f_α of integral 1. Each type has a
Gaussian M_{s_α} of its own variance s_α, on which a polynomial is a density, tested with
polynomials:

    f_α(v) = M_{s_α}(v) Σ_a f_{αa} h_a(v/√s_α),
    ∂f_{αa} = Σ_β s_{αβ} Σ_{b,c} K^{αβ}_{a,bc} f_{αb} f_{βc},

h_a orthonormal Hermite polynomials, |a| ≤ degree, s_{αβ} how often the types meet (an equation
tells it). With widths of their own, types of whatever ratio of masses are resolved alike; a grid of
velocities that all types share is not that good. Entries of K are exact
(`jaxkin.operators.mixture_tensor`), so that the mass of each type and, where s_{αβ}/s_{βα} =
N_β/N_α, momentum Σ N_α M_α⟨v⟩ and energy Σ N_α M_α⟨|v|²⟩/2 are conserved to rounding; Maxwellians
of variance s_α are steady if the s_α are of one temperature.
"""

import functools
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.laws.base import require_law
from jaxkin.laws.by_type import ByType, Uniform
from jaxkin.laws.velocities import VelocityLaw
from jaxkin.numerics.checks import is_traced, one_of, require, require_finite, whole
from jaxkin.numerics.hermite import hermite_basis, multi_indices
from jaxkin.numerics.parameter_cache import remembered
from jaxkin.observables.base import Observable
from jaxkin.observables.by_type import mixture_moments
from jaxkin.observables.velocity_density import TypeDensities
from jaxkin.operators.base import Collisions, Operator
from jaxkin.operators.hermite_density import HermiteDensity
from jaxkin.operators.hermite_functions import moving
from jaxkin.operators.mixture_tensor import pair_tensor, plan

Tensor = tuple[Float[Array, "k k rows pairs"], ...]


class HermiteMixture(Operator):
    """Collisions between k types of hard spheres.

    A state has shape (k, N), in the order of `numerics.hermite.multi_indices`. The series of f_α
    converges for ∫f_α²/M_{s_α} dv < ∞, which needs variances below 2s_α. In d = 3 degree 6 has 84
    functions and degree 8 has 165; memory and work grow as k²·degree^9.

    Args:
        masses: (k,) M_α, positive; no gradient reaches them. None for a method, which takes those
            of the gas.
        dimension: 2 or 3; None for 3, or for that of the gas.
        degree: largest total degree of the polynomials, at least 2.
        widths: (k,) s_α, the variance of each Gaussian; None for temperature/M_α.
        temperature: of the Gaussians, k_B = 1; None for 1.
        exponent: γ > −d of |v−w|^γ in the place of |v−w|, with the angles of hard spheres: 1, or 0
            for Maxwell molecules, or between (variable hard spheres).

    Raises:
        ValueError: an argument is out of range.
    """

    masses: tuple[float, ...] | None = eqx.field(static=True)
    widths: tuple[float, ...] | None = eqx.field(static=True)
    temperature: float | None = eqx.field(static=True)
    dimension: int = eqx.field(static=True)  # None in a method
    degree: int = eqx.field(static=True)
    exponent: float = eqx.field(static=True)

    def __init__(
        self,
        masses: Sequence[float] | None = None,
        *,
        dimension: int | None = None,
        degree: int = 6,
        widths: Sequence[float] | None = None,
        temperature: float | None = None,
        exponent: float = 1.0,
    ):
        if dimension is not None or masses is not None:
            dimension = 3 if dimension is None else dimension
            one_of(dimension, "dimension", (2, 3))
        self.dimension = dimension  # type: ignore[assignment]
        self.degree = whole(degree, "degree", 2)
        if temperature is not None:
            require(
                np.ndim(temperature) == 0, "temperature", "be one number", f"it is {temperature}"
            )
            require_finite(temperature, "temperature", minimum=0.0, strict=True)
        require(
            widths is None or temperature is None,
            "temperature",
            "be None where `widths` are given",
            f"it is {temperature}",
        )
        self.temperature = None if temperature is None else float(temperature)
        self.masses = None if masses is None else _positive(masses, "masses")
        self.widths = None if widths is None else _positive(widths, "widths")
        if self.masses is not None and self.widths is not None:
            require(
                len(self.widths) == len(self.masses),
                "widths",
                f"have {len(self.masses)} entries, one for each of `masses`",
                f"it has {len(self.widths)}",
            )
        base = float(dimension or 2)
        require_finite(exponent, "exponent", minimum=-base, strict=True)
        self.exponent = float(exponent)

    def ready(self) -> None:
        """Raise `ValueError` if the masses are missing."""
        require(
            self.masses is not None,
            "operator",
            "have the masses of the types",
            "`HermiteMixture` was made without them",
            "Give it `masses`, or hand it to `kinetic_limit` of a gas, which does.",
        )

    def complete(self, collisions: Collisions) -> Operator:
        """Refuse: this operator is for gases of hard spheres of several types."""
        raise ValueError(
            "Argument `method` must be made for one gas, but it is `HermiteMixture`, which is for "
            "mixtures of hard spheres. Take `Fourier`, `Hermite`, `Sonine` or `Moments`."
        )

    def of_types(
        self, masses: Sequence[float], dimension: int, widths: Sequence[float] | None = None
    ) -> "HermiteMixture":
        """Return the operator for the types of a gas, which takes `widths` if it has none.

        Raises:
            ValueError: the method has masses of its own, or another dimension.
        """
        require(
            self.masses is None and self.dimension in (None, dimension),
            "method",
            "leave masses and dimension to the gas",
            f"its masses are {self.masses}, and its dimension {self.dimension}",
            "Make it without them.",
        )
        free = self.widths is None and self.temperature is None
        return HermiteMixture(
            masses,
            dimension=dimension,
            degree=self.degree,
            widths=widths if free else self.widths,
            temperature=None if free and widths is not None else self.temperature,
            exponent=self.exponent,
        )

    @property
    def types(self) -> int:
        """k."""
        self.ready()
        assert self.masses is not None
        return len(self.masses)

    @property
    def variances(self) -> tuple[float, ...]:
        """(k,) s_α."""
        self.ready()
        assert self.masses is not None
        T = 1.0 if self.temperature is None else self.temperature
        return tuple(T / m for m in self.masses) if self.widths is None else self.widths

    # The functions.

    def degrees(self) -> np.ndarray:
        """Return the total degree of each function."""
        return multi_indices(self.dimension, self.degree).sum(1)

    def basis(self, velocity: Float[Array, "n d"], kind: int) -> Float[Array, "n N"]:
        """Return h_a(v/√s_α) of one type α."""
        indices = multi_indices(self.dimension, self.degree)
        return hermite_basis(velocity / self.variances[kind] ** 0.5, indices)

    def coefficients(self, law: VelocityLaw, kind: int) -> Float[Array, " N"]:
        """Return ∫ f h_a(v/√s_α) dv of a law of velocities, exact for laws with a quadrature."""
        require_law(law, VelocityLaw, needs=("quadrature",))
        nodes, weights = law.quadrature(self.degree // 2 + 2)
        return weights @ self.basis(nodes, kind)

    def project(self, law: Any) -> Float[Array, "k N"]:
        """Return f_{αa} = ∫ f_α h_a(v/√s_α) dv, exact for laws with a quadrature.

        Raises:
            ValueError: the law is not `ByType` with k laws of velocities.
        """
        self.check_types(law)
        rows = []
        for kind, each in enumerate(law.laws):
            require(
                isinstance(each, Uniform),
                "law",
                "be the same at all places",
                f"that of type {kind + 1} is {type(each).__name__}",
                "Ask for the equation in a slab, `kinetic_limit(cells=32)`.",
            )
            rows.append(self.coefficients(each.velocity, kind))
        return jnp.stack(rows)

    def check_types(self, law: Any) -> None:
        """Raise `ValueError` unless the law is `ByType` with k laws of this dimension."""
        require_law(law, ByType, types=self.types, dimension=self.dimension)

    def unresolved(self, f: Float[Array, "k N"]) -> tuple[float, int]:
        """Return the share of the two highest degrees, and in which type it is largest."""
        highest = jnp.linalg.norm(f[:, self.degrees() >= self.degree - 1], axis=1)
        share = np.asarray(highest / jnp.linalg.norm(f, axis=1))
        return float(share.max()), int(share.argmax())

    def measure(self, state: Float[Array, "k N"]) -> TypeDensities:
        """Return f_α of each type."""
        self.ready()
        assert self.masses is not None and self.dimension is not None
        parts = tuple(
            HermiteDensity(f, self.dimension, self.degree, s)
            for f, s in zip(state, self.variances, strict=True)
        )
        return TypeDensities(parts, self.masses)

    def density(
        self, state: Float[Array, "k N"], velocity: Float[Array, "*n d"]
    ) -> Float[Array, "k *n"]:
        """Return f_α(v) of each type."""
        return self.measure(state)(velocity)

    def conserves(self) -> tuple[str, ...]:
        """Return the density; momentum and energy stay for all types together, weighted by N_α."""
        return ("density",)

    def observables(self) -> tuple[Observable, ...]:
        """Return temperature, momentum, energy, stress and fourth moment of each type."""
        return mixture_moments(self.types)

    # The collision term.

    def prepare(self) -> Tensor:
        """Return K of all pairs of types; for the same parameters the same object."""
        return remembered(self, self._tensor)

    def _tensor(self) -> Tensor:
        masses, widths = self.masses or (), self.variances
        pairs = [
            [
                pair_tensor(
                    other / (mass + other), s, t, self.degree, self.dimension, self.exponent
                )
                for other, t in zip(masses, widths, strict=True)
            ]
            for mass, s in zip(masses, widths, strict=True)
        ]
        return tuple(
            jnp.asarray(np.stack([[pair[block] for pair in row] for row in pairs]), float)
            for block in range(2**self.dimension)
        )

    def collision(
        self,
        f: Float[Array, "*batch k N"],
        prepared: Tensor,
        strength: Float[Array, "k k"] | None = None,
    ) -> Float[Array, "*batch k N"]:
        """Return Σ_β s_{αβ} Q_{αβ}(f_α, f_β) of one state or of a batch.

        Args:
            f: states.
            prepared: K.
            strength: (k, k) s_{αβ}; None for 1.
        """
        plan_ = plan(self.degree, self.dimension)
        size = jnp.ones((self.types,) * 2) if strength is None else strength
        parts = []
        for block, (b, c) in zip(prepared, plan_.pairs, strict=True):
            products = size.astype(f.dtype)[:, :, None] * f[..., :, None, b] * f[..., None, :, c]
            parts.append(
                jnp.einsum(
                    "xyrp,...xyp->...xr", block.astype(f.dtype), products, precision="highest"
                )
            )
        return jnp.concatenate(parts, -1)[..., plan_.places]

    # In a slab.

    def stream(
        self, before: Float[Array, "*cells k N"], after: Float[Array, "*cells k N"]
    ) -> Float[Array, "*cells k N"]:
        """Return V⁺ f⁻ + V⁻ f⁺ of each type, as in `jaxkin.operators.hermite_functions`."""
        scale = jnp.asarray(np.sqrt(self.variances)[:, None], before.dtype)
        right, left = (
            jnp.asarray(part, before.dtype) for part in moving(self.degree, self.dimension)
        )
        multiply = functools.partial(jnp.matmul, precision="highest")
        return scale * (multiply(before, right) + multiply(after, left))

    def mirror(self, f: Float[Array, "*cells k N"]) -> Float[Array, "*cells k N"]:
        """Return the state of the gas behind a mirror, v₁ → −v₁."""
        first = multi_indices(self.dimension, self.degree)[:, 0]
        return jnp.asarray((-1.0) ** first, f.dtype) * f


def _positive(values: Any, name: str) -> tuple[float, ...]:
    require(not is_traced(values), name, "be known numbers", "it is traced by `jit` or `grad`")
    array = np.asarray(values, dtype=float)
    require(array.ndim == 1 and array.size > 0, name, "be a list of numbers", f"it is {values!r}")
    require_finite(array, name, minimum=0.0, strict=True)
    return tuple(array.tolist())
