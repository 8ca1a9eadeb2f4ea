"""Schemes: how a particle system is simulated, where there is a choice.

`Contact` and `PairLaw` serve `jaxkin.BrownianCoagulation`, `Exact` and `Disjoint` serve
`jaxkin.KacGas`. Each docstring says what the scheme is told, what it costs and how it is
biased.
"""

from jaxkin.particles.brownian.contact import Contact
from jaxkin.particles.brownian.pair_law import PairLaw
from jaxkin.particles.collision_schemes import Disjoint, Exact

__all__ = ["Contact", "Disjoint", "Exact", "PairLaw"]
