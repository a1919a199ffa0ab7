"""Size it, risk-limit it, paper-trade it, gate it."""
