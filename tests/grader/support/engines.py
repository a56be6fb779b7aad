"""An engine whose two workers grade nothing of the kit: what hands submissions to an executor, alone."""

from grader.grading.engine import Engine


class TwoWorkers(Engine):
    def start(self, wanted):
        """Nothing to start."""

    def greeting(self):
        return {}

    def workers(self):
        return 2

    def close(self, patience=2.0):
        self._executor.shutdown()
