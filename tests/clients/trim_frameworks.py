"""Leaves out of frameworks.txt what LiteLLM's proxy asks for and these tests never load.

usage: trim_frameworks.py < frameworks.txt > trimmed.txt
"""

import re
import sys

UNUSED = {
    "azure-core", "azure-identity", "azure-storage-blob", "boto3", "botocore", "croniter", "fsspec",
    "granian", "gunicorn", "hf-xet", "hiredis", "huggingface-hub", "inquirerpy", "isodate",
    "litellm-enterprise", "msal", "msal-extensions", "pfzy", "polars", "polars-runtime-32",
    "prompt-toolkit", "psycopg", "psycopg-binary", "pygments", "pynacl", "pyroscope-io",
    "restrictedpython", "rich", "rq", "s3transfer", "tokenizers", "uvloop", "wcwidth",
}

keep = True
for line in sys.stdin:
    name = re.match(r"^([A-Za-z0-9._-]+)==", line)
    if name:
        keep = name.group(1).lower().replace("_", "-") not in UNUSED
    if keep:
        sys.stdout.write(line)
