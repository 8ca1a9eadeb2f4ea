"""Which hypotheses of Cárdenas et al., §1.1 a collision law satisfies, seen numerically.

A linear law is a matrix T^ω of size dK. With draws of ω,

    linear    T is the same matrix whatever it is applied to,
    (H1)      TᵀT = 1: kinetic energy is kept,
    (H2)      T⁻¹ has the law of T (1.2): an involution on average,
    (H3)      σTσ⁻¹ has the law of T for every permutation σ of the particles (1.3),
    momentum  the sum of velocities is kept (1.5).

Laws of matrices are compared by the means of their entries and of all products of two entries,
within 5 standard errors: a law that differs in higher moments alone passes.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxkin.physics.collisions.collision_laws import CollisionLaw


class Hypotheses(eqx.Module):
    """What holds: `linear`, `energy` (H1), `involution` (H2), `symmetric` (H3), `momentum`."""

    linear: bool
    energy: bool
    involution: bool
    symmetric: bool
    momentum: bool

    def __str__(self) -> str:
        names = ("linear", "energy", "involution", "symmetric", "momentum")
        labels = ("linear", "(H1) energy", "(H2) involution", "(H3) symmetric", "momentum")
        rows = []
        for name, label in zip(names, labels, strict=True):
            word = "holds" if getattr(self, name) else "fails"
            if not self.linear and name in ("involution", "symmetric"):
                word = "not decided: the law is not linear"
            rows.append(f"{label:16s} {word}")
        return "\n".join(rows)


def check_hypotheses(
    law: CollisionLaw, dimension: int = 3, *, draws: int = 20_000, seed: int = 0
) -> Hypotheses:
    """Report which of (H1)–(H3) and momentum conservation a law satisfies.

    Args:
        law: a collision law.
        dimension: d.
        draws: angles that are drawn; a defect of relative size 5/√draws may pass unseen.
        seed: of the draws.
    """
    size = law.order * dimension
    T, probe, mapped = _drawn(law, dimension, draws, jax.random.key(seed))
    tolerance = 200 * size * float(jnp.finfo(T.dtype).eps) * float(jnp.max(jnp.abs(T)) + 1)
    T = np.asarray(T, float)
    linear = _near(np.einsum("nij,nj->ni", T, np.asarray(probe)), mapped, tolerance)
    keeps = np.asarray(mapped).reshape(draws, law.order, -1).sum(1)
    before = np.asarray(probe).reshape(draws, law.order, -1).sum(1)
    squares = np.sum(np.asarray(mapped) ** 2, 1) - np.sum(np.asarray(probe) ** 2, 1)
    energy = bool(np.max(np.abs(squares)) < 20 * tolerance * size)
    momentum = _near(keeps, before, tolerance)
    regular = linear and np.all(np.abs(np.linalg.det(T)) > 1e-6)
    involution = bool(regular and _same_law(T, np.linalg.inv(T)))
    symmetric = all(_same_law(T, _relabelled(T, p, dimension)) for p in _permutations(law.order))
    return Hypotheses(linear, energy, involution, bool(linear and symmetric), momentum)


@eqx.filter_jit
def _drawn(law: CollisionLaw, dimension: int, draws: int, key):
    """Matrices (n, D, D) as columns of mapped unit vectors, vectors, and where they go."""
    normals = jax.random.normal(key, (draws, law.normals(dimension)))

    def apply(vector, normal):
        return law.collide(vector.reshape(law.order, dimension), normal).reshape(-1)

    unit = jnp.eye(law.order * dimension)
    T = jax.vmap(lambda n: jax.vmap(lambda e: apply(e, n))(unit).T)(normals)
    probe = jax.random.normal(jax.random.fold_in(key, 1), (draws, law.order * dimension))
    return T, probe, jax.vmap(apply)(probe, normals)


def _near(a: Array, b: Array, tolerance: float) -> bool:
    return bool(np.max(np.abs(np.asarray(a) - np.asarray(b))) < tolerance)


def _permutations(order: int) -> list[tuple[int, ...]]:
    """Two permutations that generate all of them: a swap and a cycle."""
    identity = tuple(range(order))
    swap, cycle = (1, 0, *identity[2:]), (*identity[1:], 0)
    return [] if order < 2 else list(dict.fromkeys([swap, cycle]))


def _relabelled(T: Float[np.ndarray, "n D D"], permutation, dimension: int) -> np.ndarray:
    rows = np.concatenate([np.arange(dimension) + dimension * p for p in permutation])
    return T[:, rows][:, :, rows]


def _same_law(first: Float[np.ndarray, "n D D"], second: Float[np.ndarray, "n D D"]) -> bool:
    """Whether means of entries and of products of two entries agree within 5 standard errors."""
    a, b = (x.reshape(len(x), -1) for x in (first, second))
    n, largest = len(a), max(np.abs(a).max(), np.abs(b).max())
    for power in (0, 1):
        # Means of x_i (against 1) and of x_i x_j, and of their squares.
        (x, x2), (y, y2) = (_means(m if power else np.ones((n, 1)), m) for m in (a, b))
        error = np.sqrt(np.maximum(x2 - x**2 + y2 - y**2, 0) / n)
        if np.any(np.abs(x - y) > 5 * error + 1e-5 * (1 + largest) ** (1 + power)):
            return False
    return True


def _means(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return x.T @ y / len(x), (x**2).T @ (y**2) / len(x)
