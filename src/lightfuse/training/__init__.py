"""Training: data, losses and the loop, of the paper's networks and of context models; needs torch."""
