"""Differentiable kinetic theory: particle systems and the kinetic equations that are their limits.

particles ──simulate──▶ data
    │                     │
kinetic_limit()       fitting.fit
    ▼                     ▼
equation  ──solve────▶ prediction
"""

from jaxkin import laws, velocity_laws
from jaxkin.conditioned import Conditioned
from jaxkin.correlations import Correlation, PairMean
from jaxkin.drivers.simulation import SimulationFault, simulate
from jaxkin.drivers.solution import solve
from jaxkin.equations.annihilation import Annihilation
from jaxkin.equations.annihilation_decay import decay
from jaxkin.equations.annihilation_profile import annihilation_profile
from jaxkin.equations.boltzmann import Boltzmann
from jaxkin.equations.boltzmann_hermite import BoltzmannHermite
from jaxkin.equations.boltzmann_mixture import BoltzmannMixture
from jaxkin.equations.boltzmann_radial import BoltzmannRadial
from jaxkin.equations.boltzmann_slab import BoltzmannSlab
from jaxkin.equations.krook_wu import KrookWu
from jaxkin.equations.maxwell_boltzmann import MaxwellBoltzmann
from jaxkin.equations.self_similar import ScaledTime, SelfSimilarAnnihilation
from jaxkin.equations.smoluchowski import Smoluchowski
from jaxkin.equations.weak_form import weak_residual
from jaxkin.mixture_laws import ByType, Chambers, Wave
from jaxkin.model import KineticEquation, Particles
from jaxkin.observables import (
    Coordinates,
    Observable,
    PairDensity,
    Weighted,
    fourier_mode,
)
from jaxkin.particles.annihilation import AnnihilatingGas
from jaxkin.particles.annihilation_hierarchy import Balance, balance_defect, pure_death
from jaxkin.particles.coagulation import BrownianCoagulation
from jaxkin.particles.hard_sphere_hierarchy import MixedBalance
from jaxkin.particles.hard_spheres import HardSphereMixture
from jaxkin.particles.kac import KacGas
from jaxkin.particles.marcus_lushnikov import MarcusLushnikov
from jaxkin.physics import angles, coagulation_kernels, collision_laws, interactions
from jaxkin.physics.contact_values import contact_values
from jaxkin.physics.hypotheses import check_hypotheses
from jaxkin.physics.kernels import BoundedKernel, Kernel, MaxwellKernel, PowerKernel
from jaxkin.physics.mixture_constants import (
    constants_matrix,
    mixture_constants,
    mixture_parameters,
)
from jaxkin.physics.mixture_constraint import constraint_defect
from jaxkin.physics.mixture_profiles import mixture_profiles
from jaxkin.physics.relative_speed import RelativeSpeed
from jaxkin.physics.scattering import (
    ball_rate,
    coagulation_rate,
    collision_probability,
    gross_pitaevskii_length,
    scattering_length,
)
from jaxkin.physics.velocity_moments import Entropy, characteristic_function, velocity_histogram
from jaxkin.trajectory import Trajectory

__version__ = "0.1.0"

__all__ = [
    "AnnihilatingGas",
    "Annihilation",
    "Balance",
    "Boltzmann",
    "BoltzmannHermite",
    "BoltzmannMixture",
    "BoltzmannRadial",
    "BoltzmannSlab",
    "BoundedKernel",
    "BrownianCoagulation",
    "ByType",
    "Chambers",
    "Conditioned",
    "Coordinates",
    "Correlation",
    "Entropy",
    "HardSphereMixture",
    "KacGas",
    "Kernel",
    "KineticEquation",
    "KrookWu",
    "MarcusLushnikov",
    "MaxwellBoltzmann",
    "MaxwellKernel",
    "MixedBalance",
    "Observable",
    "PairDensity",
    "PairMean",
    "Particles",
    "PowerKernel",
    "RelativeSpeed",
    "ScaledTime",
    "SelfSimilarAnnihilation",
    "SimulationFault",
    "Smoluchowski",
    "Trajectory",
    "Wave",
    "Weighted",
    "angles",
    "annihilation_profile",
    "balance_defect",
    "ball_rate",
    "characteristic_function",
    "check_hypotheses",
    "coagulation_kernels",
    "coagulation_rate",
    "collision_laws",
    "collision_probability",
    "constants_matrix",
    "constraint_defect",
    "contact_values",
    "decay",
    "fourier_mode",
    "gross_pitaevskii_length",
    "interactions",
    "laws",
    "mixture_constants",
    "mixture_parameters",
    "mixture_profiles",
    "pure_death",
    "scattering_length",
    "simulate",
    "solve",
    "velocity_histogram",
    "velocity_laws",
    "weak_residual",
]
