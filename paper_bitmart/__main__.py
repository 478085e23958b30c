"""`python -m paper_bitmart`: the same as the `paper-bitmart` command."""

from paper_bitmart.cli import main

if __name__ == "__main__":
    main()
