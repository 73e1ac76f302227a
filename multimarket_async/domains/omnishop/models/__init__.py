"""The models of omnishop, each graded on what it has not seen, beside a baseline. They need the extra `models`."""
