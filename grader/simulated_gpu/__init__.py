"""simulated_gpu."""
