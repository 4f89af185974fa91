"""ciede2000: how different two colours are to the eye. Nothing here measures."""

import numpy as np

# Sharma, Wu and Dalal (2005), table 1: L, a, b twice, and their difference.
PUBLISHED = np.array([
    [50.0000, 2.6772, -79.7751, 50.0000, 0.0000, -82.7485, 2.0425],
    [50.0000, -1.3802, -84.2814, 50.0000, 0.0000, -82.7485, 1.0000],
    [50.0000, 0.0000, 0.0000, 50.0000, -1.0000, 2.0000, 2.3669],
    [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0009, 7.1792],
    [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0011, 7.2195],
    [50.0000, -0.0010, 2.4900, 50.0000, 0.0009, -2.4900, 4.8045],
    [50.0000, -0.0010, 2.4900, 50.0000, 0.0011, -2.4900, 4.7461],
    [50.0000, 2.5000, 0.0000, 50.0000, 0.0000, -2.5000, 4.3065],
    [50.0000, 2.5000, 0.0000, 73.0000, 25.0000, -18.0000, 27.1492],
    [50.0000, 2.5000, 0.0000, 56.0000, -27.0000, -3.0000, 31.9030],
    [60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644],
    [35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645],
    [22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373],
    [90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381],
    [2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082],
])

CIELAB = {"cones": [[0.4338873, 0.3762240, 0.1898886], [0.2126390, 0.7151687, 0.0721923],
                    [0.0177500, 0.1094476, 0.8728023]],
          "axis": [[0, 116, 0], [500, -500, 0], [0, 200, -200]], "constant": [-16, 0, 0],
          "low": [0, -86.19, -107.87], "high": [100, 98.26, 94.49]}


def linear(levels):
    """sRGB 0..255 -> linear light 0..1."""
    v = np.asarray(levels, np.float64) / 255
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def root(model, cones):
    if model is CIELAB:
        return np.where(cones <= (6 / 29) ** 3, cones / (3 * (6 / 29) ** 2) + 4 / 29, np.cbrt(cones))
    return np.cbrt(cones)


def lab(levels):
    """sRGB 0..255 [n, 3] -> CIELAB [n, 3], in floats."""
    cones = linear(levels) @ np.array(CIELAB["cones"]).T
    return root(CIELAB, cones) @ np.array(CIELAB["axis"], np.float64).T + CIELAB["constant"]


def ciede2000(one, two):
    """CIE 142-2001 with kL = kC = kH = 1, for L, a, b [n, 3]."""
    (l1, a1, b1), (l2, a2, b2) = one.T, two.T
    mean7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(mean7 / (mean7 + 25.0 ** 7))
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    is_grey = c1 * c2 == 0
    turn = np.where(is_grey, 0, (h2 - h1 + 180) % 360 - 180)
    turn = np.where((turn == -180) & (h2 > h1), 180, turn)
    dl, dc, dh = l2 - l1, c2 - c1, 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    total = h1 + h2
    hue = np.where(is_grey, total, np.where(np.abs(h1 - h2) <= 180, total / 2,
                                            np.where(total < 360, total / 2 + 180, total / 2 - 180)))
    t = (1 - 0.17 * np.cos(np.radians(hue - 30)) + 0.24 * np.cos(np.radians(2 * hue))
         + 0.32 * np.cos(np.radians(3 * hue + 6)) - 0.20 * np.cos(np.radians(4 * hue - 63)))
    square = (lightness - 50) ** 2
    sl = 1 + 0.015 * square / np.sqrt(20 + square)
    sc, sh = 1 + 0.045 * chroma, 1 + 0.015 * chroma * t
    chroma7 = chroma ** 7
    rotation = (-2 * np.sqrt(chroma7 / (chroma7 + 25.0 ** 7))
                * np.sin(np.radians(60 * np.exp(-((hue - 275) / 25) ** 2))))
    l, c, h = dl / sl, dc / sc, dh / sh
    return np.sqrt(np.maximum(l * l + c * c + h * h + rotation * c * h, 0))


def check_formula():
    one, two, want = PUBLISHED[:, :3], PUBLISHED[:, 3:6], PUBLISHED[:, 6]
    worst = max(np.abs(ciede2000(a, b) - want).max() for a, b in ((one, two), (two, one)))
    white = np.abs(lab(np.array([[255, 255, 255]])) - [100, 0, 0]).max()
    return worst < 0.00006 and white < 0.001
