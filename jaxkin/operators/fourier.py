"""The collision operator of Boltzmann by the fast Fourier spectral method.

    Q(f, f) = ∫∫ B(|v−v*|) [f(v′)f(v*′) − f(v)f(v*)] dσ dv*

(Paul et al., §1, limit of the Kac model) with v′, v*′ = (v+v*)/2 ± |v−v*|σ/2. With g = v − v* = ρω,
ρ ≤ R, the gain is a sum over radii and directions,

    Q⁺(v) = Σ_ρ w_ρ ρ^{d−1} B̄(ρ) Σ_σ w_σ ∫ b(σ·ω) h_{ρσ}(v − ρω/2) dω,
    h_{ρσ}(u) = f(u + ρσ/2) f(u − ρσ/2),

where shifts are products in Fourier space and the integral over ω is a multiplication by

    Σ_l (2l+1) b_l i^{−l} j_l(ρ|k|/2) P_l(σ·k̂) in d = 3,   b_l = E P_l(cos θ),
    Σ_m (2−δ_{m0}) b_m i^{−m} J_m(ρ|k|/2) cos m∠(σ, k) in d = 2,   b_m = E cos mθ,

over even l, since h is even in σ. A kernel isotropic in σ has l = 0 alone, and one transform does
for all σ. The loss is f times a convolution with j₀ or J₀. O(M N_ρ N^d log N) for M directions
(Gamba, Haack, Hauck, Hu, SIAM J. Sci. Comput. 2017).

The velocities are a periodic grid on [−L, L]^d, cell-centred. Spectrally accurate as long as f is
small outside a ball of radius S with R ≥ 2S and L ≥ (3+√2)S/2, from where periodic copies meet.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
from jaxtyping import Array, Float

from jaxkin.numerics.checks import whole
from jaxkin.numerics.sphere_rules import half_sphere_rule, sphere_rule_degree
from jaxkin.numerics.spheres import sphere_area
from jaxkin.operators.base import KernelOperator
from jaxkin.operators.grid_functions import GridFunctions
from jaxkin.physics.collisions.angles import Isotropic, zonal
from jaxkin.physics.collisions.kernels import Kernel


class Prepared(eqx.Module):
    """Tensors of the operator.

    Attributes:
        radius: (N_ρ,) ρ.
        gain: (N_ρ,) w_ρ ρ^{d−1} B(ρ).
        loss: real Fourier multiplier of the loss.
        angular: (M/2, l, *k) (2l+1) b_l i^{−l} P_l(σ·k̂) for even l, or None if isotropic.
    """

    radius: Float[Array, " radii"]
    gain: Float[Array, " radii"]
    loss: Float[Array, "..."]
    angular: Float[Array, "..."] | None


class Fourier(KernelOperator, GridFunctions):
    """Boltzmann's collision operator on a grid of velocities.

    A state is f on the grid, (points,)·d.

    Args:
        kernel: how often velocities collide; None for a method.
        dimension: 2 or 3; None for 3, or for that of the gas.
        points: N, grid points in each direction, even.
        support: S, a radius outside which f is negligible.
        half_width: L; None for 2S.
        radii: N_ρ Gauss–Legendre points on [0, 2S]; None for N.
        directions: M, points on the sphere; None for 12, or 38 in d = 3 and 16 in d = 2 if the
            kernel is not isotropic.
        harmonics: largest l of the angle that is kept; None for half of the degree to which the
            points are exact, so that two harmonics are told apart.
        conserve: subtract f times the quadratic polynomial that makes mass, momentum and energy
            of Q vanish. Without, they drift by the spectral error.
        steady: subtract Q(M, M) for the Maxwellian M of f's mass, momentum and energy, so that
            equilibrium stays; twice the work.

    Raises:
        ValueError: an argument is out of range.
    """

    kernel: Kernel | None
    dimension: int = eqx.field(static=True)  # None in a method
    points: int = eqx.field(static=True)
    support: float = eqx.field(static=True)
    half_width: float | None = eqx.field(static=True)
    radii: int | None = eqx.field(static=True)
    directions: int | None = eqx.field(static=True)
    harmonics: int | None = eqx.field(static=True)
    conserve: bool = eqx.field(static=True)
    steady: bool = eqx.field(static=True)

    def __init__(
        self,
        kernel: Kernel | None = None,
        *,
        dimension: int | None = None,
        points: int = 32,
        support: float = 5.0,
        half_width: float | None = None,
        radii: int | None = None,
        directions: int | None = None,
        harmonics: int | None = None,
        conserve: bool = True,
        steady: bool = False,
    ):
        self.dimension = self._start(kernel, dimension)
        self.kernel = kernel
        self._begin(points, support, half_width)
        self.radii = None if radii is None else whole(radii, "radii", 2)
        self.directions = None if directions is None else whole(directions, "directions", 2)
        self.harmonics = None if harmonics is None else whole(harmonics, "harmonics", 0)
        self.conserve, self.steady = conserve, steady

    @property
    def _radii(self) -> int:
        return self.points if self.radii is None else self.radii

    @property
    def _directions(self) -> int:
        if self.directions is not None:
            return self.directions
        isotropic = isinstance(self._kernel.angle, Isotropic)
        return 12 if isotropic else {2: 16, 3: 38}[self.dimension]

    @property
    def _harmonics(self) -> int:
        if self.harmonics is not None:
            return self.harmonics
        return (sphere_rule_degree(self._directions, self.dimension) + 1) // 2

    # The collision term.

    def prepare(self) -> Prepared:
        """Compute the radial weights and the multiplier of the loss."""
        self.ready()
        speeds, gain = self._radial_weights()
        return Prepared(speeds, gain, self.prepare_loss(), self._directional(gain.dtype))

    def prepare_loss(self) -> Float[Array, "..."]:
        """Compute the multiplier of the loss."""
        _, gain = self._radial_weights()
        wave = jnp.asarray(self._wave_number(), gain.dtype)

        def add(total, item):
            index, weight = item
            return total + weight * self._sphere_mean(1.0, index, wave), None

        return jax.lax.scan(add, jnp.zeros_like(wave), (jnp.arange(self._radii), gain))[0]

    def _directional(self, dtype: Any) -> Array | None:
        """Return what depends on σ·k̂ and the angle of the kernel."""
        if isinstance(self._kernel.angle, Isotropic):
            return None
        d, wave = self.dimension, self._wave_number()
        directions, _ = half_sphere_rule(self._directions, d)
        along = sum(
            k * s.reshape([-1] + [1] * d)
            for k, s in zip(self.wave_numbers(), directions.T, strict=True)
        )
        degrees = np.arange(0, self._harmonics + 1, 2)
        size = 2.0 * degrees + 1 if d == 3 else np.where(degrees == 0, 1.0, 2.0)
        size = size * (-1.0) ** (degrees // 2)
        means = self._kernel.angle.harmonics(self._harmonics, d)[::2] * jnp.asarray(size)
        rows = zonal(jnp.asarray(along / np.where(wave == 0, 1, wave)), self._harmonics, d)[::2]
        rows = jnp.moveaxis(rows, 0, 1) * means.reshape([-1] + [1] * d)
        return rows.astype(dtype)

    def _angular(self, index: Array, angular: Array) -> Array:
        """Return Σ_l (2l+1) b_l i^{−l} j_l(ρ|k|/2) P_l(σ·k̂), (M/2, *k)."""
        radius, _ = self._radial_rule()
        squares, places = np.unique(np.round(self._wave_number() ** 2, 9), return_inverse=True)
        bessel = scipy.special.spherical_jn if self.dimension == 3 else scipy.special.jv
        degrees = np.arange(0, self._harmonics + 1, 2)[:, None]
        x = 0.5 * radius[:, None, None] * np.sqrt(squares)
        table = jnp.asarray(bessel(degrees, x), angular.dtype)[index]
        return jnp.einsum("l...,ml...->m...", table[:, places.reshape(angular.shape[2:])], angular)

    def _radial_weights(self) -> tuple[Array, Array]:
        """Return ρ and w_ρ ρ^{d−1} B̄(ρ)."""
        radius, weights = self._radial_rule()
        speeds = jnp.asarray(radius, self._kernel.dtype)
        sizes = jnp.asarray(weights * radius ** (self.dimension - 1), speeds.dtype)
        return speeds, sizes * self._kernel.total(speeds)

    def _radial_rule(self) -> tuple[np.ndarray, np.ndarray]:
        x, w = np.polynomial.legendre.leggauss(self._radii)
        return (x + 1) * self.support, w * self.support

    def _sphere_mean(self, scale: float, index: Array, wave: Array) -> Array:
        """Return the mean of e^{−iκ·ω} over directions ω at |κ| = scale·ρ|k|, ρ by its index."""
        radius, _ = self._radial_rule()
        if self.dimension == 3:
            return jnp.sinc(scale / jnp.pi * jnp.asarray(radius, wave.dtype)[index] * wave)
        table = scipy.special.j0(scale * radius[:, None, None] * self._wave_number())
        return jnp.asarray(table, wave.dtype)[index]

    def collision(self, f: Float[Array, "*grid"], prepared: Prepared) -> Float[Array, "*grid"]:
        """Return Q(f, f), with the corrections that were asked for."""
        change = self._raw(f, prepared)
        if self.steady:
            change = change - self._raw(self.maxwellian(f), prepared)
        return self.conserving(f, change) if self.conserve else change

    def _raw(self, f: Float[Array, "*grid"], prepared: Prepared) -> Float[Array, "*grid"]:
        """Return Q(f, f) by the spectral sums alone."""
        axes = tuple(range(-self.dimension, 0))
        spectrum = jnp.fft.rfftn(f)
        waves = [jnp.asarray(k, f.dtype) for k in self.wave_numbers()]
        wave = jnp.asarray(self._wave_number(), f.dtype)
        rule = half_sphere_rule(self._directions, self.dimension)
        directions, weights = (jnp.asarray(x, f.dtype) for x in rule)

        def pairs(rho, direction):
            """f(u + ρσ/2) f(u − ρσ/2) for one direction."""
            phases = [jnp.exp(0.5j * rho * s * k) for s, k in zip(direction, waves, strict=True)]
            shift = phases[0]
            for phase in phases[1:]:
                shift = shift * phase
            ahead = jnp.fft.irfftn(spectrum * shift, f.shape, axes)
            behind = jnp.fft.irfftn(spectrum * jnp.conj(shift), f.shape, axes)
            return ahead * behind

        def add(total, item):
            index, rho, gain = item
            products = jax.vmap(lambda s: pairs(rho, s))(directions)
            if isinstance(self._kernel.angle, Isotropic):
                H = jnp.fft.rfftn(jnp.tensordot(weights, products, axes=1))
                return total + gain * self._sphere_mean(0.5, index, wave) * H, None
            H = jnp.fft.rfftn(products, axes=axes)
            turned = self._angular(index, prepared.angular)
            return total + gain * jnp.tensordot(weights, turned * H, axes=1), None

        radii = jnp.arange(self._radii), prepared.radius, prepared.gain
        # The kernel is isotropic: B = B̄/|S|, and the mean over ω carries |S|.
        gained, _ = jax.lax.scan(add, jnp.zeros_like(spectrum), radii)
        return jnp.fft.irfftn(gained, f.shape, axes) - self.loss(f, prepared.loss)

    def loss(self, f: Float[Array, "*grid"], prepared: Array) -> Float[Array, "*grid"]:
        """Return Q₋(f, f) by the spectral sum, `prepared` by `prepare_loss`."""
        axes = tuple(range(-self.dimension, 0))
        frequency = jnp.fft.irfftn(prepared * jnp.fft.rfftn(f), f.shape, axes)
        return sphere_area(self.dimension) * f * frequency

    def conserves(self) -> tuple[str, ...]:
        """Return mass, momentum and energy with `conserve`; without, nothing to rounding."""
        return super().conserves() if self.conserve else ()
