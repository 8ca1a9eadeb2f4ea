"""The spatially homogeneous Boltzmann equation by the fast Fourier spectral method.

    ∂f/∂t = Q(f, f) = ∫∫ B(|v−v*|) [f(v′)f(v*′) − f(v)f(v*)] dσ dv*

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

from jaxkin.model import KineticEquation
from jaxkin.numerics.checks import is_traced, one_of, require, whole
from jaxkin.numerics.domains import Domain
from jaxkin.numerics.sphere_rules import half_sphere_rule, sphere_rule_degree
from jaxkin.observables import Coordinates, Observable, Weighted
from jaxkin.observables.velocities import VELOCITY_MOMENTS, Entropy
from jaxkin.physics.collisions.angles import Isotropic, zonal
from jaxkin.physics.collisions.kernels import Kernel, MaxwellKernel, sphere_area


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


class Boltzmann(KineticEquation):
    """The Boltzmann equation on a grid of velocities.

    Args:
        kernel: how often velocities collide.
        dimension: 2 or 3.
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

    kernel: Kernel
    dimension: int = eqx.field(static=True)
    points: int = eqx.field(static=True)
    support: float = eqx.field(static=True)
    half_width: float = eqx.field(static=True)
    radii: int = eqx.field(static=True)
    directions: int = eqx.field(static=True)
    harmonics: int = eqx.field(static=True)
    conserve: bool = eqx.field(static=True)
    steady: bool = eqx.field(static=True)

    def __init__(
        self,
        kernel: Kernel | None = None,
        *,
        dimension: int = 3,
        points: int = 32,
        support: float = 5.0,
        half_width: float | None = None,
        radii: int | None = None,
        directions: int | None = None,
        harmonics: int | None = None,
        conserve: bool = True,
        steady: bool = False,
    ):
        one_of(dimension, "dimension", (2, 3))
        self.kernel = MaxwellKernel() if kernel is None else kernel
        self.kernel.angle.check(dimension)
        self.dimension, self.points = dimension, whole(points, "points", 4)
        require(self.points % 2 == 0, "points", "be even", f"it is {points}")
        require(support > 0, "support", "be positive", f"it is {support}")
        self.support = float(support)
        self.half_width = 2 * self.support if half_width is None else float(half_width)
        require(
            self.half_width >= self.support,
            "half_width",
            f"be at least the support, {self.support}",
            f"it is {half_width}",
        )
        self.radii = self.points if radii is None else whole(radii, "radii", 2)
        if directions is None:
            isotropic = isinstance(self.kernel.angle, Isotropic)
            directions = 12 if isotropic else {2: 16, 3: 38}[dimension]
        self.directions, self.conserve = whole(directions, "directions", 2), conserve
        self.steady = steady
        degree = sphere_rule_degree(self.directions, dimension)
        half = (degree + 1) // 2
        self.harmonics = half if harmonics is None else whole(harmonics, "harmonics", 0)

    # The grid.

    @property
    def spacing(self) -> float:
        """The distance of neighbours on the grid."""
        return 2 * self.half_width / self.points

    def velocities(self) -> Float[np.ndarray, "*grid d"]:
        """Return the points of the grid."""
        axis = (np.arange(self.points) + 0.5) * self.spacing - self.half_width
        return np.stack(np.meshgrid(*[axis] * self.dimension, indexing="ij"), -1)

    def wave_numbers(self) -> list[np.ndarray]:
        """Return k of each axis as `rfftn` orders it, shaped to broadcast."""
        n, d = self.points, self.dimension
        axes = [2 * np.pi * np.fft.fftfreq(n, self.spacing)] * (d - 1)
        axes.append(2 * np.pi * np.fft.rfftfreq(n, self.spacing))
        return [a.reshape([-1 if i == k else 1 for i in range(d)]) for k, a in enumerate(axes)]

    # The operator.

    def prepare(self) -> Prepared:
        """Compute the radial weights and the multiplier of the loss."""
        speeds, gain = self._radial_weights()
        return Prepared(speeds, gain, self.prepare_loss(), self._directional(gain.dtype))

    def prepare_loss(self) -> Float[Array, "..."]:
        """Compute the multiplier of the loss."""
        _, gain = self._radial_weights()
        wave = jnp.asarray(self._wave_number(), gain.dtype)

        def add(total, item):
            index, weight = item
            return total + weight * self._sphere_mean(1.0, index, wave), None

        return jax.lax.scan(add, jnp.zeros_like(wave), (jnp.arange(self.radii), gain))[0]

    def _directional(self, dtype: Any) -> Array | None:
        """Return what depends on σ·k̂ and the angle of the kernel."""
        if isinstance(self.kernel.angle, Isotropic):
            return None
        d, wave = self.dimension, self._wave_number()
        directions, _ = half_sphere_rule(self.directions, d)
        along = sum(
            k * s.reshape([-1] + [1] * d)
            for k, s in zip(self.wave_numbers(), directions.T, strict=True)
        )
        degrees = np.arange(0, self.harmonics + 1, 2)
        size = 2.0 * degrees + 1 if d == 3 else np.where(degrees == 0, 1.0, 2.0)
        size = size * (-1.0) ** (degrees // 2)
        means = self.kernel.angle.harmonics(self.harmonics, d)[::2] * jnp.asarray(size)
        rows = zonal(jnp.asarray(along / np.where(wave == 0, 1, wave)), self.harmonics, d)[::2]
        rows = jnp.moveaxis(rows, 0, 1) * means.reshape([-1] + [1] * d)
        return rows.astype(dtype)

    def _angular(self, index: Array, angular: Array) -> Array:
        """Return Σ_l (2l+1) b_l i^{−l} j_l(ρ|k|/2) P_l(σ·k̂), (M/2, *k)."""
        radius, _ = self._radial_rule()
        squares, places = np.unique(np.round(self._wave_number() ** 2, 9), return_inverse=True)
        bessel = scipy.special.spherical_jn if self.dimension == 3 else scipy.special.jv
        degrees = np.arange(0, self.harmonics + 1, 2)[:, None]
        x = 0.5 * radius[:, None, None] * np.sqrt(squares)
        table = jnp.asarray(bessel(degrees, x), angular.dtype)[index]
        return jnp.einsum("l...,ml...->m...", table[:, places.reshape(angular.shape[2:])], angular)

    def _radial_weights(self) -> tuple[Array, Array]:
        """Return ρ and w_ρ ρ^{d−1} B̄(ρ)."""
        radius, weights = self._radial_rule()
        speeds = jnp.asarray(radius, self.kernel.dtype)
        sizes = jnp.asarray(weights * radius ** (self.dimension - 1), speeds.dtype)
        return speeds, sizes * self.kernel.total(speeds)

    def _radial_rule(self) -> tuple[np.ndarray, np.ndarray]:
        x, w = np.polynomial.legendre.leggauss(self.radii)
        return (x + 1) * self.support, w * self.support

    def _wave_number(self) -> np.ndarray:
        return np.sqrt(sum(k**2 for k in self.wave_numbers()))

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

    def maxwellian(self, f: Float[Array, "*grid"]) -> Float[Array, "*grid"]:
        """Return the Maxwellian of the mass, momentum and energy of f."""
        v, d = jnp.asarray(self.velocities(), f.dtype), self.dimension
        axes = tuple(range(d))
        mass = f.sum()
        mean = jnp.sum(f[..., None] * v, axis=axes) / mass
        square = jnp.sum((v - mean) ** 2, -1)
        temperature = jnp.sum(f * square) / (d * mass)
        size = mass * self.spacing**d * (2 * jnp.pi * temperature) ** (-d / 2)
        return size * jnp.exp(-square / (2 * temperature))

    def entropy(self, f: Float[Array, "*grid"]) -> Float[Array, ""]:
        """Return ∫ f log f dv over where f > 0; it falls (the H-theorem) and is least at M."""
        f = jnp.maximum(f, 0)
        return jnp.sum(jax.scipy.special.xlogy(f, f)) * self.spacing**self.dimension

    def _raw(self, f: Float[Array, "*grid"], prepared: Prepared) -> Float[Array, "*grid"]:
        """Return Q(f, f) by the spectral sums alone."""
        axes = tuple(range(-self.dimension, 0))
        spectrum = jnp.fft.rfftn(f)
        waves = [jnp.asarray(k, f.dtype) for k in self.wave_numbers()]
        wave = jnp.asarray(self._wave_number(), f.dtype)
        rule = half_sphere_rule(self.directions, self.dimension)
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
            if isinstance(self.kernel.angle, Isotropic):
                H = jnp.fft.rfftn(jnp.tensordot(weights, products, axes=1))
                return total + gain * self._sphere_mean(0.5, index, wave) * H, None
            H = jnp.fft.rfftn(products, axes=axes)
            turned = self._angular(index, prepared.angular)
            return total + gain * jnp.tensordot(weights, turned * H, axes=1), None

        radii = jnp.arange(self.radii), prepared.radius, prepared.gain
        # The kernel is isotropic: B = B̄/|S|, and the mean over ω carries |S|.
        gained, _ = jax.lax.scan(add, jnp.zeros_like(spectrum), radii)
        return jnp.fft.irfftn(gained, f.shape, axes) - self.loss(f, prepared.loss)

    def loss(self, f: Float[Array, "*grid"], prepared: Array) -> Float[Array, "*grid"]:
        """Return Q₋(f, f) by the spectral sum, `prepared` by `prepare_loss`."""
        axes = tuple(range(-self.dimension, 0))
        frequency = jnp.fft.irfftn(prepared * jnp.fft.rfftn(f), f.shape, axes)
        return sphere_area(self.dimension) * f * frequency

    def conserving(self, f: Array, change: Array) -> Array:
        """Subtract f·p(v), p of degree 2, so that mass, momentum and energy are kept."""
        velocity = jnp.asarray(self.velocities(), f.dtype).reshape(-1, self.dimension)
        scaled = velocity / self.support
        ones = jnp.ones((velocity.shape[0], 1), f.dtype)
        basis = jnp.concatenate([ones, scaled, jnp.sum(scaled**2, 1, keepdims=True)], 1)
        matrix = basis.T @ (f.reshape(-1, 1) * basis)
        coefficients = jnp.linalg.solve(matrix, basis.T @ change.reshape(-1))
        return change - f * (basis @ coefficients).reshape(f.shape)

    def transport(self, f: Float[Array, "*grid"], slope: Any, shift: Any) -> Float[Array, "*grid"]:
        """Return −div((slope·v + shift) f), by Fourier series."""
        flow = (slope * jnp.asarray(self.velocities(), f.dtype) + shift) * f[..., None]
        axes = tuple(range(self.dimension))
        waves = [jnp.asarray(k, f.dtype) for k in self.wave_numbers()]
        spectra = jnp.moveaxis(jnp.fft.rfftn(flow, axes=axes), -1, 0)
        return -jnp.fft.irfftn(1j * sum(map(jnp.multiply, waves, spectra)), f.shape, axes)

    def invariants(self, f: Float[Array, "*grid"]) -> tuple[Array, Array, Array]:
        """Return ∫ f dv, ∫ f v dv and ∫ f |v|² dv."""
        velocity = jnp.asarray(self.velocities(), f.dtype).reshape(-1, self.dimension)
        weight = f.reshape(-1) * self.spacing**self.dimension
        return weight.sum(), weight @ velocity, weight @ jnp.sum(velocity**2, 1)

    # The protocol.

    def rate_of_change(self, t: Any, state: Array, prepared: Prepared) -> Array:
        """Return Q(f, f)."""
        return self.collision(state, prepared)

    def check(self, law: Any) -> None:
        """Raise `ValueError` if the grid is too small or too coarse for the law.

        Its mass on the grid must be 1 to 1e-3, of which at most 1/20 outside the support, and the
        largest Fourier coefficients of waves that are about to be lost, |k| ≥ 0.9 π/h, below 1e-2:
        products of two f alias otherwise.
        """
        law.check_dimension(self.dimension)
        f = self.project(law)
        if is_traced(f):
            return
        require(jnp.all(jnp.isfinite(f)), "law", "have a finite density", "it is not on the grid")
        require(f.min() >= 0, "law", "have a density that is not negative", f"it is {f.min():.3g}")
        mass = float(f.sum()) * self.spacing**self.dimension
        require(
            abs(mass - 1) < 1e-3,
            "support",
            "let the grid hold the law: its mass there should be 1",
            f"it is {mass:.6f}",
            "Give a larger `support`, or more `points` for a law that is narrow.",
        )
        speed = np.linalg.norm(self.velocities(), axis=-1)
        outside = float(np.asarray(f)[speed > self.support].sum()) * self.spacing**self.dimension
        require(
            outside < 0.05,
            "support",
            "hold the law: less than 0.05 of its mass may lie outside that radius",
            f"{outside:.2g} of it does",
        )
        spectrum = np.abs(np.asarray(jnp.fft.rfftn(f))) * self.spacing**self.dimension
        lost = float(spectrum[self._wave_number() >= 0.9 * np.pi / self.spacing].max())
        require(
            lost < 1e-2,
            "points",
            "resolve the law: waves at the edge of the grid should be below 0.01",
            f"they reach {lost:.3g}",
            "Give more `points`, or a smaller `support`.",
        )

    def project(self, law: Any) -> Float[Array, "*grid"]:
        """Return f₀ on the grid."""
        dtype = self.kernel.dtype
        return law.density(jnp.asarray(self.velocities(), dtype))

    def measure(self, state: Array) -> Weighted:
        """Return the grid, weighted by f times the volume of a cell."""
        velocity = jnp.asarray(self.velocities(), state.dtype).reshape(-1, self.dimension)
        weight = state.reshape(-1) * self.spacing**self.dimension
        return Weighted(weight, Coordinates(velocity=velocity))

    def observe(self, state: Array, observable: Observable) -> Array:
        """Evaluate one observable, or the entropy, on the state."""
        if isinstance(observable, Entropy):
            return self.entropy(state)
        return super().observe(state, observable)

    def observables(self) -> tuple[Observable, ...]:
        """Return density, momentum, energy, stress, heat flux, and ⟨|v|⁴⟩, ⟨|v|⁶⟩."""
        return VELOCITY_MOMENTS

    def domains(self) -> dict[str, Domain]:
        """Return the domain of each parameter that can be fitted."""
        return {f"kernel.{path}": domain for path, domain in self.kernel.domains().items()}
