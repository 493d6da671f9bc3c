"""The signer process (签名进程): a small process that holds the keys; docs/signer.md.

It imports nothing that draws, stores or keeps a ledger.
"""

NOT_SET_UP = 3  #: exit code, as of every command
