"""What a check is written with, and one run of one check."""
