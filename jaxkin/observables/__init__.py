"""Observables: what is recorded of particles and of densities, under one name."""

from jaxkin.observables.base import Coordinates, Observable, Weighted, chosen_observables
from jaxkin.observables.by_type import ByTypeMean, Temperature, mixture_moments
from jaxkin.observables.census import census
from jaxkin.observables.correlations import Correlation, PairMean
from jaxkin.observables.density import Atoms, Density
from jaxkin.observables.fourier import FourierMode
from jaxkin.observables.mean import Entropy, Entry, Mean, Overflow, ScaledTime
from jaxkin.observables.pairs import PairDensity
from jaxkin.observables.profiles import ByTypeProfile, mixture_profiles
from jaxkin.observables.velocities import VELOCITY_MOMENTS, CharacteristicFunction, Histogram
from jaxkin.observables.velocity_density import TypeDensities, VelocityDensity

__all__ = [
    "VELOCITY_MOMENTS",
    "Atoms",
    "ByTypeMean",
    "ByTypeProfile",
    "CharacteristicFunction",
    "Coordinates",
    "Correlation",
    "Density",
    "Entropy",
    "Entry",
    "FourierMode",
    "Histogram",
    "Mean",
    "Observable",
    "Overflow",
    "PairDensity",
    "PairMean",
    "ScaledTime",
    "Temperature",
    "TypeDensities",
    "VelocityDensity",
    "Weighted",
    "census",
    "chosen_observables",
    "mixture_moments",
    "mixture_profiles",
]
