"""Checks for code that learners write: sequence models, one exercise at a time."""

__version__ = "0.1.0"
