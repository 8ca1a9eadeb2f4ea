"""The bias of one time step, derived for a pair alone: no sampling, only transfer operators.

α and D are those of the benchmark; lengths are in units of the range of the unit ball.
"""

import math

import numpy as np
from scipy.special import erfc


def bias_of_gamma(gamma, strength, D):
    """Return rate/β − 1 of "move, then react" with γ² = 2DΔt/ε², exactly, for the ball.

    The survivors f of a steady flux, g = r f, obey g = r − Σ_{n≥1} Φⁿ[q g] with Φ a Gaussian step
    of variance γ² on odd functions and q the probability to react; the rate is 8πD/γ² ∫ q r g.
    """
    kappa2, count, early = strength / D, 300, 60
    x, w = np.polynomial.legendre.leggauss(count)
    r, w = (x + 1) / 2, w / 2
    minus, plus = np.abs(r[:, None] - r) / gamma, (r[:, None] + r) / gamma

    def bell(n, z):
        return np.exp(-(z**2) / (2 * n)) / np.sqrt(2 * np.pi * n)

    def head(z):  # ∫ of the bell over n from 0 to early + ½
        t = early + 0.5
        return t * 2 * bell(t, z) - z * erfc(z / np.sqrt(2 * t))

    green = sum(bell(n, minus) - bell(n, plus) for n in range(1, early + 1))
    green = (green + plus - minus - head(minus) + head(plus)) / gamma
    q = -math.expm1(-kappa2 * gamma**2 / 2)
    g = np.linalg.solve(np.eye(count) + green * (q * w), r)
    return float(8 * np.pi * D / gamma**2 * q * np.sum(w * r * g)) / ball_rate(strength, D) - 1


def bias_of_pair_law(s, strength, D, points=600):
    """Return rate/β − 1 of the pair law at s = Dτ/ρ², for a pair alone.

    With φ of variance 2Dτ, z = rr'/(2Dτ) and c the cosine of the angle between the ends, a step
    from r to r' has density E z e^{zc} for functions r f, E = φ(√(r²+r'²)), and the pair reacts
    with density ½[φ(r+r'−2a) − φ(r+r')] or with all there is, whichever is less.
    """
    length, sigma = ball_rate(strength, D) / (4 * np.pi * D), math.sqrt(2 * s)
    reach = 7 * sigma + 2 * length
    h = 2 * length / max(1, round(2 * length * points / reach))  # 2a falls on corners of cells
    r = (np.arange(math.ceil(reach / h)) + 0.5) * h
    minus, plus, z = np.abs(r[:, None] - r), r[:, None] + r, r[:, None] * r / (2 * s)

    def bell(x, n=1):
        return np.exp(-(x**2) / (2 * n * sigma**2)) / (math.sqrt(2 * np.pi * n) * sigma)

    free = bell(minus) - bell(plus)
    images = np.maximum(bell(plus - 2 * length) - bell(plus), 0)
    log_size = -(r[:, None] ** 2 + r**2) / (2 * sigma**2) - math.log(math.sqrt(2 * np.pi) * sigma)
    with np.errstate(divide="ignore"):
        cut = np.clip((np.log(images / 2) - log_size - np.log(z)) / z, -1, 1)
    certain = np.exp(log_size + z * cut) - np.exp(log_size - z)
    lost = certain + images * (1 - cut) / 2
    near = np.clip((2 * length - plus) / h + 0.5, 0, 1)  # half of the cells on r + r' = 2a
    lost = near * free + (1 - near) * np.minimum(lost, free)

    # g = r − Σ_{n≥0} Φⁿ B g with B what is lost; the rate is the flux that B g takes.
    early = 40
    green = sum(bell(minus, n) - bell(plus, n) for n in range(1, early + 1))

    def head(x):
        t, x = early + 0.5, x / sigma
        return math.sqrt(2 * t / np.pi) * np.exp(-(x**2) / (2 * t)) - x * erfc(x / math.sqrt(2 * t))

    green += ((plus - minus) / sigma - head(minus) + head(plus)) / sigma
    source = np.linalg.solve(np.eye(r.size) + (lost + green @ lost * h) * h, r)
    return float(2 / sigma**2 * np.sum(r * (lost @ source)) * h * h) / length - 1


def ball_rate(strength, D):
    """Return β of the unit ball, by its closed form."""
    kappa = math.sqrt(strength / D)
    return 4 * math.pi * D * (1 - math.tanh(kappa) / kappa)
