# shellcheck shell=bash
# Starting and stopping the API and the page of this folder; sourced by setup.sh. Each of the two, `forecast` and
# `page`, has a file run/NAME.pid and writes what it says to logs/NAME.out, the API only what is not in its log file,
# which run/forecast.logged names; a worker has a file run/worker-PID.pid.

sample='{"data_source_url_or_path": "data/samples/airline-passengers.csv", "data_definition": {"Month": "timestamp", "Passengers": "target"}, "parameters": {"horizon_len": 12}}'

command_of() { # PID: its command line; empty when it has ended
  if [ -d /proc/self ]; then
    tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" || true
  else
    ps -ww -o args= -p "$1" || true
  fi
}

own_pid() { # forecast|page|worker-PID: the process ID of this folder's, or failure; a process that merely got its number is not it
  local pid known
  pid=$(cat "run/$1.pid" 2>/dev/null) || return 1
  case $pid in '' | *[!0-9]*) return 1 ;; esac
  case $1 in forecast) known="forecast.main:app --app-dir $root " ;; page) known="scripts.page serve --folder $root " ;; worker-*) known="scripts.worker --folder $root " ;; esac
  case $(command_of "$pid") in *"$known"*) printf '%s\n' "$pid" ;; *) return 1 ;; esac
}

called() { # forecast|page: what people call it
  case $1 in forecast) say 'the API' ;; page) say 'the page' ;; worker-*) say 'a worker' ;; esac
}

url_of() { # HOST PORT
  case $1 in *:*) say "http://[$1]:$2" ;; *) say "http://$1:$2" ;; esac
}

ask() { # HOST PORT PATH: the answer to a GET; empty while nothing answers
  (
    exec 3<>"/dev/tcp/$1/$2" || exit
    printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$3" >&3
    read -r -t 5 -d '' answer <&3 || printf '%s' "$answer"
  ) 2>/dev/null || true
}

is_ready() { # forecast|page HOST PORT: whether it is; says why where it never will be
  local answer
  case $1 in
    forecast)
      answer=$(ask "$2" "$3" /health/ready)
      case $answer in
        "HTTP/1."?" 200 "*) return ;;
        *'"status":"error"'*) in_venv scripts.gateway explain "$(url_of "$2" "$3")"; exit 1 ;;
      esac ;;
    page) case $(ask "$2" "$3" /health) in *'"gateway":{"status":"healthy"'*) return ;; esac ;;
  esac
  return 1
}

await_ready() { # forecast|page HOST PORT: until it is ready; says why when it ended, failed or takes too long
  local seconds=${READY_SECONDS:-120} deadline
  deadline=$((SECONDS + seconds))
  until is_ready "$@"; do
    if ! own_pid "$1" >/dev/null; then
      rm -f "run/$1.pid"
      last_words "$1" >&2
      die "$(called "$1") ended while it started; its last words are above, more of them by ./setup.sh logs"
    fi
    if [ $SECONDS -ge $deadline ]; then
      last_words "$1" >&2
      die "$(called "$1") is not ready after $seconds s and goes on starting; see ./setup.sh logs, or end it with ./setup.sh stop forecast"
    fi
    sleep 0.2
  done
}

log_file_of() { # forecast|page: its log file, where it has one
  local file
  [ -e "run/$1.logged" ] || return 0
  file=$(cat "run/$1.logged")
  [ ! -e "$file" ] || printf '%s\n' "$file"
}

last_words() { # forecast|page: of this start
  local file
  file=$(log_file_of "$1")
  [ -z "$file" ] || [ ! "$file" -nt "run/$1.logged" ] || tail -n 20 "$file"
  tail -n 20 "logs/$1.out"
}

forget_ended_workers() { # their files, which a worker that was killed, or ended from its terminal, leaves behind
  local file pid
  for file in run/worker-*.pid; do
    pid=${file//[!0-9]/}
    [ -z "$pid" ] || kill -0 "$pid" 2>/dev/null || rm -f "$file"
  done
}

launch() { # forecast|page MODULE ARGUMENTS: in the background, to outlive this script and its terminal
  local name=$1
  shift
  [ ! -e "logs/$name.out" ] || mv -f "logs/$name.out" "logs/$name.out.1"
  "$venv/bin/python" -m "$@" >"logs/$name.out" 2>&1 </dev/null &
  printf '%s\n' "$!" >"run/$name.pid"
  # At first the new process is a copy of this script; from its own command line on, own_pid knows it.
  while kill -0 "$!" 2>/dev/null && ! own_pid "$name" >/dev/null; do sleep 0.05; done
}

still_runs() { # HOST PORT: whether this folder's API does; one that was told to end, or does not answer yet, is waited for
  local seconds=${READY_SECONDS:-120} deadline
  deadline=$((SECONDS + seconds))
  while own_pid forecast >/dev/null; do
    case $(ask "$1" "$2" /health/ready) in '' | *'"status":"draining"'*) ;; *) return ;; esac
    [ $SECONDS -lt $deadline ] || die "the API (pid $(cat run/forecast.pid)) does not answer, or was told to end and has not in $seconds s; end it with: ./setup.sh stop forecast"
    sleep 0.2
  done
  return 1
}

