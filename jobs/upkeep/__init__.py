"""Upkeep (维护): files that were released go on being provable."""
