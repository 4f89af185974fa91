#!/usr/bin/env python3
"""codings: every video codec that this ffmpeg can encode, in every container that takes it, with true key flags,
without the container's key index, and with false ones. What must hold for each clip: the program draws it, and each
sampled frame is, by hash of its decoded planes, the one of a plain sequential decode, with one rank and with three.
Prints a table: coding, container, variant, outcome.

usage: codings.py [--all] [--jobs N] [--only REGEX] [--keep] FOLDER
    default: the clips of SUBSET, which are quick and held most of what once went wrong
    --only REGEX    clips whose `codec container variant` matches
    --keep          clips that failed stay in FOLDER

From the environment: JACQUARD, SEQDECODE, REMUX, BACKEND, MPIRUN (a command).
"""
import argparse
import concurrent.futures
import functools
import os
import re
import sys
import time

import clips

FRAMES, EVERY = 90, 3

# name: (encoder and its options, size or None for 160x120). The size is the codec's own where it takes no other.
X264 = "-c:v libx264 -preset veryfast -pix_fmt yuv420p -g 12"
X265 = "-c:v libx265 -preset ultrafast -pix_fmt yuv420p -x265-params log-level=error:pools=1:frame-threads=1:keyint=12"
CODECS = {
    "h264": (X264 + " -bf 2", None),
    "h264-open": (X264 + " -bf 3 -x264-params open-gop=1:keyint=12:bframes=3", None),
    "h264-refresh": (X264 + " -x264-params intra-refresh=1:keyint=12:bframes=0", None),
    "h264-open-bare": (X264 + " -bf 3 -x264-params open-gop=1:keyint=12:bframes=3 -bsf:v filter_units=remove_types=6",
                       None),
    "h264-rgb": ("-c:v libx264rgb -preset veryfast -g 12", None),
    "hevc": (X265 + ":open-gop=0", None),
    "hevc-open": (X265 + ":open-gop=1:bframes=3", None),
    "hevc-refresh": (X265 + ":intra-refresh=1:bframes=0", None),
    "hevc-layers": (X265 + ":temporal-layers=1:bframes=3", None),
    "vp8": ("-c:v libvpx -deadline realtime -cpu-used 8 -b:v 300k -g 12 -auto-alt-ref 0", None),
    "vp8-altref": ("-c:v libvpx -deadline good -cpu-used 5 -b:v 300k -g 12 -auto-alt-ref 1 -lag-in-frames 8", None),
    "vp9": ("-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 300k -g 12", None),
    "vp9-altref": ("-c:v libvpx-vp9 -deadline good -cpu-used 5 -b:v 200k -g 12 -auto-alt-ref 1 -lag-in-frames 8", None),
    "av1": ("-c:v libaom-av1 -usage realtime -cpu-used 8 -b:v 200k -g 12", None),
    "av1-svt": ("-c:v libsvtav1 -preset 12 -g 12 -svtav1-params irefresh-type=1", None),
    "mpeg1video": ("-c:v mpeg1video -q:v 4 -g 12 -bf 0", None),
    "mpeg1video-b": ("-c:v mpeg1video -q:v 4 -g 12 -bf 2", None),
    "mpeg2video": ("-c:v mpeg2video -q:v 4 -g 12 -bf 2", None),
    "mpeg2video-closed": ("-c:v mpeg2video -q:v 4 -g 12 -bf 2 -flags +cgop -sc_threshold 1000000000", None),
    "mpeg2video-field": ("-c:v mpeg2video -q:v 4 -g 12 -bf 2 -flags +ildct+ilme -top 1", None),
    "mpeg4": ("-c:v mpeg4 -q:v 4 -g 12 -bf 0", None),
    "mpeg4-b": ("-c:v mpeg4 -q:v 4 -g 12 -bf 2", None),
    "mpeg4-qpel": ("-c:v mpeg4 -q:v 4 -g 12 -bf 2 -flags +qpel+mv4+aic", None),
    "mpeg4-field": ("-c:v mpeg4 -q:v 4 -g 12 -bf 2 -flags +ildct+ilme -top 1", None),
    "libxvid": ("-c:v libxvid -q:v 4 -g 12 -bf 2", None),
    "msmpeg4v2": ("-c:v msmpeg4v2 -q:v 4 -g 12", None),
    "msmpeg4v3": ("-c:v msmpeg4 -q:v 4 -g 12", None),
    "wmv1": ("-c:v wmv1 -q:v 4 -g 12", None),
    "wmv2": ("-c:v wmv2 -q:v 4 -g 12", None),
    "h261": ("-c:v h261 -q:v 4 -g 12", "176x144"),
    "h263": ("-c:v h263 -q:v 4 -g 12", "176x144"),
    "h263p": ("-c:v h263p -q:v 4 -g 12", None),
    "h263p-annexes": ("-c:v h263p -q:v 4 -g 12 -umv 1 -aiv 1 -obmc 1", None),
    "flv1": ("-c:v flv -q:v 4 -g 12", None),
    "rv10": ("-c:v rv10 -q:v 4 -g 12", "176x144"),
    "rv20": ("-c:v rv20 -q:v 4 -g 12", "176x144"),
    "svq1": ("-c:v svq1 -q:v 4 -g 12 -pix_fmt yuv410p", None),
    "cinepak": ("-c:v cinepak -g 12 -max_strips 1", "80x60"),
    "cinepak-strips": ("-c:v cinepak -g 12 -max_strips 3 -min_strips 2", "80x60"),
    "msvideo1": ("-c:v msvideo1 -g 12", None),
    "rpza": ("-c:v rpza -g 12", "128x96"),
    "smc": ("-c:v smc -g 12 -pix_fmt pal8", None),
    "qtrle": ("-c:v qtrle -g 12", None),
    "qtrle-gray": ("-c:v qtrle -g 12 -pix_fmt gray", None),
    "qtrle-argb": ("-c:v qtrle -g 12 -pix_fmt argb", None),
    "zmbv": ("-c:v zmbv -g 12 -pix_fmt bgr0", None),
    "zmbv-pal8": ("-c:v zmbv -g 12 -pix_fmt pal8", None),
    "flashsv": ("-c:v flashsv -g 12", None),
    "flashsv2": ("-c:v flashsv2 -g 12", None),
    "snow": ("-c:v snow -q:v 4 -g 12 -strict -2", None),
    "theora": ("-c:v libtheora -q:v 6 -g 12", None),
    "roqvideo": ("-c:v roqvideo -g 12", "128x128"),
    "gif": ("-c:v gif", None),
    "apng": ("-c:v apng -g 12", None),
    "asv1": ("-c:v asv1 -q:v 4", None),
    "asv2": ("-c:v asv2 -q:v 4", None),
    "mjpeg": ("-c:v mjpeg -q:v 4 -pix_fmt yuvj420p", None),
    "ljpeg": ("-c:v ljpeg -strict -2 -pix_fmt yuvj420p", None),
    "jpegls": ("-c:v jpegls", None),
    "jpeg2000": ("-c:v jpeg2000 -pix_fmt yuv420p", "80x60"),
    "libopenjpeg": ("-c:v libopenjpeg -pix_fmt yuv420p", "80x60"),
    "amv": ("-c:v amv -q:v 4", "160x128"),
    "speedhq": ("-c:v speedhq -q:v 4", None),
    "dnxhd": ("-c:v dnxhd -profile:v dnxhr_lb -pix_fmt yuv422p", "256x128"),
    "prores": ("-c:v prores", None),
    "prores_ks": ("-c:v prores_ks", None),
    "cfhd": ("-c:v cfhd", "160x128"),
    "vc2": ("-c:v vc2 -strict -2 -pix_fmt yuv420p", None),
    "dvvideo": ("-c:v dvvideo -pix_fmt yuv420p", "720x576"),
    "hap": ("-c:v hap", None),
    "vbn": ("-c:v vbn -pix_fmt rgb24", None),
    "ffv1": ("-c:v ffv1 -g 12 -level 1 -coder 1 -context 1", None),
    "ffv1-v3": ("-c:v ffv1 -g 12 -level 3 -coder 1", None),
    "ffvhuff": ("-c:v ffvhuff -pix_fmt yuv420p", None),
    "ffvhuff-context": ("-c:v ffvhuff -context 1 -pix_fmt yuv420p -strict -2", None),
    "huffyuv": ("-c:v huffyuv -pix_fmt yuv422p", None),
    "utvideo": ("-c:v utvideo -pix_fmt yuv420p", None),
    "magicyuv": ("-c:v magicyuv -pix_fmt yuv420p", None),
    "zlib": ("-c:v zlib -pix_fmt bgr24", None),
    "cljr": ("-c:v cljr -strict -2", None),
    "png": ("-c:v png", None),
    "png-pal8": ("-c:v png -pix_fmt pal8", None),
    "bmp": ("-c:v bmp", None),
    "bmp-pal8": ("-c:v bmp -pix_fmt rgb8", None),
    "tiff": ("-c:v tiff", None),
    "targa": ("-c:v targa", None),
    "sgi": ("-c:v sgi", None),
    "xwd": ("-c:v xwd -pix_fmt rgb24", None),
    "sunrast": ("-c:v sunrast -pix_fmt rgb24", None),
    "pcx": ("-c:v pcx -pix_fmt rgb24", None),
    "dpx": ("-c:v dpx -pix_fmt rgb24", None),
    "exr": ("-c:v exr", None),
    "qoi": ("-c:v qoi -pix_fmt rgb24", None),
    "webp": ("-c:v libwebp -lossless 1 -quality 0", None),
    "ppm": ("-c:v ppm", None),
    "v210": ("-c:v v210", None),
    "r210": ("-c:v r210", None),
    "r10k": ("-c:v r10k", None),
    "v308": ("-c:v v308", None),
    "v408": ("-c:v v408", None),
    "v410": ("-c:v v410", None),
    "ayuv": ("-c:v ayuv", None),
    "y41p": ("-c:v y41p", None),
    "yuv4": ("-c:v yuv4", None),
    "avrp": ("-c:v avrp", None),
    "avui": ("-c:v avui -strict -2 -pix_fmt uyvy422", "720x576"),
    "raw-yuv420p": ("-c:v rawvideo -pix_fmt yuv420p", None),
    "raw-uyvy": ("-c:v rawvideo -pix_fmt uyvy422", None),
    "raw-rgb24": ("-c:v rawvideo -pix_fmt rgb24", None),
    "raw-bgr24": ("-c:v rawvideo -pix_fmt bgr24", None),
    "raw-rgb555": ("-c:v rawvideo -pix_fmt rgb555le", None),
    "raw-gray": ("-c:v rawvideo -pix_fmt gray", None),
    "raw-pal8": ("-c:v rawvideo -pix_fmt pal8", None),
}
INTRA = """asv1 asv2 mjpeg ljpeg jpegls jpeg2000 libopenjpeg amv speedhq dnxhd prores prores_ks cfhd vc2 dvvideo hap vbn
    ffvhuff ffvhuff-context huffyuv utvideo magicyuv zlib cljr png png-pal8 bmp bmp-pal8 tiff targa sgi xwd sunrast pcx
    dpx exr qoi webp ppm v210 r210 r10k v308 v408 v410 ayuv y41p yuv4 avrp avui
    raw-yuv420p raw-uyvy raw-rgb24 raw-bgr24 raw-rgb555 raw-gray
    raw-pal8""".split()

