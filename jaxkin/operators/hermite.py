"""The collision operator of Boltzmann by a Hermite Petrov–Galerkin method.

    Q(f, f) = ∫∫ B̄(|v−v*|) b(cos θ) [f(v′)f(v*′) − f(v)f(v*)] dσ dv*

(Paul et al., §1, limit of the Kac model) with v′, v*′ = (v+v*)/2 ± |v−v*|σ/2. The density is a
polynomial times a Gaussian (`jaxkin.operators.hermite_functions`), tested with polynomials:

    f(v) = M_w(v) Σ_a f_a h_a(v/√w),   ∂f_a = ∫ Q(f, f) h_a(v/√w) dv = Σ_{b,c} K_{a,bc} f_b f_c.

Mass, momentum and energy are conserved exactly, since 1, v and |v|² are among the tests; f_a are
moments of f, and for Maxwell molecules their equations are closed, so that the method is exact for
them. After Gamba and Rjasanow (J. Comput. Phys. 366, 2018), Wang and Cai (J. Comput. Phys. 397,
2019), and Hu, Cai and Wang (SIAM J. Sci. Comput. 42, 2020); `jaxkin.operators.hermite_tensor` has
the formulas.

Made for many small problems: laws not far from a Gaussian of variance w (∫f²/M_w dv < ∞ needs
variances below 2w), any kernel, and batches, of which each step is a few matrix products. Laws
that are isotropic are better served by `Sonine`, laws far from a Gaussian by `Fourier`.
"""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.numerics.parameter_cache import remembered
from jaxkin.operators.base import KernelOperator
from jaxkin.operators.hermite_functions import HermiteFunctions
from jaxkin.operators.hermite_tensor import Plan, geometry, quadratic, tensor
from jaxkin.operators.loss_tensor import LossGeometry, hermite_loss, loss_tensor
from jaxkin.physics.collisions.kernels import Kernel

Tensor = tuple[Float[Array, "rows pairs"], ...]


class TensorOperator(KernelOperator):
    """A quadratic operator by the tensors of its functions, Σ_{b,c} K_{a,bc} f_b f_c.

    A class of functions (`HermiteFunctions`, `SonineFunctions`) adds the state space, `_tensor` and
    `_plan` the tensor.
    """

    degree: eqx.AbstractVar[int]
    variance: eqx.AbstractVar[float]

    def prepare(self) -> Tensor:
        """Return the tensor K; for the same parameters the same object, if nothing is traced."""
        self.ready()
        return remembered(self, lambda: _compiled_tensor(self))

    def collision(self, f: Float[Array, "*batch N"], prepared: Tensor) -> Float[Array, "*batch N"]:
        """Return Q(f, f) of one state or of a batch."""
        return quadratic(f, prepared, self._plan())

    def prepare_loss(self) -> Tensor:
        """Return the tensor of the loss; kept like that of `prepare`."""
        self.ready()
        return remembered({"loss": self}, lambda: _compiled_loss(self))

    def loss(self, f: Float[Array, "*batch N"], prepared: Tensor) -> Float[Array, "*batch N"]:
        """Return ∫ Q₋(f, f) h_a dv, `prepared` by `prepare_loss`."""
        return quadratic(f, prepared, self._loss_geometry().plan)

    # What the functions tell.

    @abc.abstractmethod
    def _plan(self) -> Plan:
        """Return how the blocks of K are applied."""

    @abc.abstractmethod
    def _tensor(self) -> Tensor:
        """Return K."""

    @abc.abstractmethod
    def _loss_geometry(self) -> LossGeometry:
        """Return what the loss needs of the functions."""

    def _loss_tensor(self) -> Tensor:
        parts = self._loss_geometry()
        return loss_tensor(parts, self._rates(parts.radius))

    def _rates(self, radius: np.ndarray) -> Float[Array, " n"]:
        """Return B̄ at |v−v*| = √(2w)|y|."""
        return self._kernel.total(jnp.asarray((2 * self.variance) ** 0.5 * radius, self.dtype))

    def _harmonics(self) -> Float[Array, " L"]:
        return self._kernel.angle.harmonics(self.degree, self.dimension)


class Hermite(HermiteFunctions, TensorOperator):
    """Boltzmann's collision operator in Hermite functions.

    A state is the vector of f_a in the order of `numerics.hermite.multi_indices`. In d = 3 degree
    8 has 165 functions and degree 10 has 286; memory and work grow as degree^9.

    Args:
        kernel: how often velocities collide, and into which directions; None for a method. A
            kernel with a kink (`BoundedKernel`) is integrated to about 1e-5 only.
        dimension: 2 or 3; None for 3, or for that of the gas.
        degree: largest total degree of the polynomials, at least 2.
        width: w, the variance of the Gaussian; best the temperature of the gas. None: 1, or 1/2 in
            self-similar variables.

    Raises:
        ValueError: an argument is out of range.
    """

    kernel: Kernel | None
    dimension: int = eqx.field(static=True)  # None in a method
    degree: int = eqx.field(static=True)
    width: float | None = eqx.field(static=True)

    def __init__(
        self,
        kernel: Kernel | None = None,
        *,
        dimension: int | None = None,
        degree: int = 8,
        width: float | None = None,
    ):
        self.dimension = self._start(kernel, dimension)
        self.kernel = kernel
        self._begin(degree, width)

    def _tensor(self) -> Tensor:
        parts = geometry(self.degree, self.dimension)
        return tensor(parts, self._rates(parts.radius), self._harmonics())

    def _plan(self) -> Plan:
        return geometry(self.degree, self.dimension).plan

    def _loss_geometry(self) -> LossGeometry:
        return hermite_loss(self.degree, self.dimension)


@eqx.filter_jit
def _compiled_tensor(operator: TensorOperator) -> Any:
    return operator._tensor()


@eqx.filter_jit
def _compiled_loss(operator: TensorOperator) -> Any:
    return operator._loss_tensor()
