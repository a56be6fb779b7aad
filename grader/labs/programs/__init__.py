"""What runs beside the learner's files, in a worker: read as text and sent, imported by nobody here."""
