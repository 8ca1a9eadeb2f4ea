"""The spatially homogeneous Boltzmann system of a mixture of hard spheres, in Hermite functions.

    ∂f_α = Σ_β c_{αβ} χ_{αβ} Q_{αβ}(f_α, f_β),
    Q_{αβ}(f, g)(v) = ∫∫ ((w−v)·θ)_+ [f(v*) g(w*) − f(v) g(w)] dθ dw,
    v* = v − 2M_β/(M_α+M_β) ((v−w)·θ)θ,   w* = w + 2M_α/(M_α+M_β) ((v−w)·θ)θ

(Ampatzoglou et al., Definition 2.4 without space; θ on S^{d−1}), every f_α of integral 1. χ = 1 in
the limit; of N spheres it is how much more often they meet (`contact`), known beside the constants.
Each type has a Gaussian M_{s_α} of its own variance s_α, on which a polynomial is a density, tested
with polynomials:

    f_α(v) = M_{s_α}(v) Σ_a f_{αa} h_a(v/√s_α),
    ∂f_{αa} = Σ_β c_{αβ} χ_{αβ} Σ_{b,c} K^{αβ}_{a,bc} f_{αb} f_{βc},

h_a orthonormal Hermite polynomials, |a| ≤ degree. With widths of their own, types of whatever
ratio of masses are resolved alike; a grid of velocities that all types share is not that good.
Entries of K are exact (`jaxkin.operators.mixture_tensor`), so that the mass of each type and, where
c_{αβ}/c_{βα} = N_β/N_α, momentum Σ N_α M_α⟨v⟩ and energy Σ N_α M_α⟨|v|²⟩/2 are conserved to
rounding; Maxwellians of variance s_α are steady if the s_α are of one temperature.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.laws.by_type import ByType, Uniform
from jaxkin.laws.velocities import Maxwellian
from jaxkin.model import KineticEquation
from jaxkin.numerics.checks import is_traced, one_of, require, require_finite, whole
from jaxkin.numerics.domains import Domain, Positive
from jaxkin.numerics.hermite import gauss_hermite, hermite_basis, multi_indices
from jaxkin.numerics.parameter_cache import remembered
from jaxkin.observables import Coordinates, Observable, Weighted
from jaxkin.observables.by_type import mixture_moments
from jaxkin.observables.velocities import Entropy
from jaxkin.operators.mixture_tensor import pair_tensor, plan
from jaxkin.operators.mixture_widths import equilibrium_temperature, mixture_widths
from jaxkin.physics.spheres.mixture_constraint import constraint_defect

_EXPLAINED = "Diameters explain the constants, (1.12)"
Tensor = tuple[Float[Array, "k k rows pairs"], ...]


class BoltzmannMixture(KineticEquation):
    """The Boltzmann system for the Hermite coefficients of k types of hard spheres.

    A state has shape (k, N), in the order of `numerics.hermite.multi_indices`. The series of f_α
    converges for ∫f_α²/M_{s_α} dv < ∞, which needs variances below 2s_α. In d = 3 degree 6 has 84
    functions and degree 8 has 165; memory and work grow as k²·degree^9.

    Args:
        masses: (k,) M_α, positive; no gradient reaches them.
        constants: (k, k) c_{αβ}, as `jaxkin.HardSphereMixture.constants` has them.
        dimension: 2 or 3.
        degree: largest total degree of the polynomials, at least 2.
        widths: (k,) s_α, the variance of each Gaussian; None for temperature/M_α.
        temperature: of the Gaussians, k_B = 1.
        contact: (k, k) χ_{αβ}, by which rates of a finite density exceed those of the limit; None
            for 1. Fits take it as known, so that they find the constants of the limit.
        exponent: γ > −d of |v−w|^γ in the place of |v−w|, with the angles of hard spheres: 1, or 0
            for Maxwell molecules, or between (variable hard spheres).

    Raises:
        ValueError: an argument is out of range.
    """

    constants: Float[Array, "k k"]
    contact: Float[Array, "k k"]
    masses: tuple[float, ...] = eqx.field(static=True)
    widths: tuple[float, ...] = eqx.field(static=True)
    dimension: int = eqx.field(static=True)
    degree: int = eqx.field(static=True)
    exponent: float = eqx.field(static=True)

    def __init__(
        self,
        masses: Sequence[float],
        constants: Float[Array, "k k"],
        *,
        dimension: int = 3,
        degree: int = 6,
        widths: Sequence[float] | None = None,
        temperature: float = 1.0,
        contact: Any = None,
        exponent: float = 1.0,
    ):
        one_of(dimension, "dimension", (2, 3))
        self.dimension, self.degree = dimension, whole(degree, "degree", 2)
        require(np.ndim(temperature) == 0, "temperature", "be one number", f"it is {temperature}")
        require_finite(temperature, "temperature", minimum=0.0, strict=True)
        self.masses = _positive(masses, "masses")
        k = len(self.masses)
        natural = [temperature / mass for mass in self.masses]
        self.widths = _positive(natural if widths is None else widths, "widths")
        require(
            len(self.widths) == k,
            "widths",
            f"have {k} entries, one for each of `masses`",
            f"it has {len(self.widths)}",
        )
        self.constants = _matrix(constants, "constants", k)
        chi = _matrix(jnp.ones((k, k)) if contact is None else contact, "contact", k)
        self.contact = chi.astype(self.constants.dtype)
        require(
            jnp.allclose(self.contact, self.contact.T, rtol=1e-5),
            "contact",
            "be symmetric: two types meet each other equally often",
            f"it is {self.contact}",
        )
        require_finite(exponent, "exponent", minimum=-float(dimension), strict=True)
        self.exponent = float(exponent)

    # The basis.

    def degrees(self) -> np.ndarray:
        """Return the total degree of each function."""
        return multi_indices(self.dimension, self.degree).sum(1)

    def basis(self, velocity: Float[Array, "n d"], kind: int) -> Float[Array, "n N"]:
        """Return h_a(v/√s_α) of one type α."""
        indices = multi_indices(self.dimension, self.degree)
        return hermite_basis(velocity / self.widths[kind] ** 0.5, indices)

    def density(
        self, state: Float[Array, "k N"], velocity: Float[Array, "*n d"]
    ) -> Float[Array, "k *n"]:
        """Return f_α(v) of each type."""
        v, d = velocity.reshape(-1, self.dimension), self.dimension
        square = jnp.sum(v**2, 1)
        values = [
            jnp.exp(-square / (2 * s)) / (2 * np.pi * s) ** (d / 2) * (self.basis(v, kind) @ f)
            for kind, (s, f) in enumerate(zip(self.widths, state, strict=True))
        ]
        return jnp.stack(values).reshape(-1, *velocity.shape[:-1])

    # The operator.

    def prepare(self) -> Tensor:
        """Return K of all pairs of types; for the same parameters the same object."""
        return remembered(self, self._tensor)

    def _tensor(self) -> Tensor:
        pairs = [
            [
                pair_tensor(
                    other / (mass + other), s, t, self.degree, self.dimension, self.exponent
                )
                for other, t in zip(self.masses, self.widths, strict=True)
            ]
            for mass, s in zip(self.masses, self.widths, strict=True)
        ]
        return tuple(
            jnp.asarray(np.stack([[pair[block] for pair in row] for row in pairs]), self._dtype())
            for block in range(2**self.dimension)
        )

    def _dtype(self) -> Any:
        return self.constants.dtype

    def collision(
        self, f: Float[Array, "*batch k N"], prepared: Tensor
    ) -> Float[Array, "*batch k N"]:
        """Return Σ_β c_{αβ} χ_{αβ} Q_{αβ}(f_α, f_β) of one state or of a batch."""
        plan_ = plan(self.degree, self.dimension)
        strength = (self.constants * self.contact)[:, :, None]
        parts = []
        for block, (b, c) in zip(prepared, plan_.pairs, strict=True):
            products = strength * f[..., :, None, b] * f[..., None, :, c]
            parts.append(jnp.einsum("xyrp,...xyp->...xr", block, products, precision="highest"))
        return jnp.concatenate(parts, -1)[..., plan_.places]

    # The protocol.

    def rate_of_change(self, t: Any, state: Array, prepared: Tensor) -> Array:
        """Return Σ_β c_{αβ} χ_{αβ} Q_{αβ}(f_α, f_β)."""
        return self.collision(state, prepared)

    def check(self, law: Any) -> None:
        """Raise `ValueError` if the law is not `ByType`, depends on the place, or is not resolved.

        The coefficients of the two highest degrees of each type must have a norm below a fifth of
        all. They grow with the degree for a law whose variance is above 2s_α. Those of the
        Maxwellians that the gas ends in are looked at too, and warned of.
        """
        f = self.project(law)
        if is_traced(f):
            return
        require(jnp.all(jnp.isfinite(f)), "law", "have finite moments", "some are not")
        last, worst = self._unresolved(f)
        numbers = np.ones(len(self.masses))
        if not is_traced(self.constants) and bool(jnp.all(self.constants > 0)):
            c = np.asarray(self.constants)
            numbers = c[0] / c[:, 0]
        advice = [f"{s:.3g}" for s in mixture_widths(law, self.masses, numbers)]
        remedy = (
            f"Try widths=({', '.join(advice)}), the middle of the variances from the law to "
            "equilibrium (`gas.kinetic_limit(law=law)` takes these), and a larger `degree`. The "
            "variance of a gas is T/M."
        )
        require(
            last < 0.2,
            "widths",
            "let the Hermite series of the law converge: the coefficients of the two highest "
            "degrees of a type should be below 0.2 of all",
            f"they are {last:.3g} for type {worst + 1}, with the width {self.widths[worst]:.3g}",
            remedy,
        )
        final = equilibrium_temperature(law, self.masses, numbers)
        steady = ByType(*(Maxwellian(self.dimension, final / mass) for mass in self.masses))
        last, worst = self._unresolved(self.project(steady))
        if last >= 0.2:
            warnings.warn(
                f"Near equilibrium, at temperature {final:.3g}, the Hermite series of type "
                f"{worst + 1} does not converge: its Gaussian has the width "
                f"{self.widths[worst]:.3g}, and the gas tends to {final / self.masses[worst]:.3g}. "
                f"{remedy}",
                UserWarning,
                stacklevel=3,
            )

    def _unresolved(self, f: Float[Array, "k N"]) -> tuple[float, int]:
        """Return the share of the two highest degrees, and in which type it is largest."""
        highest = jnp.linalg.norm(f[:, self.degrees() >= self.degree - 1], axis=1)
        share = np.asarray(highest / jnp.linalg.norm(f, axis=1))
        return float(share.max()), int(share.argmax())

    def project(self, law: Any) -> Float[Array, "k N"]:
        """Return f_{αa} = ∫ f_α h_a(v/√s_α) dv, exact for laws with a quadrature.

        Raises:
            ValueError: the law is not `ByType` with k laws of velocities.
        """
        require(
            hasattr(law, "check_mixture"),
            "law",
            f"be `ByType` with {len(self.masses)} laws, one for each type",
            f"it is {type(law).__name__}",
        )
        law.check_mixture(len(self.masses), self.dimension)
        rows = []
        for kind, each in enumerate(law.laws):
            require(
                isinstance(each, Uniform),
                "law",
                "be the same at all places",
                f"that of type {kind + 1} is {type(each).__name__}",
                'Ask for `kinetic_limit("slab")`.',
            )
            nodes, weights = each.velocity.quadrature(self.degree // 2 + 2)
            rows.append(weights @ self.basis(nodes, kind))
        return jnp.stack(rows).astype(self._dtype())

    def measure(self, state: Float[Array, "k N"]) -> Weighted:
        """Return weighted velocities that give means of polynomials up to degree 6 exactly.

        The Gauss–Hermite nodes of each type; its weights sum to 1, and some are negative.
        """
        nodes, weights = gauss_hermite(self.degree // 2 + 4, self.dimension)
        k, count, dtype = len(self.masses), len(nodes), state.dtype
        values = self.basis(jnp.asarray(nodes * self.widths[0] ** 0.5, dtype), 0)
        velocity = np.sqrt(self.widths)[:, None, None] * nodes
        return Weighted(
            (jnp.asarray(weights, dtype) * (state @ values.T)).reshape(-1),
            Coordinates(
                mass=jnp.asarray(np.repeat(self.masses, count), dtype),
                velocity=jnp.asarray(velocity.reshape(-1, self.dimension), dtype),
                type=jnp.asarray(np.repeat(np.arange(k), count)),
            ),
        )

    def observe(self, state: Float[Array, "k N"], observable: Observable) -> Array:
        """Evaluate one observable; the entropy is ∫ f_α log f_α dv of each type, (k,).

        Over where the series of f_α is positive, which it may not be in its tails. N_α times it,
        summed over the types, does not grow (H-theorem).
        """
        if not isinstance(observable, Entropy):
            return super().observe(state, observable)
        nodes, weights = gauss_hermite(2 * self.degree + 8, self.dimension)
        rows = []
        for kind, (s, f) in enumerate(zip(self.widths, state, strict=True)):
            series = self.basis(jnp.asarray(nodes * s**0.5, state.dtype), kind) @ f
            inside = series > 0
            ratio = jnp.where(inside, series, 1)  # the logarithm has no derivative elsewhere
            gaussian = -0.5 * np.sum(nodes**2, 1) - 0.5 * self.dimension * np.log(2 * np.pi * s)
            value = jnp.where(inside, ratio * (jnp.log(ratio) + gaussian), 0)
            rows.append(jnp.sum(weights * value))
        return jnp.stack(rows).astype(state.dtype)

    def observables(self) -> tuple[Observable, ...]:
        """Return temperature, momentum, energy, stress and fourth moment of each type."""
        return mixture_moments(len(self.masses))

    def domains(self) -> dict[str, Domain]:
        """Return the domain of each parameter that can be fitted."""
        return {"constants": Positive()}

    def conditions(self) -> dict[str, Array]:
        """Return the conditions that diameters set to the constants, (1.12) for two types."""
        if len(self.masses) == 1:
            return {}
        return {_EXPLAINED: constraint_defect(self.constants, self.dimension)}


def _positive(values: Any, name: str) -> tuple[float, ...]:
    require(not is_traced(values), name, "be known numbers", "it is traced by `jit` or `grad`")
    array = np.asarray(values, dtype=float)
    require(array.ndim == 1 and array.size > 0, name, "be a list of numbers", f"it is {values!r}")
    require_finite(array, name, minimum=0.0, strict=True)
    return tuple(array.tolist())


def _matrix(values: Any, name: str, k: int) -> Float[Array, "k k"]:
    array = jnp.asarray(values)
    array = array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(float)
    require(array.shape == (k, k), name, f"have the shape {(k, k)}", f"it is {array.shape}")
    require_finite(array, name, minimum=0.0)
    return array
