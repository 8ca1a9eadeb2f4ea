"""Gaussians for the Hermite functions of a mixture: which variance does each type need?

A Maxwellian of variance v has in Hermite functions of a Gaussian of variance s coefficients that
fall as |1 − v/s|^n in degree 2n: none if v = s, and no convergence from v = 2s on. Among all s the
mean of the smallest and the largest variance that a type takes makes the worst of them smallest,
(v_max − v_min)/(v_max + v_min) < 1. Taken are those of the law, ⟨v⊗v⟩ in its principal directions
and in each of its layers, and those of equilibrium, T/M_α with T from the energy of all types.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxkin.laws.by_type import ByType


def equilibrium_temperature(law: ByType, masses: Sequence[float], numbers: Any) -> float:
    """Return T = Σ N_α M_α⟨|v|²⟩/(d Σ N_α), for a gas whose momentum vanishes.

    Args:
        law: a law for each type.
        masses: (k,) M_α.
        numbers: (k,) N_α in any unit.
    """
    n, d = np.asarray(numbers, float), law.dimension
    heat = [
        mass * sum(share * np.trace(second) for share, second in _layers(each)) / d
        for mass, each in zip(masses, law.laws, strict=True)
    ]
    return float(n @ np.array(heat) / n.sum())


def mixture_widths(law: ByType, masses: Sequence[float], numbers: Any) -> tuple[float, ...]:
    """Return s_α midway between the smallest and the largest variance of each type.

    Args:
        law: a law for each type, of laws with a quadrature.
        masses: (k,) M_α.
        numbers: (k,) N_α in any unit.
    """
    final, widths = equilibrium_temperature(law, masses, numbers), []
    for mass, each in zip(masses, law.laws, strict=True):
        seen = [np.linalg.eigvalsh(second) for share, second in _layers(each) if share > 0]
        values = np.append(np.concatenate(seen), final / mass)
        widths.append(float(values.min() + values.max()) / 2)
    return tuple(widths)


def _layers(law: Any) -> list[tuple[float, np.ndarray]]:
    """Return the share and ⟨v⊗v⟩ of each layer of the law of one type."""
    found = []
    for profile, velocity in law.layers(np.array([0.0, 0.5, 1.0])):
        nodes, weights = (np.asarray(x, float) for x in velocity.quadrature(4))
        found.append((float(np.mean(profile)), np.einsum("n,ni,nj->ij", weights, nodes, nodes)))
    return found
