"""Names the known mistake behind a failure, by asking trusted code what the learner's was asked."""
