"""Measures how fast training is; docs/training_benchmark.md is what it writes."""
