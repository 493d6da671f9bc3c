"""Who does what next, and what happens when it fails."""
