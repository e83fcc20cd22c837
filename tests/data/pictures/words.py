"""Draws words/*.png and writes words.txt: what the reference reads of them.

    apt-get install fonts-dejavu-core fonts-droid-fallback     # only pixels of them are in the repository
    pip install rapidocr-onnxruntime==1.4.4 pillow
    python words.py DejaVuSans.ttf DroidSansFallback.ttf FOLDER

Each line: the picture, a tab, and its lines in order, with tabs between.
"""

import os
import sys

import numpy
from PIL import Image, ImageDraw, ImageFont
from rapidocr_onnxruntime import RapidOCR

latin, han, folder = sys.argv[1:]
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
# Name, size, background, degrees to turn, words: text, size of letters, colour, place.
PAGES = [
    ("plain", (360, 120), WHITE, 0, [("white turnip", 40, BLACK, (40, 30))]),
    ("han", (360, 120), WHITE, 0, [("萝卜汤好喝", 44, BLACK, (60, 30))]),
    ("small", (400, 200), (250, 246, 220), 0, [("a recipe with turnip and leek", 15, (40, 40, 60), (30, 60)), ("用萝卜和韭葱做汤", 16, (40, 40, 60), (30, 100))]),
    ("lines", (420, 300), WHITE, 0, [("Buy turnip today", 30, BLACK, (30, 30)), ("今天买萝卜", 34, (160, 20, 20), (30, 100)), ("call 555 0100", 30, BLACK, (30, 180))]),
    ("dark", (360, 160), (20, 24, 40), 0, [("secret turnip", 34, (240, 230, 120), (40, 30)), ("秘密萝卜", 36, (140, 240, 200), (40, 90))]),
    ("steep", (420, 300), WHITE, 14, [("turnip garden", 40, BLACK, (70, 110))]),
    ("feet", (360, 140), WHITE, 180, [("turnip garden", 40, BLACK, (40, 40))]),
    ("side", (360, 360), WHITE, 90, [("turnip garden", 40, BLACK, (40, 150))]),
    ("colors", (420, 160), (60, 140, 90), 0, [("turnip", 60, (255, 255, 255), (100, 40))]),
    ("beside", (640, 120), WHITE, 0, [("turnip", 36, BLACK, (40, 40)), ("garden", 36, BLACK, (440, 40))]),
    ("large", (1024, 1024), (230, 230, 240), 0, [("A white turnip", 64, BLACK, (80, 100)), ("一个白萝卜", 90, (30, 30, 140), (120, 400)), ("Meet me at the garden", 28, BLACK, (90, 800))]),
    ("none", (320, 240), (90, 160, 200), 0, []),
]


def draw(page):
    _, size, ground, degrees, words = page
    picture = Image.new("RGB", size, ground)
    pen = ImageDraw.Draw(picture)
    for text, letters, color, place in words:
        font = ImageFont.truetype(latin if text.isascii() else han, letters)
        pen.text(place, text, font=font, fill=color)
    return picture.rotate(degrees, expand=degrees % 180 == 90, fillcolor=ground, resample=Image.BICUBIC)


reader = RapidOCR()
os.makedirs(os.path.join(folder, "words"), exist_ok=True)
with open(os.path.join(folder, "words.txt"), "w", encoding="utf-8") as out:
    for page in PAGES:
        picture = draw(page)
        name = page[0]
        # Shades between are kept: letters have soft edges.
        picture.quantize(24).save(os.path.join(folder, "words", name + ".png"), optimize=True)
        shown = numpy.array(Image.open(os.path.join(folder, "words", name + ".png")).convert("RGB"))
        read = reader(shown[:, :, ::-1])[0] or []
        print(name, *[line[1] for line in read], sep="\t", file=out)
