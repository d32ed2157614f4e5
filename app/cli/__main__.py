"""`python -m app.cli` is `tastemaker`, wherever the script was installed."""

from app.cli import main

main()
