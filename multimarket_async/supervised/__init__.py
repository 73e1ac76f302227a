"""Servers as child processes: started or shared, restarted if they die, never left behind; with passwords of their own.

What a program needs for that is in `Supervised`; mongod is one (store/embedded), PostgreSQL another (sinks/warehouse).
"""

from multimarket_async.supervised.folder import Address, Folder, Passwords
from multimarket_async.supervised.ports import free_port, is_taken
from multimarket_async.supervised.process import LIBC, die_with, environment, runs, tail
from multimarket_async.supervised.server import PortTaken, Supervised
