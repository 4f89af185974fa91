#!/usr/bin/env python3
"""Draws doc/speed.svg: the first table of doc/performance.md as bars. speed.py > speed.svg"""
import math

ROWS = [
    ("jacquard", 14.3, "14.3 µs"),
    ("all pixels, a Triton kernel of our own", 27357, "27.4 ms"),
    ("flash-kmeans 0.3.1", 33253, "33.3 ms"),
    ("flashlib 0.4.0", 33491, "33.5 ms"),
    ("all pixels, PyTorch", 48444, "48.4 ms"),
    ("torch-kmeans 0.2.0", 121388, "121 ms"),
    ("scikit-learn 1.9, 16 CPU cores", 3970000, "3.97 s"),
]
LEFT, WIDTH, ROW, TOP = 330, 560, 30, 52
LOW, HIGH = 10, 1e7


def x_of(us):
    return LEFT + WIDTH * math.log10(us / LOW) / math.log10(HIGH / LOW)


bottom = TOP + ROW * len(ROWS)
print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 {bottom + 34}" font-family="Helvetica, Arial, sans-serif" font-size="13">')
print(f'  <rect width="960" height="{bottom + 34}" fill="#ffffff"/>')
print('  <text x="14" y="24" font-size="15" font-weight="bold" fill="#1a202c">k-means of one frame: 480x270, k = 8</text>')
print('  <text x="946" y="24" text-anchor="end" fill="#4a5568">one NVIDIA H200; time a frame, logarithmic</text>')
for us, label in ((10, "10 µs"), (100, "100 µs"), (1e3, "1 ms"), (1e4, "10 ms"), (1e5, "100 ms"), (1e6, "1 s"), (1e7, "10 s")):
    print(f'  <path d="M{x_of(us):.1f} {TOP - 8} V{bottom}" stroke="#e2e8f0"/>')
    print(f'  <text x="{x_of(us):.1f}" y="{bottom + 18}" text-anchor="middle" font-size="11" fill="#4a5568">{label}</text>')
for i, (name, us, label) in enumerate(ROWS):
    y = TOP + ROW * i
    print(f'  <text x="{LEFT - 10}" y="{y + 15}" text-anchor="end" fill="#1a202c"{" font-weight=" + chr(34) + "bold" + chr(34) if i == 0 else ""}>{name}</text>')
    print(f'  <rect x="{LEFT}" y="{y}" width="{x_of(us) - LEFT:.1f}" height="20" rx="2" fill="{"#c05621" if i == 0 else "#90a4b8"}"/>')
    print(f'  <text x="{x_of(us) + 6:.1f}" y="{y + 15}" fill="#1a202c">{label}</text>')
print("</svg>")
