"""Readers of file formats: from a file to its records, one by one, with what is wrong with each."""
