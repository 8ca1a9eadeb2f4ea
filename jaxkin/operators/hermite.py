"""The spatially homogeneous Boltzmann equation by a Hermite Petrov–Galerkin method.

    ∂f/∂t = Q(f, f) = ∫∫ B̄(|v−v*|) b(cos θ) [f(v′)f(v*′) − f(v)f(v*)] dσ dv*

(Paul et al., §1, limit of the Kac model) with v′, v*′ = (v+v*)/2 ± |v−v*|σ/2. The density is a
polynomial times a Gaussian M_w of variance w about 0, tested with polynomials:

    f(v) = M_w(v) Σ_a f_a h_a(v/√w),   ∂f_a = ∫ Q(f, f) h_a(v/√w) dv = Σ_{b,c} K_{a,bc} f_b f_c,

h_a orthonormal Hermite polynomials, |a| ≤ degree. Mass, momentum and energy are conserved exactly,
since 1, v and |v|² are among the tests; f_a are moments of f, and for Maxwell molecules their
equations are closed, so that the method is exact for them. After Gamba and Rjasanow
(J. Comput. Phys. 366, 2018), Wang and Cai (J. Comput. Phys. 397, 2019), and Hu, Cai and Wang
(SIAM J. Sci. Comput. 42, 2020); `jaxkin.operators.hermite_tensor` has the formulas.

Made for many small problems: laws not far from a Gaussian of variance w (∫f²/M_w dv < ∞ needs
variances below 2w), any kernel, and batches, of which each step is a few matrix products. Laws
that are isotropic are better served by `BoltzmannRadial`, laws far from a Gaussian by `Boltzmann`.
"""

import functools
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.model import KineticEquation
from jaxkin.numerics.checks import is_traced, one_of, require, require_finite, whole
from jaxkin.numerics.domains import Domain
from jaxkin.numerics.hermite import gauss_hermite, hermite_basis, multi_indices
from jaxkin.numerics.parameter_cache import remembered
from jaxkin.observables import Coordinates, Observable, Weighted
from jaxkin.observables.velocities import VELOCITY_MOMENTS
from jaxkin.operators.hermite_tensor import Plan, geometry, quadratic, tensor
from jaxkin.operators.loss_tensor import LossGeometry, hermite_loss, loss_tensor
from jaxkin.physics.collisions.kernels import Kernel, PowerKernel

Tensor = tuple[Float[Array, "rows pairs"], ...]


