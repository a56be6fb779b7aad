"""A class: a pool of grader processes, a journal of what is done, and resuming from it."""
