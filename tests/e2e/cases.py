#!/usr/bin/env python3
"""cases: a small film of each kind that once went wrong, drawn wrongly, refused though whole or passed though not, and
its right outcome:
    whole    drawn, without a note
    noted    drawn, with a note in log and side-car (small loss)
    drawn    drawn, with a note or without
    refused  exit 3, one line, no file
Drawn films: each sampled frame is, by hash of its decoded planes, the plain sequential decode's. All: 1 and 3 ranks
give the same bytes. Prints a table: case, outcome.

usage: cases.py [--jobs N] [--only REGEX] [--keep] FOLDER        ONLY: names of cases

From the environment: see clips.py.
"""
import argparse
import concurrent.futures
import json
import os
import random
import re
import struct
import sys
import time

import clips

X264 = "-c:v libx264 -preset veryfast -pix_fmt yuv420p -g 12 -bf 2"
X265 = "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=12:open-gop=0 -tag:v hvc1"
CASES = {}


class Fault(Exception):
    pass


class NotMade(Exception):
    pass


def case(function):
    CASES[function.__name__] = function
    return function


def made(done):
    if not done:
        raise NotMade("this ffmpeg cannot")


def must(held, what):
    if not held:
        raise Fault(what)


# --- outcomes ---------------------------------------------------------------------------------------------------------

def runs(path, every, options=()):
    """On one rank and on three."""
    found = [clips.Barcode(path, every, ranks, threads, options) for ranks, threads in ((1, 4), (3, 2))]
    for f in found[1:]:
        must(f.code == found[0].code, f"exit codes {[g.code for g in found]}: {f.said()}")
        must(f.files[:2] == found[0].files[:2], "1 and 3 ranks give other bytes")
    return found


def same_frames(path, found, every):
    want, _ = clips.plain_decode(path, every)
    must(want, "a plain decode gives no frame")
    for f in found:
        fault = clips.compare(want, f.hashes)
        must(not fault, fault)


def drawn(path, note=None, every=3):
    """note: None: there must be none; a pattern: log and side-car say so; "": may be there."""
    found = runs(path, every)
    must(found[0].code == 0, f"exit {found[0].code}: {found[0].said()}")
    same_frames(path, found, every)
    written = found[0].film.get("note")
    for f in found:
        must(bool(f.notes) == (written is not None), f"log and side-car differ: {f.notes}, {written}")
    must(written is None if note is None else True, f"a note: {written}")
    if note:
        must(written is not None, "no note")
        must(re.search(note, written) and all(re.search(note, s) for f in found for s in f.notes), f"note: {written}")
    must("partial" not in found[0].film, "marked as partial")
    frames = clips.count_frames(path)
    must(found[0].film["frames"] == frames, f"{found[0].film['frames']} frames, not {frames}")
    return "drawn" + (f", note: {written}" if written else "")


def whole(path, every=3):
    return drawn(path, None, every)


def noted(path, note=".", every=3):
    return drawn(path, note, every)


def refused(path, why="is not whole"):
    found = runs(path, 3)
    for f in found:
        must(f.code == 3, f"exit {f.code}, not 3")
        must(len(f.errors) == 1, f"{len(f.errors)} error lines")
        must(re.search(why, f.said()), f"said: {f.said()}")
        must(f.files == [None] * 3, "left files")
    return "refused: " + found[0].said()


def partial(path, every=3):
    """--allow-partial draws all frames that a plain decode gives."""
    found = runs(path, every, ["--allow-partial"])
    must(found[0].code == 0, f"--allow-partial: exit {found[0].code}: {found[0].said()}")
    same_frames(path, found, every)
    frames = clips.count_frames(path)
    must(found[0].film["frames"] == frames, f"--allow-partial: {found[0].film['frames']} frames, not {frames}")
    must(found[0].film.get("partial"), "--allow-partial: the side-car does not say so")
    return f"partial: {frames} frames"


# --- key flags and side data ------------------------------------------------------------------------------------------

@case
def hevc_without_sync_table(at):
    made(clips.encode(at("p.mp4"), X265 + " -pix_fmt yuv420p", 90))
    return whole(clips.write(at("x.mp4"), clips.without_sync_table(clips.read(at("p.mp4")))))


@case
def wmv2_without_index(at):
    made(clips.encode(at("p.avi"), "-c:v wmv2 -q:v 4 -g 12", 90))
    return whole(clips.write(at("x.avi"), clips.without_avi_index(clips.read(at("p.avi")))))


