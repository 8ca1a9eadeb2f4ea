"""One particle, one pair: interactions, recipes, kernels and scalings."""
