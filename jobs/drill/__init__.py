"""Drills (演练): the whole line under faults, and the evidence that its promises held.

Nothing that runs in production imports this.
"""

DRILLS = "DRILL_DIR"  #: names the folder in which processes find what is to happen to them
