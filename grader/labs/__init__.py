"""Labs: a learner's own code learns, and shows what a chapter claims."""
