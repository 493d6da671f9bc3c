"""Measurements: the line beside the naive way, in one run."""
