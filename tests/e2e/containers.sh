#!/bin/bash
# containers: films made here, in the containers and codings that make seeking lose frames: every sampled frame is,
# by hash of its decoded planes, the one of a plain sequential decode. The zoo asks the same of real films, where
# they are at hand.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
need ffmpeg python3
[ -n "${SEQDECODE:-}" ] || die "SEQDECODE is not set: the sequential decoder to compare with"

SOURCE=(-f lavfi -i "testsrc2=s=320x240:r=25:d=6")
# Every frame; several a group of pictures, with frames left out between; groups of pictures without any.
EVERY=(1 7 60)
[ -z "${ASAN_OPTIONS:-}" ] || EVERY=(7 60) # the sanitizers' builds are slow
n=0
# same_frames NAME [ENCODER OPTIONS]: skipped where this ffmpeg lacks the encoder.
same_frames() {
    local name=$1 path=$WORK/$1 every
    shift
    if ! "${FFMPEG[@]}" "${SOURCE[@]}" -threads 1 "$@" "$path" 2>/dev/null; then
        echo "$name: not made, this ffmpeg cannot"
        return 0
    fi
    for every in "${EVERY[@]}"; do
        barcode "$path" -o "$WORK/x.png" --frame-hashes "$WORK/x.txt" --every "${every}f" -k 2 --scale 64x48 --threads 3 --force
        expect_done "$name --every ${every}f"
        "$SEQDECODE" --every "$every" -- "$path" >"$WORK/seq.txt"
        if ! cmp -s "$WORK/seq.txt" "$WORK/x.txt"; then
            # Without timestamps the decoder has none to print; number and planes must still agree.
            diff "$WORK/seq.txt" "$WORK/x.txt" >"$WORK/err" || true
            grep -q ' nopts ' "$WORK/seq.txt" && diff <(cut -d' ' -f1,3 "$WORK/seq.txt") <(cut -d' ' -f1,3 "$WORK/x.txt") ||
                die "$name --every ${every}f: other frames"
        fi
    done
    n=$((n + 1))
    echo "$name: $(wc -l <"$WORK/seq.txt") columns, every frame the sequential decode's"
}

x264=(-c:v libx264 -preset veryfast -pix_fmt yuv420p -g 25)
same_frames h264.mp4 "${x264[@]}" -bf 3
same_frames h264_fragmented.mp4 "${x264[@]}" -bf 2 -movflags +frag_keyframe+empty_moov
same_frames h264_open.mkv "${x264[@]}" -bf 3 -x264-params open-gop=1:keyint=25:bframes=3
same_frames h264_one_key.mp4 "${x264[@]}" -g 9999 -sc_threshold 0 -bf 2
same_frames h264_refresh.mp4 "${x264[@]}" -x264-params intra-refresh=1:keyint=25:bframes=0
same_frames h264.ts "${x264[@]}" -bf 2
same_frames h264.264 "${x264[@]}" -bf 2
same_frames h264_10bit_422.mkv -c:v libx264 -preset veryfast -pix_fmt yuv422p10le -g 25
same_frames h264_vfr.mkv -vf "select='not(eq(mod(n,3),1))+lt(random(0),0.3)',setpts=PTS+random(1)*0.01/TB" -fps_mode vfr "${x264[@]}" -bf 2
same_frames hevc_open.mkv -c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=25:open-gop=1:bframes=3 -pix_fmt yuv420p
same_frames vp9_odd.webm -vf scale=161:121 -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 200k -g 25
same_frames mpeg2.ts -c:v mpeg2video -q:v 5 -g 15 -bf 2
same_frames mpeg2.mpg -c:v mpeg2video -q:v 5 -g 15 -bf 2
same_frames mpeg4.avi -c:v mpeg4 -q:v 5 -g 25 -bf 2
same_frames mjpeg.avi -c:v mjpeg -q:v 5 -pix_fmt yuvj420p
same_frames ffv1_rgb.mkv -c:v ffv1 -pix_fmt bgr0
if [ -s "$WORK/h264.mp4" ]; then # cut without coding: an edit list, or frames before time 0
    SOURCE=(-ss 1.5 -i "$WORK/h264.mp4")
    same_frames edit_list.mp4 -c copy
    same_frames negative_times.mkv -c copy -output_ts_offset -1 -avoid_negative_ts disabled
    same_frames offset.ts -c copy -output_ts_offset 95440
fi
[ "$n" -gt 5 ] || skip "this ffmpeg has too few encoders"
