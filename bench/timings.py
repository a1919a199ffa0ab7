"""Every comparison of ours with a twin."""

from __future__ import annotations

from bench import alerts, drift, features, forecaster, scores, statements, streams

BENCHES = (drift, scores, streams, alerts, features, forecaster, statements)
