"""Backups of the ledger: what one consists of, where it lies, how it is taken and put back."""
