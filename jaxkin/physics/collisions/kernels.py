"""Collision kernels B(v−v*, σ): how often two velocities collide, and into which directions.

B = B̄(|v−v*|)·b(cos θ): a total rate B̄ and a law b of the angle between σ and v − v*
(`jaxkin.angles`). Clock of Paul et al.: each unordered pair of N particles collides at rate
B̄(|v−v*|)/N, so that a particle collides at rate ∫ B̄(|v−v*|) f(v*) dv* in the limit.

A kernel is sampled by thinning: collisions are proposed at the rate of `majorant`, which bounds B̄
on all relative speeds up to its argument. To add a kernel, derive from `Kernel` and write `total`,
and `majorant` unless B̄ grows with the speed.
"""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.numerics.arrays import array, host, one_program
from jaxkin.numerics.checks import is_traced, require, require_finite
from jaxkin.numerics.domains import Domain, Interval, Positive
from jaxkin.physics.collisions.angles import Angle, Isotropic
from jaxkin.physics.masses import common_dtype


class Kernel(eqx.Module):
    """A kernel B̄(g)·b(cos θ).

    Attributes:
        angle: the law b of cos θ.
        constant: whether B̄ is the same for all speeds, as for Maxwell molecules.
    """

    angle: eqx.AbstractVar[Angle]
    constant: eqx.AbstractClassVar[bool]

    @abc.abstractmethod
    def total(self, speed: Float[Array, "*n"]) -> Float[Array, "*n"]:
        """Return B̄ at relative speeds."""

    def majorant(self, speed: Float[Array, "*n"]) -> Float[Array, "*n"]:
        """Return a bound on B̄ at all relative speeds up to `speed`; here B̄, which must grow."""
        return self.total(speed)

    def domains(self) -> dict[str, Domain]:
        """Return the domain of each parameter that can be fitted, by path; here the angle's."""
        return {f"angle.{path}": domain for path, domain in self.angle.domains().items()}

    def check_majorant(self) -> None:
        """Raise `ValueError` unless `majorant` bounds B̄, seen at 601 speeds from 1e-3 to 1e3."""
        speed = np.geomspace(1e-3, 1e3, 601).astype(jnp.result_type(float))
        seen = one_program(_total_and_majorant, "kernel", self, speed)
        for method, values in zip(("total", "majorant"), seen, strict=True):
            require(
                np.shape(values) == speed.shape,
                "kernel",
                f"have a `{method}` that maps speeds of shape {speed.shape} to rates of that shape",
                f"it returns {np.shape(values)}",
            )
        if is_traced(seen):
            return
        total, bound = (np.asarray(x) for x in seen)
        most = np.maximum.accumulate(total)
        fails = ~(np.isfinite(total) & (total >= 0) & (most <= bound * (1 + 1e-5)))
        place = int(np.argmax(fails))
        require(
            not fails.any(),
            "kernel",
            "have a `majorant` that bounds `total` at all speeds up to its argument",
            f"up to {speed[place]:.3g} B̄ reaches {most[place]:.3g}, and the majorant is "
            f"{bound[place]:.3g}",
            "Write the method `majorant`; without it B̄ must grow with the speed.",
        )

    @property
    def dtype(self) -> Any:
        """The floating type of the parameters of B̄."""
        leaves = jax.tree.leaves(self, is_leaf=lambda x: isinstance(x, Angle))
        return common_dtype(*[x for x in leaves if not isinstance(x, Angle)])


def require_kernel(kernel: Any, name: str = "kernel") -> None:
    """Raise `ValueError` unless this is a kernel with an angle."""
    require(
        isinstance(kernel, Kernel),
        name,
        "be a `jaxkin.Kernel`",
        f"it is {kernel!r}",
        "Take jaxkin.MaxwellKernel(1.0), or jaxkin.PowerKernel(exponent=1.0) for hard spheres.",
    )
    require(
        isinstance(kernel.angle, Angle),
        name,
        "have an `angle` of `jaxkin.angles`",
        f"that is {kernel.angle!r}",
    )


class MaxwellKernel(Kernel):
    """B̄ = C, the same for all speeds.

    Args:
        strength: C ≥ 0.
        angle: b; None for isotropic in σ.
    """

    strength: Float[Array, ""]
    angle: Angle
    constant = True

    def __init__(self, strength: Any = 1.0, angle: Angle | None = None):
        require_finite(strength, "strength", minimum=0.0)
        self.strength = array(strength, common_dtype(strength))
        self.angle = Isotropic() if angle is None else angle

    def total(self, speed: Float[Array, "*n"]) -> Float[Array, "*n"]:
        """Return C."""
        return jnp.full_like(speed, self.strength)

    def check_majorant(self) -> None:
        """Raise nothing, unless a derived class has a B̄ of its own: C bounds itself."""
        if type(self).total is not MaxwellKernel.total:
            super().check_majorant()

    def domains(self) -> dict[str, Domain]:
        """Return C > 0, and what the angle says."""
        return {"strength": Positive(), **super().domains()}


