#!/usr/bin/env bash
# Remakes models/sense/heads.safetensors: training/run.sh TRAIN_FOLDER [DEV_FOLDER]
set -euo pipefail
cd "$(dirname "$0")/.."
[[ $# -ge 1 ]] || { echo "usage: training/run.sh TRAIN_FOLDER [DEV_FOLDER]" >&2; exit 2; }
venv=target/training/venv
[[ -x $venv/bin/python ]] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet -r training/requirements.txt
"$venv/bin/python" training/check.py
exec "$venv/bin/python" training/train.py --data "$1" ${2:+--dev "$2"}
