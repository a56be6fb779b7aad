"""The learner's code as a check sees it: calls that cross to another process and come back as values."""
