"""The log (核查日志): one tree over audit rows, editions and roots of batches, and its heads."""