# suffix: options of the muxer.
CONTAINERS = {
    "avi": "", "mkv": "", "webm": "", "mov": "", "mp4": "", "asf": "", "nut": "", "flv": "", "ts": "",
    "mpg": "", "vob": "-f svcd", "ogg": "", "mxf": "", "gxf": "", "rm": "", "ivf": "", "dv": "",
    "wtv": "", "gif": "", "h264": "", "hevc": "", "m1v": "-f mpeg1video", "m2v": "-f mpeg2video", "m4v": "-f m4v",
    "obu": "", "y4m": "-strict -1", "amv": "", "frag.mp4": "-movflags +frag_keyframe+empty_moov",
}
RAW = {"h264": "h264", "hevc": "hevc", "m1v": "mpeg1video", "m2v": "mpeg2video", "m4v": "mpeg4", "obu": "av1",
       "dv": "dvvideo", "gif": "gif", "amv": "amv"} # without a container: of a codec
FOR_INTRA = ("avi", "mkv", "mov", "nut", "asf", "mxf", "gxf", "dv", "amv", "y4m", "ogg")
LIARS = ("avi", "mkv", "mov", "flv", "asf", "nut", "rm", "ts")  # containers whose key flags are the muxer's word
# Of a kind each; quick ones.
SUBSET = [s.split() for s in """
    h264 mp4 plain; h264 mkv all; hevc mp4 noindex; hevc-open mkv late; vp8 mkv late; vp9 webm plain
    mpeg2video ts plain; mpeg4-b avi all; cinepak avi noindex; msvideo1 avi noindex; wmv2 avi noindex
    msmpeg4v3 avi all; h263p avi plain
    flv1 flv all; svq1 mov noindex; rpza mov late; qtrle mov noindex; rv20 rm all; zmbv avi noindex; theora ogg plain
    raw-pal8 avi plain; raw-pal8 mov plain; smc mov plain; ffv1 mkv all; prores mov plain
    huffyuv avi noindex; gif gif plain
    """.replace("\n", ";").split(";") if s.split()]


