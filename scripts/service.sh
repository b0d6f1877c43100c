# shellcheck shell=bash
# Starting and stopping the API of this folder; sourced by setup.sh.

pid_file=run/forecast.pid
console=logs/forecast.out
sample='{"data_source_url_or_path": "data/samples/airline-passengers.csv", "data_definition": {"Month": "timestamp", "Passengers": "target"}, "parameters": {"horizon_len": 12}}'

command_of() { # PID: its command line; empty when it has ended
  if [ -d /proc/self ]; then
    tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" || true
  else
    ps -ww -o args= -p "$1" || true
  fi
}

own_pid() { # the process ID of this folder's API, or failure; a process that merely got its number is not it
  local pid
  pid=$(cat "$pid_file" 2>/dev/null) || return 1
  case $pid in '' | *[!0-9]*) return 1 ;; esac
  case $(command_of "$pid") in *"forecast.main:app --app-dir $root "*) printf '%s\n' "$pid" ;; *) return 1 ;; esac
}

readiness() { # HOST PORT: the answer to GET /health/ready; empty while nothing answers
  (
    exec 3<>"/dev/tcp/$1/$2" || exit
    printf 'GET /health/ready HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
    read -r -t 5 -d '' answer <&3 || printf '%s' "$answer"
  ) 2>/dev/null || true
}

url_of() { # HOST PORT
  case $1 in *:*) printf 'http://[%s]:%s\n' "$1" "$2" ;; *) printf 'http://%s:%s\n' "$1" "$2" ;; esac
}

await_ready() { # HOST PORT: until the API is ready; says why when it ended, failed or takes too long
  local seconds=${READY_SECONDS:-120} deadline answer
  deadline=$((SECONDS + seconds))
  while :; do
    answer=$(readiness "$1" "$2")
    case $answer in
      "HTTP/1."?" 200 "*) return ;;
      *'"status":"error"'*) in_venv scripts.gateway explain "$(url_of "$1" "$2")"; exit 1 ;;
    esac
    if ! own_pid >/dev/null; then
      rm -f "$pid_file"
      tail -n 20 "$console" >&2
      die "the API ended while it started; its last words are above, all of them in $console"
    fi
    if [ $SECONDS -ge $deadline ]; then
      tail -n 20 "$console" >&2
      die "the API is not ready after $seconds s and goes on starting; see $console, or end it with ./setup.sh stop forecast"
    fi
    sleep 0.2
  done
}

launch() { # HOST PORT WORKERS: in the background, to outlive this script and its terminal
  [ ! -e "$console" ] || mv -f "$console" "$console.1"
  "$venv/bin/python" -m scripts.serve forecast.main:app --app-dir "$root" --host "$1" --port "$2" --workers "$3" \
    >"$console" 2>&1 </dev/null &
  printf '%s\n' "$!" >"$pid_file"
  # At first the new process is a copy of this script; from its own command line on, own_pid knows it.
  while kill -0 "$!" 2>/dev/null && ! own_pid >/dev/null; do sleep 0.05; done
}

start() {
  local pid address host port workers reach model
  if pid=$(own_pid); then
    say "Already running: pid $pid, $(command_of "$pid")"
    say "Stop it with: ./setup.sh stop forecast"
    return
  fi
  address=$(in_venv scripts.gateway claim)
  read -r host port workers reach model <<<"$address"
  launch "$host" "$port" "$workers"
  say "Starting on port $port ..."
  await_ready "$reach" "$port"
  welcome "$(url_of "$reach" "$port")" "$model"
}

welcome() { # URL MODEL: where everything is, a forecast as a check, and a line to paste
  local key="\$(sed -n 's/^API_SECRET_KEY=//p' $env_file)" place="API_SECRET_KEY in $env_file"
  [ -z "${API_SECRET_KEY:-}" ] || { key="\$API_SECRET_KEY"; place='the environment variable API_SECRET_KEY'; }
  say "Sapheneia is ready."
  say "  API   $1"
  say "  Docs  $1/docs"
  say "  Key   $place"
  say "  Logs  logs/"
  say "  Stop  ./setup.sh stop forecast"
  [ "$2" != - ] || return 0
  in_venv scripts.gateway forecast "$1/forecast/v1/$2/inference" "$sample"
  say "Forecast it yourself:"
  say "curl -sS $1/forecast/v1/$2/inference -H \"Authorization: Bearer $key\" -H 'Content-Type: application/json' -d '$sample'"
}

stop() {
  local pid waited=0
  if ! pid=$(own_pid); then
    rm -f "$pid_file"
    say "Nothing runs that this folder's run-venv started."
    return
  fi
  kill -TERM "$pid"
  while own_pid >/dev/null; do
    [ $waited -lt 150 ] || die "pid $pid still runs after 30 s; it may be finishing a forecast: try again, or end it with: kill -KILL $pid"
    sleep 0.2
    waited=$((waited + 1))
  done
  rm -f "$pid_file"
  say "Stopped (pid $pid)."
}
