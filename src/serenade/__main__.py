"""`python -m serenade`: the command line."""

from serenade.cli import main

if __name__ == "__main__":
    main()
