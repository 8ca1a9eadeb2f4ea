"""The recipe for an interaction of your own: u(r), β, and the derivative of β."""

import jax
import jax.numpy as jnp

import jaxkin as jk

jax.config.update("jax_enable_x64", True)


def shell(r, inner):
    """V(r) = 1 for inner ≤ r ≤ 1: particles react in a shell."""
    return jnp.where((r >= inner) & (r <= 1), 1.0, 0.0)


V = jk.interactions.Radial(shell, 0.5, breakpoints=(0.5,))  # V jumps at 1/2: tell the quadrature
alpha, D = 50.0, 2.0  # D = d(n) + d(m)

beta = jk.coagulation_rate(alpha, D, V)
print(f"naive α∫V            {alpha * V.integral(3):.6f}")
print(f"recipe β             {beta:.6f}")

u = jk.collision_probability(alpha, D, V)
print(f"4πD·a from the tail  {4 * jnp.pi * D * u.scattering_length:.6f}")
print("\n   r    u(r), the chance that a pair at distance r ever coagulates")
for r in (0.0, 0.25, 0.5, 0.75, 1.0, 2.0, 5.0):
    print(f"{r:5.2f}  {u.profile(r):.6f}")


# ∂β/∂p for V = (1 − r²)^p, by automatic differentiation and by central differences.
def rate_of(p):
    return jk.coagulation_rate(alpha, D, jk.interactions.Parabola(power=p))


h = 1e-5
print(f"\n∂β/∂p                {jax.grad(rate_of)(2.0):.8f}")
print(f"finite differences   {(rate_of(2.0 + h) - rate_of(2.0 - h)) / (2 * h):.8f}")
