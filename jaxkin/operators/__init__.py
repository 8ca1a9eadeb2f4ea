"""Operators: ways to evaluate collision terms, each with the state space that it acts on."""
