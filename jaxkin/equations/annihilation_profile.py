"""The self-similar profile of pure annihilation, α = 1, for laws f₀ ~ |v|^μ near 0.

Without elastic collisions f = f₀ e^{−Φ} keeps the power μ of f₀, and so the long time remembers f₀:
there is a profile for each μ > −d. For an isotropic steady ψ of `jaxkin.equations.self_similar`,
with 𝓛(r) = C ∫ |ξ−η|^γ ψ(η) dη at |ξ| = r,

    r ψ'/ψ = μ − κ (𝓛(r) − 𝓛(0)),   κ = 2/b = (μ + d)/(a − 𝓛(0)),   a = ∫ 𝓛 ψ dξ,
    ψ = ψ₀ r^μ exp(−κ ∫₀^r (𝓛(s) − 𝓛(0)) ds/s),

where κ follows from ∫ r^d ψ' dr, and n ~ t^{−ξ}, T ~ t^{−ζ} with ξ = a/(a+γb/2), ζ = b/(a+γb/2).
The mean of |ξ−η|^γ over directions at q = min(r, s)/max(r, s) is

    max(r, s)^γ ₂F₁(−γ/2, 1 − (d+γ)/2; d/2; q²).

The map ψ → ψ is iterated on nodes that are panels in ln r. The kernel is homogeneous, so
that the scale is free: it is set to temperature 1/2 at the end, and C drops out of the profile.
"""

from typing import NamedTuple

import numpy as np
import scipy.special

from jaxkin.numerics.checks import is_traced, one_of, require, require_finite, whole
from jaxkin.numerics.spheres import sphere_area

_NODES = 8  # of a panel
_ITERATIONS = 500


class AnnihilationProfile(NamedTuple):
    """A steady profile of mass 1 and temperature 1/2 for B̄ = |v−v*|^γ, and its exponents.

    Attributes:
        radius: (n,) nodes |ξ|.
        density: (n,) ψ.
        weights: (n,) so that Σ weights·φ(radius)·density is ∫ φ ψ dξ.
        a: the rate −d ln n/dτ.
        b: the rate −d ln T/dτ.
        mass_exponent: ξ of n ~ t^{−ξ}.
        temperature_exponent: ζ of T ~ t^{−ζ}.
        error: by how much the exponents change from half the panels.
    """

    radius: np.ndarray
    density: np.ndarray
    weights: np.ndarray
    a: float
    b: float
    mass_exponent: float
    temperature_exponent: float
    error: float


def annihilation_profile(
    exponent: float = 1.0, power: float = 0.0, *, dimension: int = 3, panels: int = 40
) -> AnnihilationProfile:
    """Return the steady profile of pure annihilation, by iteration in double precision.

    Args:
        exponent: γ in (0, 1].
        power: μ > −d.
        dimension: 2 or 3.
        panels: how many, about, of 8 nodes each; at least 4.

    Raises:
        ValueError: an argument is out of range. For γ = 0 every profile is steady, with ξ = 1 and
            ζ = 0: f(t) = n(t) f₀.
        RuntimeError: the iteration has not converged.
    """
    one_of(dimension, "dimension", (2, 3))
    for value, name in ((exponent, "exponent"), (power, "power")):
        require(not is_traced(value), name, "be a known number", "it is traced", "No gradients.")
        require_finite(value, name)
    require(
        0 < exponent <= 1,
        "exponent",
        "lie in (0, 1]",
        f"it is {exponent}",
        "For γ = 0 every profile is steady: n ~ 1/t, and T stays.",
    )
    panels = whole(panels, "panels", 4)
    require(power > -dimension, "power", f"exceed −d = {-dimension}", f"it is {power}")
    fine = _solve(float(exponent), float(power), dimension, panels)
    coarse = _solve(float(exponent), float(power), dimension, panels // 2)
    error = max(abs(x - y) for x, y in zip(fine[-2:], coarse[-2:], strict=True))
    return AnnihilationProfile(*fine, error)


def _solve(
    gamma: float, mu: float, d: int, panels: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float, float, float, float]:
    # ψ r^d is r^{μ+d} on the left, and falls beyond all powers long before r = e⁵.
    low = min(-36 / (mu + d), -4.0)
    left = -np.geomspace(-low, 3, panels // 2 + 1)
    edges = np.concatenate([left[:-1], np.linspace(-3, 5, panels)])
    y, dy, cumulative = _panels(edges)
    r = np.exp(y)
    big, small = np.maximum.outer(r, r), np.minimum.outer(r, r)
    mean = big**gamma * scipy.special.hyp2f1(
        -gamma / 2, 1 - (d + gamma) / 2, d / 2, (small / big) ** 2
    )
    away = mean - r**gamma  # of 𝓛 − 𝓛(0)

    q = np.exp((mu + d) * y - r**2)  # ψ r^d; masses are q dy
    last = np.inf
    for _ in range(_ITERATIONS):
        mass = q * dy / (q @ dy)
        excess = away @ mass
        kappa = (mu + d) / (excess @ mass)
        new = (mu + d) * y - kappa * (cumulative @ excess)
        new = np.exp(new - new.max())
        new /= new @ dy
        change = np.abs(new - q) @ dy
        q = new
        # The scale is free except for what the rule does to it, which may drift forever.
        if change < 1e-12 or last <= change < 1e-6:
            break
        last = change
    else:
        raise RuntimeError(
            f"The profile still moves by {change:.1g} after {_ITERATIONS} iterations."
        )
    mass = q * dy
    length = np.sqrt(d / 2 / (r**2 @ mass))
    a = length**gamma * (mass @ mean @ mass)
    b = 2 * (a - length**gamma * (r**gamma @ mass)) / (mu + d)
    rate = a + gamma * b / 2
    seen = d * (y + np.log(length)) > -600  # what lies closer to 0 has volumes that underflow
    r, mass, dy = length * r[seen], mass[seen], dy[seen]
    weights = sphere_area(d) * dy * r**d
    return r, mass / weights, weights, float(a), float(b), float(a / rate), float(b / rate)


def _panels(edges: np.ndarray):
    """Return Gauss nodes and weights of panels, and the matrix of the integral from the left."""
    x, w = np.polynomial.legendre.leggauss(_NODES)
    vander = np.polynomial.legendre.legvander(x, _NODES - 1)
    integral = np.polynomial.legendre.legint(np.eye(_NODES), lbnd=-1)
    inner = np.polynomial.legendre.legvander(x, _NODES) @ integral @ np.linalg.inv(vander)
    half = np.diff(edges) / 2
    nodes = (edges[:-1, None] + half[:, None] * (1 + x)).ravel()
    weights = np.outer(half, w).ravel()
    before = np.kron(np.tri(half.size, k=-1), np.ones((_NODES, _NODES))) * weights
    return nodes, weights, before + np.kron(np.diag(half), inner)
