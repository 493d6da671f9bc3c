"""The ledger: the truth about events, register, orders and files; the queue is only a bell.

A ``Tx`` is one transaction; the modules beside this one are what can be said in it.
"""

from storage.ledger.base import Ledger, Tx

__all__ = ["Ledger", "Tx"]
