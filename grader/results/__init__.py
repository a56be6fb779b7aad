"""What a run says, as data. Imports no torch."""
