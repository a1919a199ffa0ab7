"""Seeded simulations: what the monitors promise, measured. Each has `findings(size)`."""
