"""What outlives a process: the ledger, the object store, the keyring."""
