#!/usr/bin/env python3
"""Draws the words of the visible label (`src/picture/label.rs`) as grey strips, once.

    label.py wqy-microhei.ttc      # Debian package fonts-wqy-microhei, Apache-2.0

The upper CAP rows of a strip are what its letters are measured by: the capital A, the Han of the Chinese one.
"""
import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

CAP = 64

for name, words, measure in [("en", "AI-generated", "A"), ("zh", "AI生成", "生")]:
    size = CAP
    while True:
        font = ImageFont.truetype(sys.argv[1], size)
        left, top, right, bottom = font.getbbox(measure)
        if bottom - top >= CAP:
            break
        size += 1
    _, _, width, below = font.getbbox(words)
    strip = Image.new("L", (width, max(below, bottom) - top), 0)
    ImageDraw.Draw(strip).text((0, -top), words, font=font, fill=255)
    strip.save(Path(__file__).parent / f"label.{name}.png", optimize=True)
    print(name, strip.size, "measured rows", bottom - top)
