#!/bin/bash
# cluster: a real Slurm of two nodes on this machine, thrown away after use: munged, slurmctld and two slurmd, without
# systemd, as root or as a plain user. All of it is in one folder and on ports of its own, so several can run at once.
# The nodes pretend to 32 processors and 4 GPUs (/dev/null) each. Jobs in partition `urgent` preempt those in `batch`,
# which have GRACE seconds to leave (default 60). CLUSTER_SETTINGS may hold further lines for slurm.conf.
#
# Run: cluster.sh COMMAND... runs COMMAND on such a cluster (bash, to look around). Sourced: cluster_start and
# cluster_stop are there.
#
# Needs Debian's munge, slurmctld, slurmd, slurm-client, slurm-wlm-basic-plugins and, for MPI, libpmix2.
# shellcheck shell=bash

# What is needed and not installed, one a line.
cluster_missing() {
    local PATH=$PATH:/usr/sbin tool
    for tool in munged slurmctld slurmd sbatch unshare setsid; do
        command -v "$tool" >/dev/null || echo "$tool"
    done
}

# cluster_start: sets CLUSTER (the folder) and all that Slurm's and Open MPI's programs need to use this cluster. If the
# shell ends without cluster_stop, by whatever, a guard does it.
cluster_start() {
    local PATH=$PATH:/usr/sbin ports tries
    export SLURM_CONF
    for tries in 1 2 3; do
        cluster_claim || return 1
        SLURM_CONF=$CLUSTER/slurm.conf
        # shellcheck disable=SC2016
        setsid -f bash -c 'tail --pid="$1" -f /dev/null; . "$2"; CLUSTER=$3; cluster_stop' guard $$ \
            "$(realpath "${BASH_SOURCE[0]}")" "$CLUSTER" </dev/null >/dev/null 2>&1
        cluster_write_settings
        cluster_start_daemons
        if cluster_is_up; then
            cluster_export
            return 0
        fi
        echo "cluster: attempt $tries failed" >&2
        tail -n 5 "$CLUSTER"/log/* >&2
        cluster_stop
    done
    return 1
}

# The folder's name is that of the first of ten ports: who makes the folder has the ports. CLUSTER, ports.
cluster_claim() {
    for ports in $(shuf -n 100 -i 1000-3000); do
        CLUSTER=/tmp/jacquard-slurm.${ports}0
        mkdir -m 755 "$CLUSTER" 2>/dev/null || continue
        ports=${ports}0
        cluster_ports_are_free && return 0
        rmdir "$CLUSTER"
    done
    echo "cluster: no free ports, or /tmp cannot be written" >&2
    return 1
}

cluster_ports_are_free() {
    local i
    for i in 0 1 2; do
        ! (: <"/dev/tcp/127.0.0.1/$((ports + i))") 2>/dev/null || return 1
    done
}

cluster_write_settings() {
    local host user node n
    host=$(uname -n) user=$(id -un) node=''
    host=${host%%.*}
    mkdir "$CLUSTER"/{log,run,state,gpu,tmp}
    chmod 1777 "$CLUSTER/tmp"
    (umask 077 && head -c 1024 /dev/urandom >"$CLUSTER/munge.key")
    for n in 0 1 2 3; do ln -s /dev/null "$CLUSTER/gpu/gpu$n"; done # Slurm wants a device, whichever
    for n in 1 2; do mkdir -m 1777 "$CLUSTER/tmp.n$n" "$CLUSTER/state/n$n"; done
    cluster_has_hostnames || node="NodeHostname=$host"
    # cred_expire: a job that is queued again waits so long. TmpFS: the nodes' PMIx keep files of one name there.
    # linuxproc, task/none, config_overrides: no cgroups, no systemd, more processors than there are.
    cat >"$SLURM_CONF" <<END
ClusterName=jacquard
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$ports
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$CLUSTER/run/munge.sock,cred_expire=5
StateSaveLocation=$CLUSTER/state
SlurmdSpoolDir=$CLUSTER/state/%n
TmpFS=$CLUSTER/tmp.%n
SlurmctldPidFile=$CLUSTER/run/slurmctld.pid
SlurmdPidFile=$CLUSTER/run/slurmd.%n.pid
SlurmctldLogFile=$CLUSTER/log/slurmctld
SlurmdLogFile=$CLUSTER/log/slurmd.%n
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SlurmdParameters=config_overrides
ReturnToService=2
MpiDefault=pmix
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1,sched_min_interval=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
GresTypes=gpu
MinJobAge=3600
SlurmdTimeout=300
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
${CLUSTER_SETTINGS:-}
NodeName=n[1-2] $node NodeAddr=127.0.0.1 Port=[$((ports + 1))-$((ports + 2))] CPUs=32 RealMemory=4000 Gres=gpu:4
PartitionName=batch Nodes=ALL Default=YES PriorityTier=1 GraceTime=${GRACE:-60}
PartitionName=urgent Nodes=ALL PriorityTier=10 PreemptMode=OFF
END
    printf '%s\n' AutoDetect=off "NodeName=n[1-2] Name=gpu File=$CLUSTER/gpu/gpu[0-3]" >"$CLUSTER/gres.conf"
}

# Two nodes of one hostname are one machine to Open MPI, which then mixes up their shared memory.
cluster_has_hostnames() { [ "$(id -u)" = 0 ] && unshare --uts true 2>/dev/null; }

cluster_start_daemons() {
    local n
    munged --foreground --force --key-file "$CLUSTER/munge.key" --socket "$CLUSTER/run/munge.sock" \
        --pid-file "$CLUSTER/run/munged.pid" --seed-file "$CLUSTER/run/munged.seed" --log-file "$CLUSTER/log/munged" \
        >>"$CLUSTER/log/stderr" 2>&1 </dev/null &
    disown
    slurmctld -D -c >>"$CLUSTER/log/stderr" 2>&1 </dev/null &
    disown
    for n in n1 n2; do
        if cluster_has_hostnames; then
            unshare --uts sh -c "hostname $n && exec slurmd -D -c -N $n"
        else
            slurmd -D -c -N "$n"
        fi >>"$CLUSTER/log/stderr" 2>&1 </dev/null &
        disown
    done
}

cluster_is_up() {
    local _
    for _ in {1..300}; do
        [ "$(timeout 10 sinfo -h -N -p batch -t idle -o %N 2>/dev/null | wc -l)" != 2 ] || return 0
        sleep 0.1
    done
    return 1
}

# What jobs inherit. Open MPI's files are put where cluster_stop finds them.
cluster_export() {
    export CLUSTER
    export TMPDIR=$CLUSTER/tmp OMPI_MCA_btl_vader_backing_directory=$CLUSTER/tmp OMPI_MCA_mpi_yield_when_idle=1
    cluster_has_hostnames || export OMPI_MCA_btl=self,tcp
    # One job's variables are none of another's.
    unset "${!SLURM_JOB@}" "${!SBATCH_@}" "${!SRUN_@}"
}

# cluster_stop: ends the jobs, the daemons and whatever else runs with this cluster's settings, and removes the folder.
cluster_stop() {
    local conf=$CLUSTER/slurm.conf _
    [ -d "$CLUSTER" ] || return 0
    # Slurm's own way first: processes of jobs survive a slurmd that is killed.
    if timeout 10 env "SLURM_CONF=$conf" scancel --quiet --user "$(id -un)" 2>/dev/null; then
        for _ in {1..100}; do
            [ -n "$(timeout 10 env "SLURM_CONF=$conf" squeue -h -t R,CG 2>/dev/null)" ] || break
            sleep 0.1
        done
    fi
    for _ in {1..50}; do
        cluster_kill "$conf" || break
        sleep 0.1
    done
    rm -rf "$CLUSTER"
}

# cluster_kill CONF: whether there was something to kill: processes of which CONF is in the environment they began with.
cluster_kill() (
    unset SLURM_CONF
    mapfile -t pids < <(grep -lsxz "SLURM_CONF=$1" /proc/[0-9]*/environ | cut -d/ -f3 | grep -vx $$)
    [ ${#pids[@]} != 0 ] && kill -KILL "${pids[@]}" 2>/dev/null
)

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -euo pipefail
    if [ $# = 0 ]; then
        echo "usage: cluster.sh COMMAND..." >&2
        exit 2
    fi
    trap 'cluster_stop' EXIT
    cluster_start
    "$@"
fi
