"""Differentiable kinetic theory: particle systems and the kinetic equations that are their limits.

particles ──simulate──▶ data
    │                     │
kinetic_limit()       fitting.fit
    ▼                     ▼
equation  ──solve────▶ prediction
"""

from jaxkin import laws, observables, operators, schemes
from jaxkin.drivers.simulation import SimulationFault, simulate
from jaxkin.drivers.solution import solve
from jaxkin.equations.annihilation import Annihilation
from jaxkin.equations.annihilation_decay import decay
from jaxkin.equations.annihilation_profile import annihilation_profile
from jaxkin.equations.boltzmann import Boltzmann
from jaxkin.equations.krook_wu import KrookWu
from jaxkin.equations.mixture import BoltzmannMixture
from jaxkin.equations.self_similar import SelfSimilarAnnihilation
from jaxkin.equations.slab import BoltzmannSlab
from jaxkin.equations.smoluchowski import Smoluchowski
from jaxkin.equations.weak_form import weak_residual
from jaxkin.hierarchy.annihilation import Balance, balance_defect, pure_death
from jaxkin.hierarchy.spheres import MixedBalance
from jaxkin.model import KineticEquation, Particles
from jaxkin.particles.annihilation import AnnihilatingGas
from jaxkin.particles.brownian.coagulation import BrownianCoagulation
from jaxkin.particles.kac import KacGas
from jaxkin.particles.marcus_lushnikov import MarcusLushnikov
from jaxkin.particles.spheres.hard_spheres import HardSphereMixture
from jaxkin.physics.collisions import angles, collision_laws
from jaxkin.physics.collisions.hypotheses import check_hypotheses
from jaxkin.physics.collisions.kernels import BoundedKernel, Kernel, MaxwellKernel, PowerKernel
from jaxkin.physics.contacts import coagulation_kernels, interactions
from jaxkin.physics.contacts.scattering import (
    ball_rate,
    coagulation_rate,
    collision_probability,
    gross_pitaevskii_length,
    scattering_length,
)
from jaxkin.physics.spheres.contact_values import contact_values
from jaxkin.physics.spheres.mixture_constants import (
    constants_matrix,
    mixture_constants,
    mixture_parameters,
)
from jaxkin.physics.spheres.mixture_constraint import constraint_defect
from jaxkin.physics.spheres.relative_speed import RelativeSpeed
from jaxkin.trajectory import Trajectory

__version__ = "0.1.0"

__all__ = [
    "AnnihilatingGas",
    "Annihilation",
    "Balance",
    "Boltzmann",
    "BoltzmannMixture",
    "BoltzmannSlab",
    "BoundedKernel",
    "BrownianCoagulation",
    "HardSphereMixture",
    "KacGas",
    "Kernel",
    "KineticEquation",
    "KrookWu",
    "MarcusLushnikov",
    "MaxwellKernel",
    "MixedBalance",
    "Particles",
    "PowerKernel",
    "RelativeSpeed",
    "SelfSimilarAnnihilation",
    "SimulationFault",
    "Smoluchowski",
    "Trajectory",
    "angles",
    "annihilation_profile",
    "balance_defect",
    "ball_rate",
    "check_hypotheses",
    "coagulation_kernels",
    "coagulation_rate",
    "collision_laws",
    "collision_probability",
    "constants_matrix",
    "constraint_defect",
    "contact_values",
    "decay",
    "gross_pitaevskii_length",
    "interactions",
    "laws",
    "mixture_constants",
    "mixture_parameters",
    "observables",
    "operators",
    "pure_death",
    "scattering_length",
    "schemes",
    "simulate",
    "solve",
    "weak_residual",
]