class BoltzmannHermite(KineticEquation):
    """The Boltzmann equation for the Hermite coefficients of f.

    A state is the vector of f_a in the order of `numerics.hermite.multi_indices`. In d = 3 degree
    8 has 165 functions and degree 10 has 286; memory and work grow as degree^9.

    Args:
        kernel: how often velocities collide, and into which directions. A kernel with a kink
            (`BoundedKernel`) is integrated to about 1e-5 only.
        dimension: 2 or 3.
        degree: largest total degree of the polynomials, at least 2.
        width: w, the variance of the Gaussian; best the temperature of the gas.

    Raises:
        ValueError: an argument is out of range.
    """

    kernel: Kernel
    dimension: int = eqx.field(static=True)
    degree: int = eqx.field(static=True)
    width: float = eqx.field(static=True)

    def __init__(
        self,
        kernel: Kernel | None = None,
        *,
        dimension: int = 3,
        degree: int = 8,
        width: float = 1.0,
    ):
        one_of(dimension, "dimension", (2, 3))
        self.kernel = PowerKernel() if kernel is None else kernel
        self.kernel.angle.check(dimension)
        self.dimension, self.degree = dimension, whole(degree, "degree", 2)
        require_finite(width, "width", minimum=0.0, strict=True)
        self.width = float(width)

    # The basis.

    def degrees(self) -> np.ndarray:
        """Return the total degree of each function."""
        return multi_indices(self.dimension, self.degree).sum(1)

    def basis(self, velocity: Float[Array, "n d"]) -> Float[Array, "n N"]:
        """Return h_a(v/√w)."""
        indices = multi_indices(self.dimension, self.degree)
        return hermite_basis(velocity / self.width**0.5, indices)

    def density(
        self, state: Float[Array, " N"], velocity: Float[Array, "*n d"]
    ) -> Float[Array, "*n"]:
        """Return f(v)."""
        v = velocity.reshape(-1, self.dimension)
        gaussian = jnp.exp(-jnp.sum(v**2, 1) / (2 * self.width))
        gaussian = gaussian / (2 * np.pi * self.width) ** (self.dimension / 2)
        return (gaussian * (self.basis(v) @ state)).reshape(velocity.shape[:-1])

    # The operator.

    def prepare(self) -> Tensor:
        """Return the tensor K; for the same parameters the same object, if nothing is traced."""
        return remembered(self, lambda: _compiled_tensor(self))

    def _tensor(self) -> Tensor:
        parts = geometry(self.degree, self.dimension)
        return tensor(parts, self._rates(parts.radius), self._harmonics())

    def _plan(self) -> Plan:
        return geometry(self.degree, self.dimension).plan

    def _rates(self, radius: np.ndarray) -> Float[Array, " n"]:
        """Return B̄ at |v−v*| = √(2w)|y|."""
        return self.kernel.total(jnp.asarray((2 * self.width) ** 0.5 * radius, self._dtype()))

    def _harmonics(self) -> Float[Array, " L"]:
        return self.kernel.angle.harmonics(self.degree, self.dimension)

    def _dtype(self) -> Any:
        return self.kernel.dtype

    def collision(self, f: Float[Array, "*batch N"], prepared: Tensor) -> Float[Array, "*batch N"]:
        """Return Q(f, f) of one state or of a batch."""
        return quadratic(f, prepared, self._plan())

    def prepare_loss(self) -> Tensor:
        """Return the tensor of the loss; kept like that of `prepare`."""
        return remembered({"loss": self}, lambda: _compiled_loss(self))

    def _loss_geometry(self) -> LossGeometry:
        return hermite_loss(self.degree, self.dimension)

    def _loss_tensor(self) -> Tensor:
        parts = self._loss_geometry()
        return loss_tensor(parts, self._rates(parts.radius))

    def loss(self, f: Float[Array, "*batch N"], prepared: Tensor) -> Float[Array, "*batch N"]:
        """Return ∫ Q₋(f, f) h_a dv, `prepared` by `prepare_loss`."""
        return quadratic(f, prepared, self._loss_geometry().plan)

    # Transport, for equations in a frame that moves and shrinks with the gas.

    def transport(self, f: Float[Array, " N"], slope: Any, shift: Any) -> Float[Array, " N"]:
        """Return ∫ f (slope·v + shift)·∇h_a dv, the coefficients of −div((slope·v + shift) f).

        With u = v/√w, u·∇h_a = |a| h_a + Σ_i √(a_i(a_i−1)) h_{a−2e_i} and ∂_i h_a = √a_i h_{a−e_i}.
        """
        once, twice, a = _lowered(self.degree, self.dimension)
        more = jnp.append(f, 0)  # the coefficient of no function
        root = jnp.asarray(np.sqrt(a), f.dtype)
        pairs = jnp.asarray(np.sqrt(a * (a - 1)), f.dtype)
        scaled = jnp.asarray(a.sum(1), f.dtype) * f + jnp.sum(pairs * more[twice], 1)
        return slope * scaled + (root * more[once]) @ (shift / self.width**0.5)

    def invariants(self, f: Float[Array, " N"]) -> tuple[Array, Array, Array]:
        """Return ∫ f dv, ∫ f v dv and ∫ f |v|² dv, from h_{2e_i} = (u_i² − 1)/√2."""
        first, second = _low(self.degree, self.dimension)
        square = self.dimension * f[0] + 2**0.5 * jnp.sum(f[second])
        return f[0], self.width**0.5 * f[first], self.width * square

    def conserving(self, f: Float[Array, " N"], change: Float[Array, " N"]) -> Float[Array, " N"]:
        """Return the change without its mass, momentum and energy."""
        first, second = _low(self.degree, self.dimension)
        change = change.at[0].set(0).at[first].set(0)
        return change.at[second].add(-jnp.mean(change[second]))

    # The protocol.

    def rate_of_change(self, t: Any, state: Array, prepared: Tensor) -> Array:
        """Return Q(f, f)."""
        return self.collision(state, prepared)

    def check(self, law: Any) -> None:
        """Raise `ValueError` if the law is not resolved.

        The coefficients of the two highest degrees must have a norm below a fifth of the whole.
        They grow with the degree for a law whose variance is above 2w.
        """
        law.check_dimension(self.dimension)
        f = self.project(law)
        if is_traced(f):
            return
        require(jnp.all(jnp.isfinite(f)), "law", "have finite moments", "some are not")
        highest = f[self.degrees() >= self.degree - 1]
        last = float(jnp.linalg.norm(highest) / jnp.linalg.norm(f))
        require(
            last < 0.2,
            "width",
            "let the Hermite series of the law converge: the coefficients of its two highest "
            "degrees should be below 0.2 of all",
            f"they are {last:.3g}",
            "Give a `width` near the temperature of the law, and a larger `degree`.",
        )

    def project(self, law: Any) -> Float[Array, " N"]:
        """Return f_a = ∫ f₀ h_a(v/√w) dv, exact for laws with a quadrature."""
        nodes, weights = law.quadrature(self.degree // 2 + 2)
        return (weights @ self.basis(nodes)).astype(self._dtype())

    def measure(self, state: Array) -> Weighted:
        """Return weighted velocities that give means of polynomials up to degree 6 exactly.

        Products of f/M_w and 7 more degrees are integrated exactly by the Gauss–Hermite nodes;
        some weights are negative.
        """
        nodes, weights = gauss_hermite(self.degree // 2 + 4, self.dimension)
        return self._weighted(self.width**0.5 * nodes, weights, state)

    def _weighted(self, nodes: np.ndarray, weights: np.ndarray, state: Array) -> Weighted:
        velocity = jnp.asarray(nodes, state.dtype)
        weight = jnp.asarray(weights, state.dtype) * (self.basis(velocity) @ state)
        return Weighted(weight, Coordinates(velocity=velocity))

    def observables(self) -> tuple[Observable, ...]:
        """Return density, momentum, energy, stress, heat flux, and ⟨|v|⁴⟩, ⟨|v|⁶⟩."""
        return VELOCITY_MOMENTS

    def domains(self) -> dict[str, Domain]:
        """Return the domain of each parameter that can be fitted."""
        return {f"kernel.{path}": domain for path, domain in self.kernel.domains().items()}


@functools.lru_cache(maxsize=8)
def _lowered(degree: int, dimension: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the places of a − e_i and a − 2e_i, N where there is none, and a, all (N, d)."""
    a = multi_indices(dimension, degree)
    place = np.full((degree + 3,) * dimension, len(a))  # −1 and −2 are the last, left empty
    place[tuple(a.T)] = np.arange(len(a))
    unit = np.eye(dimension, dtype=int)
    once, twice = (place[tuple((a[:, None] - k * unit).T)].T for k in (1, 2))
    return once, twice, a


def _low(degree: int, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of the functions e_i and 2e_i."""
    a, unit = multi_indices(dimension, degree), np.eye(dimension, dtype=int)
    first, second = ((a[None] == k * unit[:, None]).all(-1).argmax(1) for k in (1, 2))
    return first, second


@eqx.filter_jit
def _compiled_tensor(equation: BoltzmannHermite) -> Tensor:
    return equation._tensor()


@eqx.filter_jit
def _compiled_loss(equation: BoltzmannHermite) -> Tensor:
    return equation._loss_tensor()
