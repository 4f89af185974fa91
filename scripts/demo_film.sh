#!/bin/bash
# demo_film: makes a synthetic film of about 40 seconds whose barcode is worth looking at: a night, a sunrise, a day
# at sea, an old black-and-white reel, a letterboxed forest, quick cuts, fire, credits; with fades, hard cuts, a
# dissolve and motion. The same command and the same ffmpeg give the same film.
#
# usage: demo_film.sh OUT.mp4 [WIDTHxHEIGHT]
set -euo pipefail

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    echo "usage: demo_film.sh OUT.mp4 [WIDTHxHEIGHT]" >&2
    exit 2
fi
out=$1
size=${2:-640x360}
command -v ffmpeg >/dev/null || { echo "demo_film.sh: ffmpeg is not installed" >&2; exit 2; }
w=${size%x*} h=${size#*x}
temporary=$(mktemp "${out%/*}/demo_film.XXXXXX.mp4" 2>/dev/null || mktemp ./demo_film.XXXXXX.mp4)
trap 'rm -f "$temporary"' EXIT

encoders=$(ffmpeg -nostdin -hide_banner -encoders 2>/dev/null)
if [[ $encoders == *" libx264 "* ]]; then
    codec=(-c:v libx264 -preset veryfast -crf 20 -g 48 -x264-params threads=2)
else
    codec=(-c:v mpeg4 -q:v 5 -g 48)
fi

graph=
n=0
objects=()
# object COLOUR WIDTH HEIGHT X Y: a rectangle in the next scene; X and Y are expressions of the time t and the frame
# W, H.
object() { objects+=("$1:s=$2x$3:r=24|overlay=x='$4':y='$5':shortest=1"); }
# scene SECONDS SOURCE [FILTERS]: SOURCE is a lavfi source without size and rate; FILTERS come after the objects.
scene() {
    local i=0 last=n$n.0 one
    graph+="$2:s=$size:r=24,trim=duration=$1,setpts=PTS-STARTPTS,format=yuv420p[$last];"
    for one in "${objects[@]}"; do
        i=$((i + 1))
        graph+="color=${one%%|*},format=yuva420p[o$n.$i];[$last][o$n.$i]${one#*|}[n$n.$i];"
        last=n$n.$i
    done
    graph+="[$last]${3:-null},setsar=1,settb=1/24,format=yuv420p[s$n];"
    objects=()
    n=$((n + 1))
}
# gradient SEED SPEED TYPE COLOURS...: colours that drift.
gradient() {
    local source="gradients=seed=$1:speed=$2:type=$3:x0=$((w / 3)):y0=0:x1=$((w / 2)):y1=$((h - 1)):n=$(($# - 3))" i=0
    shift 3
    for colour in "$@"; do
        source+=":c$i=$colour"
        i=$((i + 1))
    done
    echo "$source"
}

# 0 Night: out of black, stars that drift by, a moon.
for i in 1 2 3 4 5 6 7 8 9; do
    object white@0.9 4 4 "mod($((i * 97 % w))+$((4 + i))*t,W)" "$((i * 53 % (h * 2 / 3)))"
done
object 0xf5f0d0 $((h / 9)) $((h / 9)) "W*0.75-6*t" "H/6"
scene 5 "$(gradient 1 0.002 linear 0x02030c 0x0a1a4a 0x27408b)" fade=in:d=2
# 1 Sunrise: a warm sky, a sun that climbs; it runs into
object 0xffe27a $((h / 4)) $((h / 4)) "W*0.4" "H*0.8-H*0.13*t"
scene 5 "$(gradient 2 0.003 linear 0x5b2a6e 0xd1495b 0xf79256 0xfbd1a2)"
# 2 the sea: blues, waves, and out to white.
object white@0.7 $((w / 3)) 8 "mod(60*t,W)" "H*0.7+12*sin(3*t)"
object 0xd8f3ff@0.8 $((w / 4)) 6 "W-mod(45*t,W)" "H*0.85+9*sin(2*t)"
object 0xc0392b $((w / 12)) $((h / 12)) "W*0.2+40*t" "H*0.5+5*sin(2*t)"
scene 6 "$(gradient 3 0.012 linear 0x9ad9f5 0x48a9d6 0x0f6f9c 0x07324f)" fade=out:st=5.2:d=0.8:color=white
# 3 An old reel: black and white, grain, flicker, 4:3 between black bars.
scene 5 "mandelbrot=start_scale=0.6:end_scale=0.1:end_pts=120:maxiter=300" \
    "hue=s=0,noise=c0s=18:c0f=t:all_seed=7,eq=brightness='0.05*sin(40*t)':eval=frame,crop=ih*4/3:ih,pad=$w:$h:-1:-1:black,fade=in:d=0.6:color=white"
# 4 A forest in wide screen, between two bars; something runs through it.
object 0xb5462a $((w / 10)) $((h / 8)) "mod(180*t,W)" "H*0.45+30*sin(6*t)"
object black "$w" $((h / 8)) 0 0
object black "$w" $((h / 8)) 0 "H*7/8"
scene 6 "$(gradient 4 0.008 spiral 0x0b2b14 0x1f5d2c 0x6fae45 0xc7d36f)"
# 5... Quick cuts.
for colours in "0xe63946 0x1d3557" "0xf1faee 0xa8dadc" "0xffb703 0x023047" "0x8338ec 0xff006e" "0x06d6a0 0x073b4c" "0xef476f 0xffd166"; do
    # shellcheck disable=SC2086
    scene 0.5 "$(gradient $((10 + n)) 0.03 circular $colours)"
done
# Fire, and out to black.
object 0x1b0000 $((w / 8)) $((h / 3)) "W*0.3+60*sin(t)" "H*0.7"
scene 5 "$(gradient 5 0.02 radial 0xfff3b0 0xffb000 0xe85d04 0x6a040f 0x1b0000)" \
    "noise=c0s=12:c0f=t:all_seed=11,fade=out:st=4.2:d=0.8"
# Credits: lines that roll over black.
for i in 0 1 2 3 4 5 6 7; do
    width=$((w / 4 + i * 37 % (w / 4)))
    object 0xd8d8d8 "$width" $((h / 30)) "(W-w)/2" "H-60*t+$((i * h / 10))"
done
scene 6 "color=c=black" fade=out:st=5:d=1

# The sunrise runs into the sea; all else is cut.
graph+="[s1][s2]xfade=transition=fade:duration=1:offset=4[dissolve];[s0][dissolve]"
for ((i = 3; i < n; i++)); do graph+="[s$i]"; done
graph+="concat=n=$((n - 1)):v=1:a=0[film]"

ffmpeg -nostdin -hide_banner -v error -y -filter_complex_threads 1 -filter_complex "$graph" -map '[film]' -r 24 "${codec[@]}" \
    -bitexact -movflags +faststart -metadata title="jacquard demo film" "$temporary"
chmod 644 "$temporary"
mv -f "$temporary" "$out"
trap - EXIT