start() { # api|all: what does not run yet, once all addresses are free; then where everything is
  local pid address='' page_address='' host port workers reach model=- log page_port page_reach page=''
  if pid=$(own_pid forecast); then
    # As it was started, whatever the settings are now.
    address=$(command_of "$pid" | sed -E 's/.* --host ([^ ]+) --port ([0-9]+).*/\1 \2/')
    read -r host port <<<"$address"
    address=
    case $host in 0.0.0.0) reach=127.0.0.1 ;; ::) reach=::1 ;; *) reach=$host ;; esac
  fi
  if [ -n "$pid" ] && still_runs "$reach" "$port"; then
    say "Already running: pid $pid, $(command_of "$pid")"
  else
    address=$(in_venv scripts.gateway claim)
    read -r host port workers reach model log <<<"$address"
  fi
  if [ "$1" = all ] && pid=$(own_pid page); then
    say "Already running: pid $pid, $(command_of "$pid")"
  elif [ "$1" = all ]; then
    page_address=$(in_venv scripts.page claim)
    read -r page_port page_reach <<<"$page_address"
    [ "$page_port" != "$port" ] || die "API_PORT and UI_PORT are both $port"
    page=$(url_of "$page_reach" "$page_port")
  fi
  if [ -n "$address" ]; then
    printf '%s\n' "$log" >run/forecast.logged
    LOG_CONSOLE=${LOG_CONSOLE:-false} launch forecast scripts.serve forecast.main:app --app-dir "$root" --host "$host" --port "$port" --workers "$workers"
    say "Starting on port $port ..."
    await_ready forecast "$reach" "$port"
  fi
  if [ -n "$page" ]; then
    UI_API_BASE_URL=${UI_API_BASE_URL:-$(url_of "$reach" "$port")} launch page scripts.page serve --folder "$root" --port "$page_port"
    await_ready page "$page_reach" "$page_port"
  fi
  if [ -z "$address$page" ]; then
    say "Stop it with: ./setup.sh stop forecast"
  else
    welcome "$page" "$(url_of "$reach" "$port")" 'logs/'
    try_sample "$(url_of "$reach" "$port")" "$model" in_venv "$(url_of "$reach" "$port")"
  fi
}

welcome() { # PAGE URL LOGS: where everything is
  local place="API_SECRET_KEY in $env_file"
  [ -z "${API_SECRET_KEY:-}" ] || place='the environment variable API_SECRET_KEY'
  say "Sapheneia is ready."
  [ -z "$1" ] || say "  Page  $1"
  say "  API   $2"
  say "  Docs  $2/docs"
  say "  Key   $place"
  say "  Logs  $3"
  say "  Stop  ./setup.sh stop forecast"
}

try_sample() { # URL MODEL RUNNER INNER-URL: a forecast as a check, and a line to paste; RUNNER reaches the API at INNER-URL
  local key="\$(sed -n 's/^API_SECRET_KEY=//p' $env_file)"
  [ -z "${API_SECRET_KEY:-}" ] || key="\$API_SECRET_KEY"
  [ "$2" != - ] || return 0
  "$3" scripts.gateway forecast "$4/forecast/v1/$2/inference" "$sample"
  say "Forecast it yourself:"
  say "curl -sS $1/forecast/v1/$2/inference -H \"Authorization: Bearer $key\" -H 'Content-Type: application/json' -d '$sample'"
}

stop() { # the page, then the API, then workers; says so where nothing ran and nothing was STOPPED before
  local file name stopped=$1 names=(page forecast)
  for file in run/worker-*.pid; do [ ! -e "$file" ] || names+=("$(basename "$file" .pid)"); done
  for name in "${names[@]}"; do
    if own_pid "$name" >/dev/null; then end "$name"; stopped=yes; fi
    rm -f "run/$name.pid"
  done
  [ -n "$stopped" ] || say "Nothing runs that this folder's run-venv started."
}

end() { # forecast|page|worker-PID: with patience for what it is doing
  local pid waited=0
  pid=$(own_pid "$1")
  kill -TERM "$pid"
  while own_pid "$1" >/dev/null; do
    [ $waited -lt 150 ] || die "pid $pid still runs after 30 s; it may be finishing a forecast: try again, or end it with: kill -KILL $pid"
    sleep 0.2
    waited=$((waited + 1))
  done
  say "Stopped $(called "$1") (pid $pid)."
}
