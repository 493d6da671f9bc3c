"""The container of an OFD document: its package and its XML (GB/T 33190-2016)."""
