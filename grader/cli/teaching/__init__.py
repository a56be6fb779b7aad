"""What a course needs around grading: packages for platforms, a starter repository, new exercises, similarity."""
