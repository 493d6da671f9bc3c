"""Drills (演练): the whole line under faults, and the evidence that its promises held.

Nothing that runs in production imports this.
"""
