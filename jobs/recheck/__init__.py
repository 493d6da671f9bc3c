"""The re-checker (复核): everything that was issued, verified again by a path of its own."""
