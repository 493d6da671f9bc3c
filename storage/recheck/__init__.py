"""What the re-checker reads of the ledger: statements of its own, which nothing else is made by."""
