"""Starts workers and bounds them from outside."""