# --- clips ------------------------------------------------------------------------------------------------------------

@functools.cache
def codec_names():
    """Of encoders that are not called like what they make."""
    said = clips.run(["ffmpeg", "-nostdin", "-hide_banner", "-encoders"]).stdout.decode()
    return dict(re.findall(r"^ V\S+ (\S+) .*\(codec (\S+)\)$", said, re.M))


def holds(path, encoder):
    """Some muxers write what no demuxer reads as that."""
    asked = clips.run(["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=codec_name",
                       "-of", "default=nk=1:nw=1", path])
    found = (asked.stdout.decode().split() or [""])[0]
    return found == codec_names().get(encoder, encoder) or (found, encoder) == ("h263", "h263p")


def make(codec, container, path):
    options, size = CODECS[codec]
    of_few = codec in ("zmbv", "zmbv-pal8", "smc", "gif", "raw-pal8", "png-pal8", "apng", "flashsv", "flashsv2")
    done = clips.encode(path, f"{options} {CONTAINERS[container]}", 30 if codec in ("dvvideo", "avui") else FRAMES,
                        clips.OF_FEW_COLOURS if of_few else clips.PICTURE, size or "160x120")
    return done and holds(path, options.split()[1])


def strip_index(container, path, out):
    cut = {"avi": clips.without_avi_index, "mov": clips.without_sync_table, "mp4": clips.without_sync_table,
           "mkv": clips.without_cues, "webm": clips.without_cues}.get(container)
    data = cut(clips.read(path)) if cut else None
    if data is None:
        return False
    clips.write(out, data)
    return True


