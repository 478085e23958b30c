"""How far the simulated fills are from the truth: scoring, reports, and fitting the models to data."""
