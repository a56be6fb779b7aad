"""A stub is the solution without what a learner writes."""

import textwrap

from grader.kit.stub import stub_of


def test_a_stub_keeps_what_is_given_and_loses_the_rest():
    solution = '''
        """Title."""

        import math

        LIMIT = 3


        def public(x: int) -> int:
            """Doc."""
            y = x
            return y


        # about the helper
        def _helper() -> None:
            """Hidden."""


        class Module:
            """A class."""

            def __init__(self) -> None:  # given
                self.x = 1

            def forward(
                self, x: int
            ) -> int:
                return x

            def _private(self) -> int:
                return 2
    '''
    assert (
        stub_of(textwrap.dedent(solution).lstrip())
        == textwrap.dedent('''
        """Title."""

        import math

        LIMIT = 3


        def public(x: int) -> int:
            """Doc."""
            # TODO: your code
            raise NotImplementedError("public is unwritten")


        class Module:
            """A class."""

            def __init__(self) -> None:  # given
                self.x = 1

            def forward(
                self, x: int
            ) -> int:
                # TODO: your code
                raise NotImplementedError("forward is unwritten")
    ''').lstrip()
    )
