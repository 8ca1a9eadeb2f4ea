"""The recipe's equation (1.8) for any V in d = 3: an integral equation solved by FFT and GMRES.

With W = (α/D) V, the survival probability v = 1 − u satisfies

    v(x) + ∫ G(x−y) W(y) v(y) dy = 1,   G(x) = 1/(4π|x|),

and only the unit ball matters, where |x−y| ≤ 2. Cutting G off at 2 therefore changes nothing, and
makes its Fourier transform Ĝ(k) = 2 (sin|k|/|k|)² smooth and bounded (Vico, Greengard and Ferrando
2016): on a grid padded to the box of side 4, which no image can reach, the trapezoidal rule is
spectrally accurate for smooth V. The grid has `points` midpoints per diameter of the ball.

β = D·b(W), b(W) = ∫ W v (1.9). Since G is symmetric the adjoint solution is v itself, and
δb = ∫ v² δW: one solve yields the rate and all its derivatives.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from jaxtyping import Array, Float

from jaxkin.physics.contacts.base import Interaction


def grid(points: int, dtype) -> Float[Array, "n n n 3"]:
    """Midpoints of `points`³ cells of the cube [−1, 1]³."""
    axis = ((jnp.arange(points) + 0.5) * (2 / points) - 1).astype(dtype)
    return jnp.stack(jnp.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)


def _frequencies(points: int, dtype) -> Float[Array, " 2n"]:
    """Wave numbers of the padded box of side 4 along one axis, in the order of the FFT."""
    return (jnp.fft.fftfreq(2 * points) * (jnp.pi * points)).astype(dtype)


def _transform(kx: Array, ky: Array, kz: Array) -> Array:
    """Ĝ(k) = 2 (sin|k|/|k|)², 1/(4π|x|) cut off at |x| = 2."""
    k = jnp.sqrt(kx[:, None, None] ** 2 + ky[:, None] ** 2 + kz**2)
    return 2 * jnp.sinc(k / jnp.pi) ** 2


def convolve(density: Float[Array, "n n n"]) -> Float[Array, "n n n"]:
    """∫ G(x−y) density(y) dy on the grid, right for |x| ≤ 1 if the density lives there."""
    n = density.shape[0]
    k = _frequencies(n, density.dtype)
    padded = jnp.fft.rfftn(density, s=(2 * n,) * 3)
    product = padded * _transform(k, k, jnp.abs(k[: n + 1]))
    return jnp.fft.irfftn(product, s=(2 * n,) * 3)[:n, :n, :n]


def survival(W: Float[Array, "n n n"]) -> Float[Array, "n n n"]:
    """v on the grid, from W there; differentiable implicitly, in both modes and repeatedly.

    Only values inside the unit ball mean anything. Raises at run time if GMRES stagnates.
    """
    tolerance = 1e-11 if W.dtype == jnp.float64 else 1e-6
    solver = lx.GMRES(rtol=tolerance, atol=tolerance, restart=30, max_steps=50)

    def solve(apply, b):
        # Cotangents come in any size, and GMRES's absolute tolerance needs one.
        size = jnp.max(jnp.abs(b))
        size = jnp.where(size > 0, size, 1.0)
        operator = lx.FunctionLinearOperator(apply, jax.ShapeDtypeStruct(b.shape, b.dtype))
        return size * lx.linear_solve(operator, b / size, solver).value

    return jax.lax.custom_linear_solve(
        lambda v: v + convolve(W * v), jnp.ones_like(W), solve, transpose_solve=solve
    )


@jax.custom_jvp
def absorption(W: Float[Array, "n n n"]) -> Float[Array, ""]:
    """b(W) = ∫ W v over the ball, from W on the grid."""
    return jnp.sum(W * survival(W)) * (2 / W.shape[0]) ** 3


@absorption.defjvp
def _absorption_jvp(primals, tangents):
    (W,), (dW,) = primals, tangents
    v, cell = survival(W), (2 / W.shape[0]) ** 3
    return jnp.sum(W * v) * cell, jnp.sum(v * v * dW) * cell


def _on_grid(interaction: Interaction, points: int) -> Float[Array, "n n n"]:
    """½[V(x) + V(−x)] at the grid points, scaled so that its sum over the cells is ∫V.

    A pair has no order, so by (1.5) it reacts at the mean of both. The scale makes weak coupling
    exact, β → α∫V, and divides the error by 3 to 20 elsewhere.
    """
    V = interaction(grid(points, interaction.dtype))
    V = 0.5 * (V + V[::-1, ::-1, ::-1])  # the grid of midpoints is its own mirror image
    total = jnp.sum(V) * (2 / points) ** 3
    present = total > 0
    scale = interaction.integral(3) / jnp.where(present, total, 1.0)
    return V * jnp.where(present, scale, 1.0)


@eqx.filter_jit
def general_rate(
    strength: Float[Array, "..."],
    diffusivity: Float[Array, "..."],
    interaction: Interaction,
    *,
    points: int,
) -> Float[Array, "..."]:
    """β of (1.9) for arrays of strengths α and diffusivities D of one shape, d = 3; no checks."""
    dtype = jnp.result_type(strength, diffusivity, interaction.dtype)
    V = _on_grid(interaction, points).astype(dtype)

    def rate(pair):
        alpha, D = pair
        return D * absorption(alpha / D * V)

    alpha, D = strength.astype(dtype), diffusivity.astype(dtype)
    return jax.lax.map(rate, (alpha.ravel(), D.ravel())).reshape(alpha.shape)


class GeneralCollisionProbability(eqx.Module):
    """u(x) = chance that a pair at relative position x (in units of the range) ever coagulates.

    Call it on x of shape (..., 3). Inside the unit ball u is the Fourier sum of its grid, outside
    the potential of the density W(1−u): each point costs a pass over the grid.

    `density`: W(1−u) on the grid. `scattering_length`: a = β/(4πD), the monopole of the tail a/|x|.
    """

    density: Float[Array, "n n n"]
    scattering_length: Float[Array, ""]

    @eqx.filter_jit
    def __call__(self, x: Float[Array, "... 3"]) -> Float[Array, "..."]:
        """u(x), one value in [0, 1] per point."""
        points = self.density.shape[0]
        dtype = self.density.dtype
        x = jnp.asarray(x, dtype)
        k = _frequencies(points, dtype)
        spectrum = jnp.fft.fftn(self.density, s=(2 * points,) * 3) * _transform(k, k, k)
        centres = grid(points, dtype)
        charge = self.density * (2 / points) ** 3 / (4 * jnp.pi)

        def potential(x):
            inside = jnp.sum(x * x) <= 1
            phases = jnp.exp(1j * k * (x[:, None] - centres[0, 0, 0, 0]))
            near = jnp.einsum("abc,a,b,c->", spectrum, *phases).real / spectrum.size
            # Away from the charges even where it is not used, or its gradient would be NaN.
            away = jnp.where(inside, 3.0, x) - centres
            far = jnp.sum(charge / jnp.sqrt(jnp.sum(away * away, axis=-1)))
            return jnp.where(inside, near, far)

        return jax.lax.map(potential, x.reshape(-1, 3)).reshape(x.shape[:-1])


@eqx.filter_jit
def general_probability(
    strength: Float[Array, ""],
    diffusivity: Float[Array, ""],
    interaction: Interaction,
    *,
    points: int,
) -> GeneralCollisionProbability:
    """u of (1.8) for one pair, d = 3; no checks."""
    dtype = jnp.result_type(strength, diffusivity, interaction.dtype)
    W = (strength / diffusivity).astype(dtype) * _on_grid(interaction, points).astype(dtype)
    density = W * survival(W)
    length = jnp.sum(density) * (2 / points) ** 3 / (4 * jnp.pi)
    return GeneralCollisionProbability(density=density, scattering_length=length)
