"""Checks and teaches: manifests of simulated runs, the checker that compares with them, lessons, torture.

Imported by `cli` alone: nothing that runs in production depends on it.
"""
