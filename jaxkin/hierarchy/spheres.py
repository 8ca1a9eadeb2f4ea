"""The BBGKY hierarchy of a mixture of hard spheres: the balance of f^{(1,1)}.

(Ampatzoglou et al., (2.26).)

With U the mean over pairs, one of each type, of a test function Φ(x, v; y, w), the mixed marginal
f^{(1,1)} (2.14) obeys, in the weak form of (2.26),

    d/dt E U = E[(v·∇_x + w·∇_y) Φ] + ε₁₂^{d−1} ∫∫ [(w − v)·θ]₊ f^{(1,1)} [Φ]* dθ
      + Σ_{α,β} (N_β − 1) ε_{αβ}^{d−1} ∫∫∫ [(v_β − v_α)·θ]₊ f^{(1,1)+β} [Φ]* dθ dv_β,

f at contact before the collision, and [Φ]* = Φ(after) − Φ(before) by the law (2.7), (2.8). The term
of mutual contacts is what the domain of f^{(1,1)} and its boundary condition (2.12) give.

An integral over contacts is G(0), where G(s) has the density at a time s of free flight before
contact. The pairs that free flight would bring into contact within h sample G(s), 0 < s < h, and

    1/h Σ_pairs (4 − 6s/h) [Φ]*    has the mean    G(0) − h² G″/12 + O(h³),

since 4 − 6u on [0, 1] has the moments 1 and 0, and of all such weights the least variance. A
third sphere makes G′ differ from 0, even at equilibrium, where G′ has the sign of dg/dr of the
pair distribution g. Pairs that have just met do not cancel it: f(Z*) = f(Z) at contact, but both
densities fall with the distance (in a plane gas of packing 0.1 equal weights miss 8 % at half a
diameter, before contact and after it). Nor can they be used near time 0, where (2.12) may not hold.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from jaxkin.numerics.cells import nearest_image
from jaxkin.numerics.checks import require, require_finite
from jaxkin.observables.base import Observable, Weighted
from jaxkin.observables.density import Density
from jaxkin.particles.spheres.hard_spheres import HardSphereMixture


class MixedBalance(Observable):
    """⟨f^{(1,1)}, Φ⟩ and the terms of its rate of change (2.26), estimated on one replica.

    All pairs of one sphere of each type stand for the first of each. Events of the simulation are
    not used. The work is a few N² evaluations of Φ. `balance_defect` integrates what is recorded.

    Args:
        name: name in the trajectory, of shape (6,): ⟨f^{(1,1)}, Φ⟩, and the rates by streaming, by
            contacts of the two spheres with each other, with others of type 1, with others of
            type 2, and with walls.
        gas: the mixture that is simulated, of two types; another one gives a wrong balance.
        function: Φ, from x, v, y, w, each of shape (d,), to a number; differentiable in x and y,
            and of period 1 in them on the torus.
        horizon: h > 0. None takes the time in which a sphere of root mean square speed goes the
            least diameter. The noise of a rate grows as h^{−1/2}; times of the trajectory farther
            apart than h waste what happens in between. Two horizons tell the error by h.

    Raises:
        ValueError: the mixture has not two types, or h is not positive.
    """

    name: str = eqx.field(static=True)
    gas: HardSphereMixture
    function: Callable[[Array, Array, Array, Array], Any] = eqx.field(static=True)
    horizon: float | None

    def __init__(
        self, name: str, gas: HardSphereMixture, function: Callable, horizon: float | None = None
    ):
        require(
            isinstance(gas, HardSphereMixture),
            "gas",
            "be a `HardSphereMixture`",
            f"it is a {type(gas).__name__}",
        )
        types = len(gas.numbers)
        require(types == 2, "gas", "have two types", f"it has {types}")
        if horizon is not None:
            require_finite(horizon, "horizon", minimum=0.0, strict=True)
        self.name, self.gas, self.function, self.horizon = name, gas, function, horizon

    def of_density(self, density: Density) -> Array:
        """Refuse: an equation has no particles."""
        raise ValueError(
            "Argument `observe` must hold observables of an equation, but `MixedBalance` counts "
            "pairs of spheres. Observe it in `simulate`."
        )

    def of_particles(self, measured: Weighted, *, key: PRNGKeyArray | None = None) -> Array:
        """Return the six numbers."""
        x, v = measured.coordinates.position, measured.coordinates.velocity
        n = self.gas.numbers[0]

        def row(i: Array) -> Array:
            def pair(y: Array, w: Array) -> tuple[Array, Array]:
                tangent = v[i], jnp.zeros_like(w), w, jnp.zeros_like(w)
                return jax.jvp(self._phi(0), (x[i], v[i], y, w), tangent)

            return jnp.stack([jnp.sum(s) for s in jax.vmap(pair)(x[n:], v[n:])])

        streaming = jnp.sum(jax.lax.map(row, jnp.arange(n)), axis=0)
        contacts = sum(
            jnp.sum(jax.lax.map(lambda i, a=a: self._contacts(a, i, x, v), indices), axis=0)
            for a, indices in enumerate((jnp.arange(n), jnp.arange(n, x.shape[0])))
        )
        total = jnp.concatenate([streaming, contacts])
        return total / np.prod(self.gas.numbers)

    def _phi(self, a: int) -> Callable:
        """Return Φ as a function of a sphere of type a, and of one of the other type."""

        def phi(x: Array, v: Array, y: Array, w: Array) -> Array:
            value = self.function(x, v, y, w) if a == 0 else self.function(y, w, x, v)
            return jnp.asarray(value).astype(x.dtype)

        return phi

    def _contacts(self, a: int, i: Array, x: Array, v: Array) -> Array:
        """Return what contacts of sphere i, of type a, change: mutual, types 1 and 2, walls.

        Sums over the spheres of the other type, with which i forms pairs.
        """
        vessel = self.gas.vessel
        mass, radius = vessel.mass.astype(x.dtype), vessel.radius.astype(x.dtype)
        size, n = x.shape[0], self.gas.numbers[0]
        others = jnp.arange(n, size) if a == 0 else jnp.arange(n)
        horizon = self._horizon(v)

        apart, relative = nearest_image(x[i] - x, vessel.periodic), v[i] - v
        contact = radius[i] + radius
        toward, speed = jnp.sum(apart * relative, -1), jnp.sum(relative**2, -1)
        gap = jnp.sum(apart**2, -1) - contact**2
        root = toward**2 - speed * gap
        meets = (toward < 0) & (root > 0) & (jnp.arange(size) != i)
        wait = gap / (jnp.sqrt(jnp.where(meets, root, 1)) - jnp.where(meets, toward, -1))
        wait = jnp.where(meets, jnp.maximum(wait, 0), jnp.inf)
        # On the torus only nearest images are seen. A function of velocities may be the horizon.
        image = (0.5 - contact) / jnp.sqrt(jnp.where(speed > 0, speed, 1))
        within = jnp.minimum(horizon, image) if vessel.periodic else horizon + 0 * image

        def change(time: Array, after: Array, then: Array) -> Array:
            """Φ(after) − Φ(before) for i and each of the others, `time` later."""
            here, there = x[i] + time * v[i], x[others] + time * v[others]
            phi = jax.vmap(self._phi(a), (None, None, 0, 0))
            return phi(here, after, there, then) - phi(here, v[i], there, v[others])

        def collide(carry: tuple[Array, Array]) -> tuple[Array, Array]:
            left, total = carry
            j = jnp.argmax(left)
            normal = (apart[j] + wait[j] * relative[j]) / contact[j]
            transfer = 2 * jnp.sum(relative[j] * normal) / (mass[i] + mass[j]) * normal
            met = others == j
            then = v[others] + jnp.where(met[:, None], mass[i] * transfer, 0)
            changes = change(wait[j], v[i] - mass[j] * transfer, then)
            weight = _weight(wait[j], within[j])
            # A mutual contact is seen from both spheres, and counts once.
            mutual = weight * jnp.sum(jnp.where(met, changes, 0)) * (a == 0)
            by_others = weight * jnp.sum(jnp.where(met, 0, changes))
            total = total.at[0].add(mutual).at[1 + vessel.kind[j]].add(by_others)
            return left.at[j].set(False), total

        near = wait < within
        _, total = jax.lax.while_loop(
            lambda carry: jnp.any(carry[0]), collide, (near, jnp.zeros(4, x.dtype))
        )
        if vessel.periodic:
            return total

        def reflect(axis: Array) -> Array:
            speed = v[i, axis]
            way = jnp.where(speed > 0, 1 - radius[i] - x[i, axis], x[i, axis] - radius[i])
            time = jnp.maximum(way, 0) / jnp.where(speed != 0, jnp.abs(speed), 1)
            hits = (speed != 0) & (time < horizon)
            changes = change(jnp.where(hits, time, 0), v[i].at[axis].multiply(-1), v[others])
            return jnp.where(hits, _weight(time, horizon) * jnp.sum(changes), 0)

        return total.at[3].add(jnp.sum(jax.vmap(reflect)(jnp.arange(x.shape[1]))))

    def _horizon(self, v: Array) -> Array:
        """Return h."""
        if self.horizon is not None:
            return jnp.asarray(self.horizon, v.dtype)
        square = jnp.mean(jnp.sum(v**2, -1))
        least = jnp.min(self.gas.diameters).astype(v.dtype)
        return least / jnp.sqrt(jnp.where(square > 0, square, 1))


def _weight(time: Array, horizon: Array) -> Array:
    """Return (4 − 6s/h)/h."""
    return (4 - 6 * time / horizon) / horizon
