"""Dated data, one file an authority's register of one occupation."""
