"""Writes pdq.txt: PDQ of drawings by the reference (`pip install pdqhash numpy`).

Each line: seed, width, height, quality, then the hash as it is, turned and mirrored. The drawings
are made of integers only, so that the test in src/picture/tests.rs draws the very same pixels.
"""

import sys

import numpy


def draw(seed, width, height):
    state = seed

    def pick(below):
        nonlocal state
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        return (state >> 8) % below

    y, x = numpy.mgrid[0:height, 0:width]
    picture = numpy.stack(
        [x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)], axis=2
    ).astype(numpy.uint8)
    for _ in range(14):
        disc, left, top = pick(2), pick(width), pick(height)
        size = pick(min(width, height) // 2) + 4
        color = [pick(256), pick(256), pick(256)]
        if disc:
            inside = (x - left) ** 2 + (y - top) ** 2 < (size // 2) ** 2
        else:
            inside = (x >= left) & (x < left + size) & (y >= top) & (y < top + size // 2 + 1)
        picture[inside] = color
    return picture


def hexed(bits):
    return "%064x" % int("".join(str(int(bit)) for bit in bits), 2)


if __name__ == "__main__":
    import pdqhash

    sizes = [(64, 64), (96, 96), (128, 80), (200, 150), (301, 257), (40, 33), (512, 256)]
    with open(sys.argv[1], "w") as out:
        for seed in range(1, 43):
            width, height = sizes[seed % len(sizes)]
            picture = draw(seed, width, height)
            hashes, quality = pdqhash.compute_dihedral(picture)
            print(seed, width, height, quality, *map(hexed, hashes), file=out)
