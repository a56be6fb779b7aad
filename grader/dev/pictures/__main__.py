"""Writes every picture into the folder beside the lessons."""

from grader.dev.pictures.gallery import write
from grader.kit.discovery import COURSE

for name in write(COURSE / "exercises" / "pictures"):
    print(name)
