"""Evaluation: methods and baselines measured on brackets, tables, contact sheets, drawings of models."""