class PowerKernel(Kernel):
    """B̄ = C|v−v*|^γ.

    γ = 0 are Maxwell molecules, γ = 1 hard spheres, what lies between variable hard spheres, and
    with `angles.VariableSoft` variable soft spheres. γ < 0 are soft potentials, which have no
    majorant: `BoundedKernel` cuts them.

    Args:
        strength: C ≥ 0.
        exponent: γ in (−2, 1].
        angle: b; None for isotropic in σ.

    Raises:
        ValueError: an argument is out of range.
    """

    strength: Float[Array, ""]
    exponent: Float[Array, ""]
    angle: Angle
    constant = False

    def __init__(self, strength: Any = 1.0, exponent: Any = 0.0, angle: Angle | None = None):
        require_finite(strength, "strength", minimum=0.0)
        require_finite(exponent, "exponent")
        require(
            (host(exponent) <= 1) & (host(exponent) > -2),
            "exponent",
            "lie in (−2, 1]",
            f"it is {exponent}",
            "0 are Maxwell molecules, 1 hard spheres.",
        )
        dtype = common_dtype(strength, exponent)
        self.strength, self.exponent = (array(x, dtype) for x in (strength, exponent))
        self.angle = Isotropic() if angle is None else angle

    def total(self, speed: Float[Array, "*n"]) -> Float[Array, "*n"]:
        """Return B̄ = C g^γ at relative speeds g, kept above the smallest number of their type."""
        tiny = jnp.finfo(speed.dtype).tiny
        power = jnp.exp(self.exponent * jnp.log(jnp.maximum(speed, tiny)))
        return (self.strength * power).astype(speed.dtype)

    def domains(self) -> dict[str, Domain]:
        """Return C > 0 and γ in (−2, 1], and what the angle says.

        A search for γ starts at 1/2: most gases lie between Maxwell molecules and hard spheres, and
        data of one temperature may be explained by a second γ < 0 as well.
        """
        exponent = Interval(-2.0, 1.0, "(]", usual=0.5)
        return {"strength": Positive(), "exponent": exponent, **super().domains()}

    def check_majorant(self) -> None:
        """Raise `ValueError` for γ < 0."""
        require(
            host(self.exponent, self.exponent.dtype) >= 0,
            "kernel",
            "have a majorant",
            f"|g|^γ with γ = {self.exponent} is not bounded near g = 0",
            "Cut it: `jaxkin.BoundedKernel(kernel, bound)`.",
        )
        if type(self).total is not PowerKernel.total:
            super().check_majorant()


class BoundedKernel(Kernel):
    """min(B̄, bound): a truncation of another kernel, which gives it a majorant.

    Args:
        kernel: the kernel to be cut.
        bound: > 0.
    """

    kernel: Kernel
    bound: Float[Array, ""]
    angle: Angle
    constant = False

    def __init__(self, kernel: Kernel, bound: Any):
        require_finite(bound, "bound", minimum=0.0, strict=True)
        self.kernel, self.bound = kernel, array(bound, common_dtype(bound))
        self.angle = kernel.angle

    def total(self, speed: Float[Array, "*n"]) -> Float[Array, "*n"]:
        """Return min(B̄, bound)."""
        return jnp.minimum(self.kernel.total(speed), self.bound.astype(speed.dtype))

    def majorant(self, speed: Float[Array, "*n"]) -> Float[Array, "*n"]:
        """Return `bound`."""
        return jnp.full_like(speed, self.bound)

    def check_majorant(self) -> None:
        """Raise `ValueError` if B̄ is negative or not finite; a known kernel is neither."""
        if type(self.kernel) not in (MaxwellKernel, PowerKernel):
            super().check_majorant()

    def domains(self) -> dict[str, Domain]:
        """Return a positive bound, and what the kernel that is cut and its angle say."""
        cut = {f"kernel.{path}": domain for path, domain in self.kernel.domains().items()}
        return {"bound": Positive(), **cut, **super().domains()}


def _total_and_majorant(kernel: Kernel, speed: Array) -> tuple[Array, Array]:
    return kernel.total(speed), kernel.majorant(speed)
