"""The loop beside an editor, progress, and the learner's other commands."""
