"""Is it still working? Numbers in, readings out: drift, performance, calibration, execution."""