@case
def cinepak_all_key(at):
    made(clips.encode(at("p.avi"), "-c:v cinepak -g 12 -max_strips 1", 90, size="80x60"))
    made(clips.remux(at("p.avi"), at("x.avi"), "--key", "all"))
    return whole(at("x.avi"))


@case
def h263p_avi(at):
    made(clips.encode(at("x.avi"), "-c:v h263p -q:v 4 -g 12", 90))
    return whole(at("x.avi"))


@case
def palette_with_first_packet(at):
    made(clips.encode(at("x.avi"), "-c:v rawvideo -pix_fmt pal8", 90, clips.OF_FEW_COLOURS, "80x60"))
    return whole(at("x.avi"))


def two_palettes():
    return [(i, 255 - i, i // 2) for i in range(256)], [(255 - i, i // 3, 40 + i // 2) for i in range(256)]


@case
def palette_that_changes(at):
    """Raw pictures: the second palette comes before frame 40 and holds to the end."""
    first, second = two_palettes()
    pictures = [bytes((x + 3 * y + 2 * n) % 256 for y in range(48) for x in range(64)) for n in range(80)]
    packets = pictures[:40] + [second] + pictures[40:]
    clips.write(at("x.avi"), clips.make_avi(b"\0\0\0\0", 64, 48, first, packets, range(80)))
    return whole(at("x.avi"))


@case
def palette_that_changes_every_frame(at):
    made(clips.encode(at("x.avi"), "-vf split[a][b];[a]palettegen=stats_mode=single[c];[b][c]paletteuse=new=1 "
                      "-c:v rawvideo -pix_fmt pal8", 60, clips.OF_FEW_COLOURS, "80x60"))
    return whole(at("x.avi"))


@case
def palette_of_msvideo1(at):
    """8-bit MS Video 1 by hand: 4x4 blocks, each filled or left as it was; the palette
    changes before frame 30, the key frame at 40 does not say so again."""
    first, second = two_palettes()
    blocks = 16 * 12

    def packet(n):
        if n % 20 == 0:
            return b"".join(bytes(((b + n) % 256, 0x80)) for b in range(blocks))
        here = n * 7 % (blocks - 8)
        skip = lambda count: bytes((count & 255, 0x84 | count >> 8)) if count else b""  # noqa: E731
        return skip(here) + b"".join(bytes(((5 * n + b) % 256, 0x80)) for b in range(8)) + skip(blocks - here - 8)

    packets = [packet(n) for n in range(80)]
    packets.insert(30, second)
    clips.write(at("x.avi"), clips.make_avi(b"MSVC", 64, 48, first, packets, range(0, 80, 20)))
    return whole(at("x.avi"))


@case
def headers_that_change(at):
    """FLV: a second AVC sequence header in the middle comes to the decoder as side data."""
    made(clips.encode(at("a.flv"), X264, 45))
    made(clips.encode(at("b.flv"), X264.replace("-bf 2", "-bf 0 -x264-params cabac=0:8x8dct=0:ref=2"), 45))
    a, b, later = clips.read(at("a.flv")), bytearray(clips.read(at("b.flv"))), 45 * 40
    p, tail = 13, b""
    while p + 11 <= len(b):
        size = 11 + int.from_bytes(b[p + 1:p + 4], "big") + 4
        if b[p] == 9:
            t = int.from_bytes(b[p + 4:p + 7], "big") + later
            b[p + 4:p + 7] = t.to_bytes(3, "big")
            tail += b[p:p + size]
        p += size
    clips.write(at("x.flv"), a + tail)
    return drawn(at("x.flv"), "")


# --- pauses -----------------------------------------------------------------------------------------------------------

def paused(at, suffix, encoder=X264):
    made(clips.encode(at("p." + suffix), encoder, 150))
    made(clips.remux(at("p." + suffix), at("x." + suffix), "--pause", "72,10"))
    return drawn(at("x." + suffix), "")


@case
def pause_mp4(at):
    return paused(at, "mp4")


@case
def pause_mkv(at):
    return paused(at, "mkv")


@case
def pause_ts(at):
    """The continuity counters say that nothing was lost."""
    return paused(at, "ts")


@case
def pause_mpg(at):
    return paused(at, "mpg", "-c:v mpeg2video -q:v 4 -g 12 -bf 0")


@case
def pause_asf(at):
    return paused(at, "asf", "-c:v wmv2 -q:v 4 -g 12")


@case
def pause_flv(at):
    return paused(at, "flv", "-c:v flv -q:v 4 -g 12")


@case
def pause_fragmented_mp4(at):
    """Sequence numbers without a gap."""
    made(clips.encode(at("p.mp4"), X264, 150))
    made(clips.remux(at("p.mp4"), at("q.mp4"), "--pause", "72,10"))
    made(clips.copy(at("q.mp4"), at("x.mp4"), "-movflags", "+frag_keyframe+empty_moov+default_base_moof"))
    return drawn(at("x.mp4"), "")


def repeats_dropped(at, suffix):
    """As screen recorders and mpdecimate do: where nothing moves there is no frame."""
    select = "-vf 'select=not(between(n\\,50\\,149)+between(n\\,220\\,299))' -fps_mode vfr "
    made(clips.encode(at("x." + suffix), select + X264, 200))
    return drawn(at("x." + suffix), "")


@case
def repeats_dropped_mp4(at):
    return repeats_dropped(at, "mp4")


@case
def repeats_dropped_mkv(at):
    return repeats_dropped(at, "mkv")


# --- whole films that look otherwise ----------------------------------------------------------------------------------

@case
def mkv_from_60_s(at):
    made(clips.encode(at("x.mkv"), X264 + " -output_ts_offset 60", 90))
    return whole(at("x.mkv"))


@case
def mkv_from_60_s_cut(at):
    made(clips.encode(at("p.mkv"), X264 + " -output_ts_offset 60", 150))
    data = clips.read(at("p.mkv"))
    return refused(clips.write(at("x.mkv"), data[:len(data) * 6 // 10]))


@case
def mkv_from_1_h(at):
    made(clips.encode(at("x.mkv"), X264 + " -output_ts_offset 3600", 90))
    return whole(at("x.mkv"))


@case
def gxf_to_its_end(at):
    """Its demuxer ends with an error at the true end."""
    made(clips.encode(at("x.gxf"), "-c:v mjpeg -q:v 20 -pix_fmt yuvj420p", 25, size="720x576"))
    return whole(at("x.gxf"))


@case
def gxf_mpeg2_to_its_end(at):
    made(clips.encode(at("x.gxf"), "-c:v mpeg2video -q:v 20 -g 12 -bf 2 -pix_fmt yuv420p", 50, size="720x576"))
    return whole(at("x.gxf"))


def field_pairs(at, units, suffix):
    clips.write(at("p.264"), b"".join(units))
    made(clips.copy(at("p.264"), at("x." + suffix)))
    return at("x." + suffix)


@case
def field_pairs_mkv(at):
    return whole(field_pairs(at, clips.make_field_pairs(48), "mkv"))


@case
def field_pairs_ts(at):
    return whole(field_pairs(at, clips.make_field_pairs(48), "ts"))


@case
def ordinary_films_have_no_note(at):
    for suffix in ("mp4", "mkv", "ts", "avi", "mpg", "mov"):
        codec = X264 if suffix != "mpg" else "-c:v mpeg2video -q:v 4 -g 12 -bf 2"
        made(clips.encode(at("x." + suffix), codec, 40))
        found = clips.Barcode(at("x." + suffix))
        must(found.code == 0, f"{suffix}: exit {found.code}: {found.said()}")
        must(not found.notes and "note" not in found.film, f"{suffix}: a note: {found.notes}")
    return "drawn"


# --- small loss -------------------------------------------------------------------------------------------------------

def recording(at, frames=250, codec=X264):
    """-> transport packets, and those of each frame."""
    made(clips.encode(at("p.ts"), codec, frames))
    packets = clips.ts_packets(clips.read(at("p.ts")))
    return packets, clips.ts_frames(packets)


@case
def ts_one_packet_lost(at):
    packets, frames = recording(at)
    middle = frames[126][len(frames[126]) // 2]
    return noted(clips.write(at("x.ts"), clips.without_ts_packets(packets, [middle])), r"\b[45](\.\d+)? ?s")


@case
def ts_one_frame_lost(at):
    packets, frames = recording(at)
    return noted(clips.write(at("x.ts"), clips.without_ts_packets(packets, frames[126])), r"\b[45](\.\d+)? ?s")


@case
def ts_mpeg2_one_packet_lost(at):
    packets, frames = recording(at, 250, "-c:v mpeg2video -q:v 4 -g 12 -bf 2")
    middle = frames[126][len(frames[126]) // 2]
    return noted(clips.write(at("x.ts"), clips.without_ts_packets(packets, [middle])), r"\b[45](\.\d+)? ?s")


@case
def field_pairs_one_damaged(at):
    """A packet a field: as many frames as packets are not to be expected."""
    units = clips.make_field_pairs(48)
    units[41] = units[41][:900]
    return noted(field_pairs(at, units, "mkv"))


@case
def note_in_report(at):
    """A collection: the note stands in the report, the refused film is not drawn."""
    os.mkdir(at("films"))
    packets, frames = recording(at)
    clips.write(at("films/glitch.ts"), clips.without_ts_packets(packets, frames[126]))
    clips.write(at("films/hole.ts"), clips.without_ts_packets(packets, sum(frames[60:200], [])))
    os.rename(at("p.ts"), at("films/whole.ts"))
    done = clips.run([os.environ["JACQUARD"], "catalog", at("films"), "--out", at("out"), "-k", "2", "--n-init", "1",
                      "--scale", "32x24", "--backend", os.environ.get("BACKEND", "cpu"), "--progress", "none"])
    must(done.returncode == 3, f"exit {done.returncode}, not 3")
    films = {f["name"]: f for f in json.loads(clips.read(at("out/report.json")))["films"]}
    must(films["whole"]["status"] == "done" and not films["whole"].get("note"), f"whole.ts: {films['whole']}")
    glitch = films["glitch"]
    must(glitch["status"] == "done" and glitch.get("note"), f"glitch.ts has no note: {glitch}")
    must(films["hole"]["status"] == "failed", f"hole.ts: {films['hole']}")
    side = json.loads(clips.read(at("out/glitch.json")))["film"]
    must(side.get("note") == glitch["note"], f"side-car: {side.get('note')}")
    return f"note: {side['note']}"


def remuxed_after_loss(at, suffix, encoder, first, n, every):
    """Copied into another file after the loss: no counter tells of it, only pictures that refer to what is gone."""
    made(clips.encode(at("p." + suffix), encoder, 150))
    made(clips.remux(at("p." + suffix), at("x." + suffix), "--drop", f"{first},{n}"))
    return drawn(at("x." + suffix), "", every)


@case
def order_after_loss(at):
    """A decoder shows the pictures after the loss in another order than their times say."""
    return remuxed_after_loss(at, "mp4", "-c:v mpeg2video -q:v 4 -g 12 -bf 2", 121, 1, 3)


@case
def count_after_loss(at):
    """Two packets after the loss give no frame."""
    return remuxed_after_loss(at, "mkv", "-c:v mpeg4 -q:v 4 -g 12 -bf 2", 81, 20, 7)


@case
def concealment_after_loss(at):
    """What a decoder puts in the place of a lost reference depends on what it decoded before."""
    return remuxed_after_loss(at, "ts", X264, 4, 1, 3)


# --- not whole --------------------------------------------------------------------------------------------------------

@case
def ts_8_s_lost(at):
    packets, frames = recording(at, 300)
    return refused(clips.write(at("x.ts"), clips.without_ts_packets(packets, sum(frames[50:250], []))))


@case
def ts_3_s_lost(at):
    """From one key frame to another: nothing is damaged, only the continuity counters tell."""
    packets, frames = recording(at, 250, X264 + " -sc_threshold 0 -keyint_min 12")
    lost = sum(frames[96:168], [])
    if len(lost) % 16 == 0:
        lost = lost[:-1]
    return refused(clips.write(at("x.ts"), clips.without_ts_packets(packets, lost)))


@case
def ts_20_frames_lost(at):
    """More than 5 frames, though the hole is short."""
    packets, frames = recording(at)
    lost = sum(frames[100:120], [])
    if len(lost) % 16 == 0:
        lost = lost[:-1]
    return refused(clips.write(at("x.ts"), clips.without_ts_packets(packets, lost)))


@case
def mpg_3_s_lost(at):
    """Cut at sector bounds: a hole in time, and damage beside it where that is looked at."""
    made(clips.encode(at("p.mpg"), "-c:v mpeg2video -q:v 4 -g 12 -bf 2", 250))
    data = clips.read(at("p.mpg"))
    a, b = len(data) * 4 // 10 // 2048 * 2048, len(data) * 7 // 10 // 2048 * 2048
    return either(clips.write(at("x.mpg"), data[:a] + data[b:]))


def fragmented(at, frames, lost):
    options = " -sc_threshold 0 -keyint_min 12 -movflags +frag_keyframe+empty_moov+default_base_moof"
    made(clips.encode(at("p.mp4"), X264 + options, frames))
    head, parts = clips.fragments(clips.read(at("p.mp4")))
    return clips.write(at("x.mp4"), head + b"".join(p for i, p in enumerate(parts) if i not in lost))


@case
def fragments_all_there(at):
    return whole(fragmented(at, 240, []))


@case
def fragments_missing(at):
    return refused(fragmented(at, 240, range(8, 14)))


@case
def fragment_missing(at):
    """Half a second: its sequence number lacks."""
    return refused(fragmented(at, 240, [10]))


def cut(at, suffix, codec=X264, share=0.7):
    made(clips.encode(at("p." + suffix), codec, 120))
    data = clips.read(at("p." + suffix))
    return clips.write(at("x." + suffix), data[:int(len(data) * share) // 2 * 2 + 1])


@case
def cut_mp4(at):
    path = cut(at, "mp4", X264 + " -movflags +faststart")
    return refused(path) + "; " + partial(path)


@case
def cut_mkv(at):
    path = cut(at, "mkv")
    return refused(path) + "; " + partial(path)


@case
def cut_avi(at):
    path = cut(at, "avi", "-c:v mpeg4 -q:v 4 -g 12")
    return refused(path) + "; " + partial(path)


@case
def cut_ts(at):
    """No container says where such a film ends: a recording that was stopped."""
    return drawn(cut(at, "ts"), "")


def with_damage(at, every):
    """Garbage within the slices of every N-th frame of an MP4, whose boxes stay sound."""
    made(clips.encode(at("p.mp4"), X264 + " -bf 0", 120))
    data, dice = bytearray(clips.read(at("p.mp4"))), random.Random(5)
    n = 0
    for name, start, end in clips.boxes(data):
        at_nal = start + 8
        while name == b"mdat" and at_nal + 4 < end:
            size = int.from_bytes(data[at_nal:at_nal + 4], "big")
            if data[at_nal + 4] & 31 in (1, 5):
                n += 1
                if every and n % every == 0 and size > 60:
                    for i in range(at_nal + 30, at_nal + 4 + size):
                        data[i] = dice.randrange(1, 256)
            at_nal += 4 + size
    return clips.write(at("x.mp4"), bytes(data))


@case
def half_of_the_frames_damaged(at):
    path = with_damage(at, 2)
    return refused(path, "is not whole|damaged") + "; " + partial(path)


@case
def two_frames_damaged(at):
    return noted(with_damage(at, 50))


@case
def encrypted(at):
    key, name = "00112233445566778899aabbccddeeff", "0123456789abcdef0123456789abcdef"
    options = f" -encryption_scheme cenc-aes-ctr -encryption_key {key} -encryption_kid {name}"
    made(clips.encode(at("x.mp4"), X264 + options, 60))
    return refused(at("x.mp4"), "encrypted")


@case
def dolby_vision_profile_5(at):
    """An IPT picture that claims nothing else: a dvcC box at the end of the sample entry says so."""
    made(clips.encode(at("p.mp4"), X265 + " -pix_fmt yuv420p10le", 30))
    data = clips.read(at("p.mp4"))
    entry = data.rfind(b"hvc1") - 4
    box = struct.pack(">I4sBBHI16x", 32, b"dvcC", 1, 0, 5 << 9 | 1 << 3 | 5, 0)[:32]
    end = entry + int.from_bytes(data[entry:entry + 4], "big")
    out = bytearray(data[:end] + box + data[end:])
    grown, first, last = [entry], 0, len(data)
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"):
        _, start, last = next(b for b in clips.boxes(data, first, last) if b[0] == name)
        grown.append(start)
        first = start + 8
    for start in grown:
        out[start:start + 4] = (int.from_bytes(out[start:start + 4], "big") + len(box)).to_bytes(4, "big")
    return refused(clips.write(at("x.mp4"), bytes(out)), "Dolby Vision")


# --- reading fails in the middle --------------------------------------------------------------------------------------

@case
def mkv_zeros_in_the_middle(at):
    """Three of ten seconds, clusters of half a second."""
    made(clips.encode(at("p.mkv"), X264 + " -cluster_time_limit 500", 250))
    data = clips.read(at("p.mkv"))
    c = clips.clusters(data)
    a, b = c[len(c) * 4 // 10] + 40, c[len(c) * 7 // 10] - 40
    path = clips.write(at("x.mkv"), data[:a] + bytes(b - a) + data[b:])
    return either(path)


@case
def mkv_garbage_in_the_middle(at):
    made(clips.encode(at("p.mkv"), X264 + " -cluster_time_limit 500", 250))
    data = clips.read(at("p.mkv"))
    c = clips.clusters(data)
    a, b = c[len(c) * 4 // 10] + 40, c[len(c) * 7 // 10] - 40
    path = clips.write(at("x.mkv"), data[:a] + random.Random(3).randbytes(b - a) + data[b:])
    return either(path)


@case
def avi_garbage_in_the_middle(at):
    made(clips.encode(at("p.avi"), "-c:v mpeg4 -q:v 4 -g 12", 150))
    data = clips.read(at("p.avi"))
    a = data.find(b"movi") + len(data) * 4 // 10
    b = a + len(data) // 10
    path = clips.write(at("x.avi"), data[:a] + random.Random(3).randbytes(b - a) + data[b:])
    return refused(path) + "; " + partial(path)


def with_sample_sizes(at, wrong):
    made(clips.encode(at("p.mp4"), X264, 120))
    data = bytearray(clips.read(at("p.mp4")))
    table = data.rfind(b"stsz") + 16
    for n, size in wrong.items():
        data[table + 4 * n:table + 4 * n + 4] = struct.pack(">I", size)
    return clips.write(at("x.mp4"), bytes(data))


@case
def mp4_sample_beyond_the_end(at):
    path = with_sample_sizes(at, {60: 0x7ffffff0})
    return refused(path) + "; " + partial(path)


@case
def mp4_sample_offsets_beyond_the_end(at):
    """A chunk of the table lies beyond the file's end: reading fails there, and goes on after it."""
    source = clips.PICTURE + "[out0];sine=d=5[out1]"
    made(clips.encode(at("p.mp4"), X264 + " -c:a aac -shortest", 120, source))
    data = bytearray(clips.read(at("p.mp4")))
    table = data.find(b"stco") + 8
    n = int.from_bytes(data[table:table + 4], "big")
    at_middle = table + 4 + 4 * (n // 2)
    data[at_middle:at_middle + 4] = struct.pack(">I", len(data) + 5000)
    path = clips.write(at("x.mp4"), bytes(data))
    return refused(path) + "; " + partial(path)


def either(path):
    """Refused, and drawn in part; or drawn with a note. Never drawn without a word."""
    code = clips.Barcode(path).code
    return noted(path) if code == 0 else refused(path) + "; " + partial(path)


# --- all of them ------------------------------------------------------------------------------------------------------

def one(name, folder, keep):
    home = os.path.join(folder, f"{list(CASES).index(name):02d}") # a case's name must not answer for a message
    os.mkdir(home)
    fault = ""
    try:
        outcome = CASES[name](lambda file: os.path.join(home, file))
    except NotMade as why:
        outcome = f"not made: {why}"
    except Fault as why:
        outcome, fault = f"FAULT: {why}", str(why)
    if not keep:
        for root, _, files in os.walk(home, topdown=False):
            for file in files:
                os.remove(os.path.join(root, file))
            os.rmdir(root)
    return name, bool(fault), outcome


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("folder")
    a = parser.parse_args()
    began = time.monotonic()
    results = []
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        waiting = [pool.submit(one, name, a.folder, a.keep) for name in CASES if re.search(a.only, name)]
        for future in waiting:
            results.append(future.result())
            name, _, outcome = results[-1]
            print(f"{name:34} {outcome.replace(a.folder + '/', '')}", flush=True)
    n_bad = sum(bad for _, bad, _ in results)
    print(f"{len(results)} cases, {n_bad} not as they should be, {time.monotonic() - began:.0f} s")
    if not results or all(outcome.startswith("not made") for _, _, outcome in results):
        sys.exit(77)
    sys.exit(n_bad > 0)


if __name__ == "__main__":
    main()
