"""Operators: ways to evaluate collision terms, each with the state space that it acts on."""

from jaxkin.operators.base import Collisions, KernelOperator, Operator
from jaxkin.operators.fourier import Fourier
from jaxkin.operators.grid_functions import GridFunctions
from jaxkin.operators.hermite import Hermite
from jaxkin.operators.hermite_functions import HermiteFunctions
from jaxkin.operators.mixture import HermiteMixture
from jaxkin.operators.moments import Moments
from jaxkin.operators.sonine import Sonine
from jaxkin.operators.sonine_functions import SonineFunctions

__all__ = [
    "Collisions",
    "Fourier",
    "GridFunctions",
    "Hermite",
    "HermiteFunctions",
    "HermiteMixture",
    "KernelOperator",
    "Moments",
    "Operator",
    "Sonine",
    "SonineFunctions",
]
