"""Laws: what is known at time 0 of masses, of velocities, and of the types of a mixture."""

from jaxkin.laws.base import Law, require_law
from jaxkin.laws.by_type import ByType, Chambers, PlacedLaw, Uniform, Wave
from jaxkin.laws.conditioned import Conditioned
from jaxkin.laws.masses import Inhomogeneous, MassLaw, Monodisperse, Polydisperse
from jaxkin.laws.random_mixture import RandomMixture
from jaxkin.laws.velocities import (
    BKW,
    GaussianMixture,
    Maxwellian,
    PowerMaxwellian,
    VelocityLaw,
)

__all__ = [
    "BKW",
    "ByType",
    "Chambers",
    "Conditioned",
    "GaussianMixture",
    "Inhomogeneous",
    "Law",
    "MassLaw",
    "Maxwellian",
    "Monodisperse",
    "PlacedLaw",
    "Polydisperse",
    "PowerMaxwellian",
    "RandomMixture",
    "Uniform",
    "VelocityLaw",
    "Wave",
    "require_law",
]
