#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the image: the CPU build of torch, and the kit.
set -euo pipefail
apt-get update
apt-get install -y --no-install-recommends python3 python3-venv
python3 -m venv /opt/sequence-kit
/opt/sequence-kit/bin/python -m pip install --no-cache-dir --upgrade pip
/opt/sequence-kit/bin/python -m pip install --no-cache-dir "@TORCH@" --index-url https://download.pytorch.org/whl/cpu
/opt/sequence-kit/bin/python -m pip install --no-cache-dir /autograder/source/kit
rm -rf /var/lib/apt/lists/*
