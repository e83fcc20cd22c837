"""Writes avif/: drawings as AVIF by libavif, and what it reads of them again, as PNG
(`pip install pillow imagecodecs numpy segno`; Pillow 11.3 or newer). src/picture/tests.rs compares.
"""

import io
import pathlib

import imagecodecs
import numpy
import segno
from PIL import Image, ImageOps

import generate

FOLDER = pathlib.Path(__file__).parent / "avif"
WIDTH, HEIGHT = 61, 45


def drawing(seed):
    return Image.fromarray(generate.draw(seed, WIDTH, HEIGHT))


def code(text):
    file = io.BytesIO()
    segno.make_qr(text, error="m").save(file, kind="png", scale=4, border=4)
    return Image.open(file).convert("RGB")


def pillow(picture, name, **how):
    file = FOLDER / f"{name}.avif"
    picture.save(file, max_threads=1, **how)
    with Image.open(file) as again:
        ImageOps.exif_transpose(again).convert("RGBA").save(FOLDER / f"{name}.png", optimize=True)


def deep(name, bits, layout, **how):
    pixels = generate.draw(bits, WIDTH, HEIGHT).astype(numpy.uint16)
    pixels = (pixels * ((1 << bits) - 1) // 255).astype(numpy.uint16)
    file = FOLDER / f"{name}.avif"
    file.write_bytes(imagecodecs.avif_encode(pixels, 80, bitspersample=bits, pixelformat=layout, numthreads=1, **how))
    with Image.open(file) as again:
        again.convert("RGBA").save(FOLDER / f"{name}.png", optimize=True)


FOLDER.mkdir(exist_ok=True)
for at, layout in enumerate(["4:2:0", "4:2:2", "4:4:4"]):
    pillow(drawing(at), layout.replace(":", ""), subsampling=layout, quality=(30, 60, 90)[at])
pillow(drawing(3), "limited", range="limited", quality=80)
pillow(drawing(4).convert("L"), "grey", subsampling="4:0:0", quality=80)
seen = drawing(5)
seen.putalpha(Image.linear_gradient("L").resize((WIDTH, HEIGHT)))
pillow(seen, "alpha", quality=80)
pillow(seen, "premultiplied", quality=80, alpha_premultiplied=True)
deep("ten", 10, "420")
deep("twelve", 12, "444")
exif = Image.Exif()
exif[0x0112] = 5
exif.get_ifd(0x8825).update({1: "N", 2: (1.0, 1.0, 1.0)})
xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a TC260:AIGC="{}"/></x:xmpmeta>'
pillow(drawing(6), "turned", quality=80, exif=exif.tobytes(), xmp=xmp)
for word in ["turnip", "pear"]:
    pillow(code(word), word, quality=80)
drawing(7).save(FOLDER / "moving.avif", save_all=True, append_images=[drawing(8)], duration=80, max_threads=1)
Image.fromarray(generate.draw(9, 1024, 1024)).save(FOLDER / "large.avif", quality=80, max_threads=1)
