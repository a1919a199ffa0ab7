"""Prices, volumes and calendars from outside, as a `Panel`."""
