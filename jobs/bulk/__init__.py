"""Bulk events (批量换发): prepared, confirmed, run, steered and accounted for.

Every step is one transaction that moves the batch and rings for the next, so a crash anywhere
repeats one step and changes nothing twice.
"""
