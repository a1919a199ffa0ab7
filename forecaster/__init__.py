"""A `Panel` in, a forecast out: features, model, direction, confidence and reasoning."""