def variant(container, path, kind, out):
    if kind == "noindex":
        return strip_index(container, path, out)
    if container == "rm":
        clips.write(out, clips.lie_in_rm(clips.read(path), kind))
        return True
    return clips.remux(path, out, "--key", kind)


# --- checks -----------------------------------------------------------------------------------------------------------

def check(path, runs):
    """-> outcome: "ok" or what is wrong."""
    want, refuses = clips.plain_decode(path, EVERY)
    if not want or refuses and 2 * EVERY * len(want) < FRAMES: # a decoder that needs the key flags, say
        return "not made: a plain decoder gets few frames of it"
    faults, results, noted = [], set(), ""
    for ranks, threads in runs:
        barcode = clips.Barcode(path, EVERY, ranks, threads)
        fault = f"exit {barcode.code}: {barcode.said()}" if barcode.code else clips.compare(want, barcode.hashes)
        if fault:
            faults.append(f"{ranks} rank{'s' * (ranks > 1)}: {fault}")
        if barcode.code:
            break
        results.add(tuple(barcode.files))
        noted = "".join(barcode.notes)
    if len(results) > 1:
        faults.append(f"{len(results)} different results")
    refused = " (the plain decoder refuses some)" if refuses else ""
    return "; ".join(dict.fromkeys(faults)) + refused if faults else f"ok {noted}".strip()


