#!/bin/bash
# workstation: a film collection, or any other command of jacquard, over the GPUs of one machine without a batch system,
# one rank a GPU (without GPUs: one rank).
#
#   ./scripts/workstation.sh catalog FOLDER... --out DIR [OPTIONS...]
#
# Ctrl-C (also SIGTERM, SIGHUP, SIGUSR1) keeps what is done and leaves with 75; a second one leaves at once. The same
# command goes on from there. In the environment may be set: JACQUARD (the program), MPIRUN, RANKS, MOST_RESTARTS: how
# often to go on by itself when the work was interrupted by something else than a signal to this script: a time limit,
# a rank that died (default 0).
set -euo pipefail
: "${JACQUARD:=jacquard}" "${MPIRUN:=mpirun}" "${MOST_RESTARTS:=0}"

if [ $# = 0 ]; then
    echo "usage: ./scripts/workstation.sh COMMAND [OPTIONS...]     (see: jacquard --help)" >&2
    exit 2
fi
if [ -z "${RANKS:-}" ]; then
    found=$("$JACQUARD" info)
    RANKS=$(grep -c '^backend cuda, device ' <<<"$found" || true)
    [ "$RANKS" -gt 0 ] || RANKS=1
fi

# The launcher is kept from the terminal's Ctrl-C, at which it would kill the ranks: it hands SIGUSR1 on to them.
step='' is_notified='' n_signals=0
trap 'is_notified=1 n_signals=$((n_signals + 1)); [ -z "$step" ] || kill -USR1 "$step" || true' INT TERM HUP USR1

for ((n_restarts = 0; ; n_restarts++)); do
    # No --bind-to: decoding has threads of its own. stdin is not read.
    setsid "$MPIRUN" -n "$RANKS" --bind-to none "$JACQUARD" "$@" </dev/null &
    step=$!
    # A signal ends the wait, not the step: wait again. (Of a step that has ended, bash tells the exit code a second
    # time.)
    while
        seen=$n_signals rc=0
        wait "$step" || rc=$?
        [ "$seen" != "$n_signals" ]
    do :; done
    [ "$rc" = 75 ] || [ "$rc" -gt 128 ] || break
    [ -z "$is_notified" ] && [ "$n_restarts" -lt "$MOST_RESTARTS" ] || break
    echo "workstation: interrupted (exit code $rc), goes on" >&2
done
exit "$rc"
