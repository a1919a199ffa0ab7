"""Real drift: recorded streams, what changed in them, and who noticed at equal budgets."""
