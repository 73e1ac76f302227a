"""French by the English text, or by its template, an area a module.

In it, `{}` is any value, `{name}` one that stays as it is, and `{code}` the code of a reason. A sentence is looked up
without the full stop at its end; the values in it are said in French likewise.
"""

from multimarket_async.readers.french.alerts import ALERTS, CONDITIONS
from multimarket_async.readers.french.commands import COMMANDS
from multimarket_async.readers.french.doctor import DOCTOR
from multimarket_async.readers.french.errors import ERRORS
from multimarket_async.readers.french.outages import OUTAGES
from multimarket_async.readers.french.reasons import REASONS, SENTENCES
from multimarket_async.readers.french.status import STATUS

WORDS = ALERTS | REASONS | SENTENCES | STATUS | COMMANDS | DOCTOR | ERRORS | OUTAGES
