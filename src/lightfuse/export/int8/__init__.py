"""The context models in whole numbers, for processors without floating point: made, run in numpy, written as C."""
