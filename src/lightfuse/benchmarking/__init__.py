"""How fast this machine fuses, and with what memory, beside what else it could do with two pictures."""

from lightfuse.benchmarking.measure import Measurement, Setup, measure_all
from lightfuse.benchmarking.methods import Method, available_methods

__all__ = ["Measurement", "Method", "Setup", "available_methods", "measure_all"]
