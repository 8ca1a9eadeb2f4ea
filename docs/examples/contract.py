import jax, jax.numpy as jnp, jaxkin as jk, fitting

gas = jk.BrownianCoagulation(n_particles=400, dimension=3, max_mass=8, overflow="absorb",
                             strength=20.0, diffusivity=1.0, interaction=jk.interactions.Ball())
law = jk.laws.Monodisperse()                        # mass 1, uniform on the unit torus, density 1
times = jnp.linspace(0.0, 0.05, 26)
data = jk.simulate(gas, law, times, key=jax.random.key(0), replicas=64)
equation = gas.kinetic_limit()                      # Smoluchowski, with β from the recipe
prediction = jk.solve(equation, law, times)
result = fitting.fit(equation, law, data, unknown="rate")
print(result.summary(reference=equation))
