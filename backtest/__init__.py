"""Folds the same forecaster, trader and monitors over history, in memory."""
