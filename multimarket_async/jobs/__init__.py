"""The stage from stored documents to results of jobs, such as models: each lands as a file of a feed.

A job reads copies of what is stored, in a process of its own, which nothing that collects waits for. `runner` runs one
on time, `inputs` writes what it reads, `process` starts its process, and `child` is that process.
"""
