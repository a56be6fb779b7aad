#!/bin/sh
# PrairieLearn runs this for every submission, which lies in /grade/student.
exec python -m grader.cli.teaching.on_prairielearn /grade /sequence-kit/grader.json
