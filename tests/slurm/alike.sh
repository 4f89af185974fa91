#!/bin/bash
# alike: a batch script stands alone (Slurm runs a copy of it elsewhere), so what the scripts have in common is in each
# of them, and is the same there. Needs no Slurm.
set -euo pipefail
scripts=$(cd "$(dirname "$0")/../../slurm" && pwd)
common() { sed -n '/^# ---- a step that may be interrupted/,/^# ---- this job ----$/p' "$scripts/$1.sbatch"; }
[ "$(common catalog | wc -l)" -gt 40 ] || { echo "FAILED: catalog.sbatch has no common part"; exit 1; }
for name in catalog-array train; do
    diff <(common catalog) <(common "$name") || { echo "FAILED: $name.sbatch has another common part"; exit 1; }
done
for script in "$scripts"/*.sbatch; do bash -n "$script"; done
echo "what the batch scripts have in common is the same in each"
