"""The command line: it reads what was asked, calls, and prints. It imports no torch."""
