# shellcheck shell=bash
# Starting and stopping the stack of docker-compose.yml; sourced by setup.sh. run/containers tells that it was started.

compose() { # of all profiles, so that what one of them started is seen and ended
  COMPOSE_PROFILES='*' compose_started "$@"
}

compose_started() { # with the profiles of COMPOSE_PROFILES
  docker compose --env-file "$env_file" "$@"
}

require_engine() { # docker, its compose plugin and an engine that answers, or what is missing
  local instead='without containers: ./setup.sh run-venv forecast all'
  command -v docker >/dev/null || die "there is no docker here: install Docker Engine with its compose plugin, or run $instead"
  docker compose version >/dev/null 2>&1 || die "docker has no compose plugin: install it (Debian and Ubuntu: apt install docker-compose-plugin, or docker-compose-v2), or run $instead"
  docker info >/dev/null 2>&1 || die "no Docker engine answers: start it (systemctl start docker), or name it by DOCKER_HOST; \`docker info\` says more. Or run $instead"
}

find_front() { # sets front: the service that is the gateway; profiles put another one in the place of `forecast`
  local service found=()
  for service in $(compose_started config --services); do
    case $service in forecast-gpu | gateway | forecast-celery) found+=("$service") ;; esac
  done
  [ ${#found[@]} -le 1 ] || die "the profiles gpu, models and celery all take the gateway's place: choose one"
  front=${found[0]:-forecast}
}

find_running_front() { # sets front: the gateway among the containers that run
  local service
  front=
  for service in $(compose ps --services --status running); do
    case $service in forecast | forecast-gpu | gateway | forecast-celery) front=$service ;; esac
  done
  [ -n "$front" ] || die "the gateway was started in a container, which does not run now; ./setup.sh logs says more"
}

in_container() { compose exec -T "$front" python -m "$@"; } # MODULE ARGUMENTS: in that of the gateway

find_wheels() { # the folder of pip's find-links, where it has wheels that an image is to be built with
  [ -z "${WHEELS:-}" ] || return 0
  local folder
  for folder in ${PIP_FIND_LINKS:-}; do
    if compgen -G "$folder/*.whl" >/dev/null; then export WHEELS=$folder; return; fi
  done
}

start_containers() { # api|ui|all: built and healthy; then where everything is
  local front service options=(--detach --build --wait --wait-timeout "${READY_SECONDS:-120}") services=()
  find_front
  [ "$front" = forecast-gpu ] || find_wheels
  case $1 in
    api) services=("$front") ;;
    ui) services=(ui); options+=(--no-deps) ;;
    all)
      # Scaled to none, `forecast` would be started neither, but compose could not take the page down without it.
      [ "$front" = forecast ] || options+=(--no-deps)
      for service in $([ "$front" = forecast ] || compose_started config --services); do
        [ "$service" = forecast ] || services+=("$service")
      done ;;
  esac
  touch run/containers
  compose_started up "${options[@]}" ${services[@]+"${services[@]}"} ||
    die "the containers did not start, or were not healthy in time; ./setup.sh logs says more, ./setup.sh stop ends what runs"
  welcome_to_containers "$@"
}

welcome_to_containers() { # api|ui|all
  local page='' url=''
  [ "$1" = api ] || page=$(published ui 8080)
  [ "$1" = ui ] || url=$(published "$front" 8000)
  if [ "$1" = ui ]; then say "The page is at $page; the API it asks is started by: ./setup.sh run-docker api"; return; fi
  in_container scripts.gateway await http://127.0.0.1:8000 "${READY_SECONDS:-120}"
  welcome "$page" "$url" './setup.sh logs'
  try_sample "$url" "$(in_container scripts.gateway first)" in_container http://127.0.0.1:8000
}

published() { # SERVICE PORT: the URL that a container's port has on this host
  local address
  address=$(compose port "$1" "$2")
  address=${address/#0.0.0.0:/127.0.0.1:}
  say "http://${address/#\[::\]:/[::1]:}"
}

containers_started() { [ -e run/containers ]; }

stop_containers() { # the volumes stay
  require_engine
  compose down
  rm run/containers
  say "Stopped the containers; their volumes stay."
}

tail_logs() { # TAIL-ARGS: of what run-venv started
  local files=() name file
  for name in forecast page; do
    file=$(log_file_of "$name")
    [ -z "$file" ] || files+=("$file")
    [ ! -e "logs/$name.out" ] || files+=("logs/$name.out")
  done
  [ ${#files[@]} -gt 0 ] || die "nothing was started here yet"
  # By its name, for a full log file is put away.
  case ${1:-} in -f | --follow) shift; set -- -F "$@" ;; esac
  tail -n 100 "$@" "${files[@]}"
}
