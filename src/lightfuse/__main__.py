"""``python -m lightfuse``: the program, where it is not on the path."""

from lightfuse.cli import main

if __name__ == "__main__":
    main()
