"""The course on disk: exercises, checks, mistakes, stubs, hints."""
