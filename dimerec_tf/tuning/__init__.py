"""Hyper-parameter search with KerasTuner, judged on the validation split."""
