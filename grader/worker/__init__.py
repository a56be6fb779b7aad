"""The process that runs a learner's code. Knows no check, no expected value and no verdict."""
