"""Erasure of a person: documents, files in every place, lines of logs; a receipt is left, without the data. Retention.

Everything is found first, and removed in an order in which it is found again after a crash: documents last of all, as
their keys say which follow-ups are theirs. So an erasure that was killed is completed by running it again.
"""

from multimarket_async.erasure.erasing import Erasing, Everything
from multimarket_async.erasure.person import Person
from multimarket_async.erasure.retention import Keep, Retention
