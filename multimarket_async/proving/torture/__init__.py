"""Fault injection against the real application, in seeded rounds: every promise is checked after each round.

generator: the load of a round          worker: the process under test
failpoints: faults inside the worker    nemesis: faults from outside; runs the workers
checker, generations: what must hold    mutants: planted bugs that the checker must find
rounds: one round after the other
"""

from multimarket_async.proving.torture.mutants import MUTANTS
from multimarket_async.proving.torture.rounds import Round, torture
