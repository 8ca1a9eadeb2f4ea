"""Differentiable kinetic theory: particle systems and the kinetic equations that are their limits.

particles ──simulate──▶ data
    │                     │
kinetic_limit()       fitting.fit
    ▼                     ▼
equation  ──solve────▶ prediction
"""

from jaxkin import laws, velocity_laws
from jaxkin.drivers.simulation import SimulationFault, simulate
from jaxkin.drivers.solution import solve
from jaxkin.equations.boltzmann import Boltzmann
from jaxkin.equations.smoluchowski import Smoluchowski
from jaxkin.equations.weak_form import weak_residual
from jaxkin.model import KineticEquation, Particles
from jaxkin.observables import Coordinates, Observable, PairDensity, Weighted, fourier_mode
from jaxkin.particles.coagulation import BrownianCoagulation
from jaxkin.particles.kac import KacGas
from jaxkin.particles.marcus_lushnikov import MarcusLushnikov
from jaxkin.physics import angles, coagulation_kernels, collision_laws, interactions
from jaxkin.physics.hypotheses import check_hypotheses
from jaxkin.physics.kernels import BoundedKernel, MaxwellKernel, PowerKernel
from jaxkin.physics.scattering import (
    ball_rate,
    coagulation_rate,
    collision_probability,
    gross_pitaevskii_length,
    scattering_length,
)
from jaxkin.physics.velocity_moments import characteristic_function
from jaxkin.trajectory import Trajectory

__version__ = "0.1.0"

__all__ = [
    "Boltzmann",
    "BoundedKernel",
    "BrownianCoagulation",
    "Coordinates",
    "KacGas",
    "KineticEquation",
    "MarcusLushnikov",
    "MaxwellKernel",
    "Observable",
    "PairDensity",
    "Particles",
    "PowerKernel",
    "SimulationFault",
    "Smoluchowski",
    "Trajectory",
    "Weighted",
    "angles",
    "ball_rate",
    "characteristic_function",
    "check_hypotheses",
    "coagulation_kernels",
    "coagulation_rate",
    "collision_laws",
    "collision_probability",
    "fourier_mode",
    "gross_pitaevskii_length",
    "interactions",
    "laws",
    "scattering_length",
    "simulate",
    "solve",
    "velocity_laws",
    "weak_residual",
]
