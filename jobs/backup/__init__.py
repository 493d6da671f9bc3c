"""Backup and restore (备份与恢复): taken while the line runs, put back without a number twice."""
