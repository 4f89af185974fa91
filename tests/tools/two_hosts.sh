# two_hosts: two hosts on one machine, for jobs over a network: host-a and host-b, each with its own network, host name,
# /dev/shm and /etc/hosts, joined by one cable, eth0, without or with delay. They share files, processors and process
# numbers. Open MPI takes them for what they are called, and starts its daemon on the other one by an agent instead of
# ssh. Everything runs in one process-number namespace whose first process dies with the script that sourced this, even
# by SIGKILL: no process, device or mount is left. Sourced, never run. Needs root, util-linux, iproute2, python3, and of
# the kernel veth and netem; without netem, /dev/net/tun (slow_link.py is the cable then).
#
#   two_hosts_open FOLDER || skip "$TWO_HOSTS_WHY"      FOLDER is for files of its own
#   two_hosts_link 20 1000                              a cable: ms each way, Mbit/s; 0 0: as fast as it goes
#   "${TWO_HOSTS_MPIRUN[@]}" --host host-a,host-b PROGRAM ARGUMENTS
#   on_host a COMMAND...
# shellcheck shell=bash

TWO_HOSTS_TOOLS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TWO_HOSTS_WHY='' TWO_HOSTS_CABLE='' # why not; what the cable is
HOST_A='' HOST_B='' CABLE=''        # processes
HOST_ENTER=()
declare -A HOST_ADDRESS=([a]=198.18.0.1 [b]=198.18.0.2) # of the block for measuring networks, RFC 2544

# on_host a|b COMMAND...
on_host() {
    local host=$1
    shift
    if [ "$host" = a ]; then
        "${HOST_ENTER[@]}" "$@"
    else
        "${HOST_ENTER[@]}" "$TWO_HOSTS_FOLDER/enter-b" "$@"
    fi
}

# The first process of a host: $1 its name, $2 the folder. Says why on stderr.
# shellcheck disable=SC2016
host_main='set -e
hostname "$1"
mount -t tmpfs tmpfs /dev/shm
mount --bind "$2/hosts" /etc/hosts
ip link set lo up
echo cubic >/proc/sys/net/ipv4/tcp_congestion_control 2>/dev/null || true # the usual one, whatever this machine has
echo $$ >"$2/$1.new"
mv "$2/$1.new" "$2/$1"
exec sleep infinity'

# host_wait NAME PROCESS: until it is there.
host_wait() {
    for _ in {1..200}; do
        [ ! -e "$TWO_HOSTS_FOLDER/$1" ] || return 0
        kill -0 "$2" 2>/dev/null || break
        sleep 0.05
    done
    TWO_HOSTS_WHY="$1 cannot be made: $(head -n 1 "$TWO_HOSTS_FOLDER/why")"
    return 1
}

# two_hosts_open FOLDER: 1 where that cannot be; TWO_HOSTS_WHY says why.
two_hosts_open() {
    local tool new_host=(unshare --net --uts --mount)
    TWO_HOSTS_FOLDER=$(realpath "$1")
    [ "$(id -u)" = 0 ] || { TWO_HOSTS_WHY="namespaces need root"; return 1; }
    for tool in ip tc unshare nsenter setpriv hostname mount mpirun python3; do
        command -v "$tool" >/dev/null || { TWO_HOSTS_WHY="$tool is not installed"; return 1; }
    done
    printf '%s\n' '127.0.0.1 localhost' "${HOST_ADDRESS[a]} host-a" "${HOST_ADDRESS[b]} host-b" \
        >"$TWO_HOSTS_FOLDER/hosts"

    setpriv --pdeathsig KILL "${new_host[@]}" --pid --fork --kill-child --mount-proc \
        bash -c "$host_main" bash host-a "$TWO_HOSTS_FOLDER" 2>"$TWO_HOSTS_FOLDER/why" </dev/null &
    HOST_A=$!
    host_wait host-a "$HOST_A" || return 1
    local of=/proc/$HOST_A/ns
    HOST_ENTER=(nsenter "--net=$of/net" "--uts=$of/uts" "--mount=$of/mnt" "--pid=$of/pid_for_children")

    on_host a setpriv --pdeathsig KILL "${new_host[@]}" \
        bash -c "$host_main" bash host-b "$TWO_HOSTS_FOLDER" 2>"$TWO_HOSTS_FOLDER/why" </dev/null &
    HOST_B=$!
    host_wait host-b "$HOST_B" || return 1
    printf '%s\n' '#!/bin/sh' "exec nsenter -t $(cat "$TWO_HOSTS_FOLDER/host-b") --net --uts --mount -- \"\$@\"" \
        >"$TWO_HOSTS_FOLDER/enter-b"
    # As ssh does: the host's name, then a command line for its shell.
    printf '%s\n' '#!/bin/sh' 'shift' "exec '$TWO_HOSTS_FOLDER/enter-b' sh -c \"\$*\"" >"$TWO_HOSTS_FOLDER/agent"
    chmod +x "$TWO_HOSTS_FOLDER/enter-b" "$TWO_HOSTS_FOLDER/agent"

    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_plm_rsh_agent="$TWO_HOSTS_FOLDER/agent"
    export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
    export OMPI_MCA_btl_tcp_if_include=eth0 OMPI_MCA_oob_tcp_if_include=eth0
    export OMPI_MCA_orte_tmpdir_base="$TWO_HOSTS_FOLDER"
    # shellcheck disable=SC2034
    TWO_HOSTS_MPIRUN=("${HOST_ENTER[@]}" mpirun)
}

