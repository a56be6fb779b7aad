"""The pictures of the lessons, drawn by code: `python -m grader.dev.pictures` writes them anew."""
