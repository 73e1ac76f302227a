"""python -m multimarket_async."""

from multimarket_async.cli import main

if __name__ == "__main__":
    main()
