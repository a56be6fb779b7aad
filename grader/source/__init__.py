"""A learner's file: its bytes, what of it is run, what it may import."""
