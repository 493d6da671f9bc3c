"""Whatever turns digests into signatures, and what wraps them into a seal."""
