"""The door (门户): HTTP for upstream systems; a thin skin over what `jobs` does."""
