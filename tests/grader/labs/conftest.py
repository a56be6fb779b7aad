"""What the tests of labs share."""

import pytest

from grader.kit.discovery import Kit
from grader.launch.launcher import launcher
from grader.source.file import File


@pytest.fixture(scope="session")
def workers():
    """Workers that find torch.optim imported: a second and a half less for each that trains."""
    started = launcher(many=True)
    yield started
    started.close()


@pytest.fixture(scope="session")
def files():
    """The reference, as the learner's files."""
    return {exercise.slug: File.at(exercise.solution) for exercise in Kit().exercises}
