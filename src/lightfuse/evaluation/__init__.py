"""Evaluation: methods and baselines measured on brackets, tables, contact sheets, blind tests, drawings of models."""
