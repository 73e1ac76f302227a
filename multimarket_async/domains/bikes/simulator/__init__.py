"""Made-up files of a bike dealer."""

from multimarket_async.domains.bikes.simulator.exports import SIMULATORS, corruptions