# --- all of them ------------------------------------------------------------------------------------------------------

def one(codec, container, kinds, runs, folder, keep):
    """-> rows (codec, container, variant, outcome) of a codec in a container."""
    base = os.path.join(folder, f"{codec}.plain.{container}")
    rows = []
    try:
        if not make(codec, container, base):
            return []
        for kind in kinds:
            path = base if kind == "plain" else os.path.join(folder, f"{codec}.{kind}.{container}")
            if kind != "plain" and not variant(container, base, kind, path):
                continue
            outcome = check(path, runs)
            rows.append((codec, container, kind, outcome))
            if kind != "plain" and os.path.exists(path) and (not keep or outcome.startswith("ok")):
                os.remove(path)
    finally:
        if os.path.exists(base) and (not keep or all(r[3].startswith("ok") for r in rows if r[2] == "plain")):
            os.remove(base)
    return rows


def jobs(everything, only):
    if not everything:
        chosen = {}
        for codec, container, kind in SUBSET:
            chosen.setdefault((codec, container), []).append(kind)
    else:
        chosen = {}
        for codec in CODECS:
            for container in FOR_INTRA if codec in INTRA else CONTAINERS:
                if not codec.startswith(RAW.get(container, "")):
                    continue
                kinds = ["plain", "noindex"]
                if codec not in INTRA and container in LIARS:
                    kinds += ["all", "late"] + ["first"] * (container == "mkv")
                chosen[codec, container] = kinds
    for (codec, container), kinds in chosen.items():
        kinds = [k for k in kinds if re.search(only, f"{codec} {container} {k}")]
        if kinds:
            yield codec, container, kinds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("folder")
    a = parser.parse_args()
    began = time.monotonic()
    n = n_bad = 0
    runs = ((1, 4), (3, 2)) if a.all else ((1, 4), (1, 3), (3, 2)) # ranks, threads
    made = set()
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        waiting = [pool.submit(one, *job, runs, a.folder, a.keep) for job in jobs(a.all, a.only)]
        for future in concurrent.futures.as_completed(waiting):
            for row in future.result():
                bad = not row[3].startswith(("ok", "not made"))
                n_bad += bad
                if not row[3].startswith("not made"):
                    n += 1
                    made.add(row[0])
                print(f"{row[0]:18} {row[1]:9} {row[2]:8} {'FAULT: ' * bad}{row[3]}", flush=True)
    if not a.only:
        lacking = sorted({codec for codec, _, _ in jobs(a.all, "")} - made)
        print("not made, this ffmpeg cannot: " + (" ".join(lacking) or "none"))
    took = time.monotonic() - began
    print(f"{n} clips of {len(made)} codings, {n_bad} not as a plain decode shows them, {took:.0f} s")
    if n == 0:
        sys.exit(77)
    sys.exit(n_bad > 0)


if __name__ == "__main__":
    main()
