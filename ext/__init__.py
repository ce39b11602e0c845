"""Native kernels: one stem an algorithm."""
