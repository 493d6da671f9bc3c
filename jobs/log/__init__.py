"""The log (核查日志): appending to it, signing its heads, proving from it, and checking it."""
