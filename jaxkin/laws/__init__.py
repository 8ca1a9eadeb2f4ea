"""Laws: what is known at time 0, of masses, of velocities, and of the types of a mixture."""

from jaxkin.laws.by_type import ByType, Chambers, Wave
from jaxkin.laws.conditioned import Conditioned
from jaxkin.laws.masses import Inhomogeneous, MassLaw, Monodisperse, Polydisperse
from jaxkin.laws.velocities import (
    BKW,
    GaussianMixture,
    Maxwellian,
    PowerMaxwellian,
    RandomMixture,
    VelocityLaw,
)

__all__ = [
    "BKW",
    "ByType",
    "Chambers",
    "Conditioned",
    "GaussianMixture",
    "Inhomogeneous",
    "MassLaw",
    "Maxwellian",
    "Monodisperse",
    "Polydisperse",
    "PowerMaxwellian",
    "RandomMixture",
    "VelocityLaw",
    "Wave",
]
