"""`python -m hecasim` is the command `hecasim`."""

from hecasim.cli import main

if __name__ == "__main__":
    main()
