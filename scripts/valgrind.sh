#!/usr/bin/env bash
# Runs our own tests of the pipeline and of what it is made of under valgrind: memory that is read before it was written, used
# after it was freed, or lost. What lies in libtorch, OpenCV and below is left to them (scripts/valgrind.supp).
#
#   scripts/valgrind.sh [FILTER...]      names of tests; the pipeline's and the plain data's unless given
#
# Valgrind knows no AVX-512, so libtorch is kept from using it. Takes some minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

command -v valgrind >/dev/null || { echo "valgrind is not installed: apt-get install valgrind" >&2; exit 1; }
filters=("$@")
[ ${#filters[@]} -gt 0 ] || filters=(pipeline:: worker:: geometry:: keypoints:: detect::track detect::smooth model::operators model::trial look::)
program=$(cargo test --lib --no-run --message-format=json-render-diagnostics |
  sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
export ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 OMP_NUM_THREADS=1
exec valgrind --error-exitcode=1 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
  --suppressions=scripts/valgrind.supp --num-callers=40 --quiet \
  "$program" --test-threads 1 "${filters[@]}"