# Whatever is there; harmless where nothing is.
two_hosts_close() {
    [ -z "$HOST_A" ] || { kill -KILL "$HOST_A"; wait "$HOST_A" ${HOST_B:+"$HOST_B"} ${CABLE:+"$CABLE"}; } 2>/dev/null ||
        true
    HOST_A='' HOST_B='' CABLE=''
}

# two_hosts_link DELAY_MS MBIT: joins the hosts by such a cable, instead of the one that was. 1 and TWO_HOSTS_WHY where
# it cannot be had. Leaves TWO_HOSTS_CABLE: what it is made of.
two_hosts_link() {
    local host said rule="delay ${1}ms rate ${2}mbit limit 100000"
    on_host a ip link delete eth0 2>/dev/null || true
    [ -z "$CABLE" ] || { kill "$CABLE"; wait "$CABLE"; } 2>/dev/null || true
    CABLE='' TWO_HOSTS_CABLE=veth
    said=$(on_host a ip link add eth0 type veth peer name eth0 netns "$(cat "$TWO_HOSTS_FOLDER/host-b")" 2>&1) ||
        { TWO_HOSTS_WHY="veth: $said"; return 1; }
    if [ "$1 $2" != "0 0" ]; then
        TWO_HOSTS_CABLE=netem
        for host in a b; do
            # shellcheck disable=SC2086
            said=$(on_host $host tc qdisc add dev eth0 root netem $rule 2>&1) || { two_hosts_tun "$@"; break; }
        done
    fi
    [ -n "$TWO_HOSTS_CABLE" ] || { TWO_HOSTS_WHY="netem: $said, and /dev/net/tun: $TWO_HOSTS_WHY"; return 1; }
    for host in a b; do
        on_host $host ip address add "${HOST_ADDRESS[$host]}/30" dev eth0
        on_host $host ip link set eth0 txqueuelen 10000 up
    done
}

two_hosts_tun() {
    on_host a ip link delete eth0
    TWO_HOSTS_CABLE=''
    : >"$TWO_HOSTS_FOLDER/cable"
    on_host a setpriv --pdeathsig KILL python3 "$TWO_HOSTS_TOOLS/slow_link.py" \
        1 "$(cat "$TWO_HOSTS_FOLDER/host-b")" "$@" >"$TWO_HOSTS_FOLDER/cable" 2>&1 </dev/null &
    CABLE=$!
    for _ in {1..100}; do
        TWO_HOSTS_WHY=$(tail -n 1 "$TWO_HOSTS_FOLDER/cable")
        [ "$TWO_HOSTS_WHY" != ready ] || { TWO_HOSTS_CABLE=tun; return; }
        kill -0 "$CABLE" 2>/dev/null || return 0
        sleep 0.05
    done
}

# What the cable does: "round trip 40.3 ms, 540 Mbit/s through one TCP connection", which may be less than its rate: the
# kernel's buffers allow so many bytes under way.
two_hosts_measure() {
    # shellcheck disable=SC2016
    local program='
import socket, sys, time
HOST, MOST = sys.argv[2], 48 << 20
if sys.argv[1] == "b":
    server = socket.create_server((HOST, 7))
    print("ready", flush=True)
    server.accept()[0].close() # the first one asks who has the address, too
    server.accept()[0].close()
    other = server.accept()[0]
    n = 0
    while part := other.recv(1 << 20):
        n += len(part)
        if n < MOST // 2: # windows grow at first
            began, first = time.monotonic(), n
    other.send(f"{8e-6 * (n - first) / (time.monotonic() - began):.0f}".encode())
else:
    for _ in range(2):
        began = time.monotonic()
        socket.create_connection((HOST, 7), 10).close()
        trip = time.monotonic() - began
    other = socket.create_connection((HOST, 7), 10)
    other.sendall(bytes(MOST))
    other.shutdown(socket.SHUT_WR)
    print(f"round trip {1e3 * trip:.1f} ms, {other.recv(99).decode()} Mbit/s through one TCP connection")
' server
    : >"$TWO_HOSTS_FOLDER/server"
    on_host b timeout 60 python3 -c "$program" b "${HOST_ADDRESS[b]}" >>"$TWO_HOSTS_FOLDER/server" &
    server=$!
    for _ in {1..100}; do
        [ ! -s "$TWO_HOSTS_FOLDER/server" ] || break
        sleep 0.05
    done
    on_host a timeout 60 python3 -c "$program" a "${HOST_ADDRESS[b]}"
    wait "$server"
}

# Bytes that went over the cable so far, both ways, headers included.
two_hosts_bytes() { on_host a awk '$1 == "eth0:" { print $2 + $10 }' /proc/net/dev; }
