#!/usr/bin/env bash
# Sets Sapheneia up, runs it, stops it and checks it; `./setup.sh --help` lists the verbs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
root=$(pwd -P)
venv=${VENV:-.venv}
env_file=${ENV_FILE:-.env}

say() { printf '%s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }
misused() { printf 'error: %s\nSee ./setup.sh --help\n' "$*" >&2; exit 2; }
in_venv() { local name=$1; shift; "$venv/bin/python" -m "$name" "$@"; }

# shellcheck source=scripts/environment.sh
. scripts/environment.sh
# shellcheck source=scripts/service.sh
. scripts/service.sh
# shellcheck source=scripts/containers.sh
. scripts/containers.sh

verb_help() {
  cat <<'HELP'
Usage: ./setup.sh VERB [forecast] [ARGUMENTS]     (the word `forecast` may be left out)

  init                 make the virtual environment, install the locked dependencies, write .env with a new key
  run-venv all|api     the same where it is still to do, then start the API and the page, or the API alone,
                       and forecast a sample as a check
  run-docker all|api|ui
                       the API and the page in containers, or one of the two, built where they are not yet
  worker [MODEL]       compute parts of jobs with JOB_RUNNER=celery, of one model or of all, until it is stopped:
                       in the foreground, as many as you like, here and on other hosts (docs/celery.md)
  stop                 stop what run-venv, run-docker and worker started
  logs [ARGS]          the last lines of what they say (-f: and what follows)
  keys create CLIENT --name NAME | list [CLIENT] | revoke KEY_ID
                       the keys of clients: make one, which is shown this once, list them, refuse one from now on
                       (keys create --help: its role, quotas and end)
  test [PYTEST ARGS]   install what the tests need and run them
  test-containers [PYTEST ARGS]
                       the tests of the images and the compose stack, which need a Docker engine
  check                formatting, lint, types, layers, shell scripts, then all tests: what CI runs
  bench [ARGS]         run the benchmarks
  lock [UV ARGS]       resolve the dependencies again into requirements.lock (--upgrade takes newer ones)
  help, --help         print this

Environment:
  PYTHON=/path/python  the Python to use, where it should not be the first fitting one
  TORCH=cuda           install PyTorch for this host's GPU; TORCH=cpu goes back to the CPU build
  COMPOSE_PROFILES=…   what run-docker starts beside or instead: gpu, models, celery, monitoring (docs/deployment.md)
  VENV=/path           use this virtual environment as it is, and install nothing into it
  READY_SECONDS=120    how long run-venv and run-docker wait for the API, and for the page, to be ready
Each setting of .env can also be given as an environment variable, which then wins (API_PORT=8010 ./setup.sh run-venv api).
HELP
}

verb_init() {
  [ $# -eq 0 ] || misused "init takes no '$1'"
  prepare run
  write_env_file
  say "Set up. Start it with: ./setup.sh run-venv forecast all"
}

verb_run_venv() {
  case "$*" in api | all) ;; *) misused "run-venv takes api or all, not '$*'" ;; esac
  prepare run
  write_env_file
  start "$*"
}

verb_run_docker() {
  case "$*" in api | ui | all) ;; *) misused "run-docker takes api, ui or all, not '$*'" ;; esac
  require_engine
  mkdir -p run
  write_env_file
  start_containers "$*"
}

verb_worker() {
  [ $# -le 1 ] || misused "worker takes one model or none, not '$*'"
  prepare run
  write_env_file
  forget_ended_workers
  # The process ID stays the same: what runs then is the worker itself.
  printf '%s\n' "$$" >"run/worker-$$.pid"
  exec "$venv/bin/python" -m scripts.worker --folder "$root" "$@"
}

verb_stop() {
  [ $# -eq 0 ] || misused "stop takes no '$1'"
  local stopped=''
  if containers_started; then
    stop_containers
    stopped=yes
  fi
  stop "$stopped"
}

verb_logs() {
  if containers_started; then compose logs --tail 100 "$@"; else tail_logs "$@"; fi
}

verb_keys() {
  if containers_started; then
    require_engine
    find_running_front
    in_container scripts.keys "$@"
    return
  fi
  prepare run >&2
  write_env_file >&2
  ENV_FILE=$env_file in_venv scripts.keys "$@"
}

verb_test() {
  prepare dev
  in_venv pytest "$@"
}

verb_test_containers() {
  prepare dev
  in_venv pytest -n 0 -m containers tests/containers "$@"
}

verb_check() {
  [ $# -eq 0 ] || misused "check takes no '$1'"
  prepare dev
  in_venv ruff format --check .
  in_venv ruff check .
  in_venv mypy
  "$venv/bin/lint-imports"
  "$venv/bin/shellcheck" -x -a setup.sh .ci/run scripts/install_image.sh
  in_venv pytest
}

verb_bench() {
  prepare run
  in_venv benchmarks "$@"
}

verb_lock() {
  make_environment
  use_pip_settings
  choose_torch
  mkdir -p run
  # uv keeps the versions it finds; torch's plain one it would take to mean the build for GPUs and their libraries.
  grep -v '^torch==' requirements.lock >run/requirements.lock
  uv_here pip compile --quiet --no-emit-index-url --no-emit-find-links --all-extras --group dev \
    --custom-compile-command './setup.sh lock' --python "$venv/bin/python" "$@" \
    pyproject.toml --output-file run/requirements.lock
  # "2.13.0+cpu" is one host's build of 2.13.0; the plain version lets each host take its own.
  sed -E 's/^([a-z0-9-]+==[0-9][^+ ]*)\+[a-z0-9.]+/\1/' run/requirements.lock >requirements.lock
  rm run/requirements.lock
}

verb=${1:-help}
[ $# -eq 0 ] || shift
case $verb in
  -h | --help) verb=help ;;
  init | run-venv | run-docker | worker | stop | logs | check | lock) [ "${1:-}" != forecast ] || shift ;;
esac
declare -F "verb_${verb//-/_}" >/dev/null || misused "no such verb: $verb"
"verb_${verb//-/_}" "$@"
