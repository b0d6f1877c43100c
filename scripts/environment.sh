# shellcheck shell=bash
# The virtual environment, the folders and the .env file; sourced by setup.sh.

python_range() { # the Python versions that pyproject.toml allows: LOWEST BELOW
  sed -n 's/^requires-python = ">=\([0-9.]*\),<\([0-9.]*\)"$/\1 \2/p' pyproject.toml
}

fits() { # PYTHON: whether it runs and its version is allowed
  local lowest below
  read -r lowest below <<<"$(python_range)"
  "$1" -c 'import sys
lowest, below = (tuple(map(int, bound.split("."))) for bound in sys.argv[1:])
sys.exit(not lowest <= sys.version_info[:2] < below)' "$lowest" "$below" 2>/dev/null
}

find_python() { # the first Python that fits, or failure
  local lowest below candidate
  read -r lowest below <<<"$(python_range)"
  for candidate in "python$lowest" python3 python3.12 python3.13 python; do
    if fits "$candidate"; then command -v "$candidate"; return; fi
  done
  return 1
}

uv_here() { # uv from the PATH, else the one inside the virtual environment
  if command -v uv >/dev/null; then uv "$@"; else "$venv/bin/uv" "$@"; fi
}

make_environment() {
  [ -z "${VENV:-}" ] || { fits "$venv/bin/python" || die "VENV=$VENV holds no Python that pyproject.toml allows"; return; }
  local lowest below python
  read -r lowest below <<<"$(python_range)"
  if ! fits "$venv/bin/python"; then
    python=${PYTHON:-$(find_python || true)}
    [ -z "${PYTHON:-}" ] || fits "$PYTHON" || die "PYTHON=$PYTHON is not Python >=$lowest,<$below"
    if command -v uv >/dev/null; then
      uv venv --quiet --clear --python "${python:-$lowest}" "$venv"
      return
    fi
    [ -n "$python" ] || die "no Python >=$lowest,<$below found: install Python $lowest, or uv (which fetches it), or name one with PYTHON=/path/to/python"
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
      die "$python cannot make virtual environments: install its venv module (Debian and Ubuntu: apt install python3-venv), or uv"
    "$python" -m venv --clear "$venv"
  fi
  command -v uv >/dev/null || [ -x "$venv/bin/uv" ] || in_venv pip install -qq uv
}

use_pip_settings() { # uv reads none of pip's configuration: hand over where packages come from
  local line
  while IFS= read -r line; do export "${line?}"; done < <("$venv/bin/python" scripts/pip_settings.py)
}

torch_choice() { # cpu or cuda: as asked for now, else as installed before
  printf '%s\n' "${TORCH:-$(cat "$venv/.torch" 2>/dev/null || echo cpu)}"
}

choose_torch() { # pip's find-links where they offer a fitting torch, else the CPU build, or the GPU's by TORCH=cuda
  case $(torch_choice) in
    cuda) export UV_TORCH_BACKEND=auto ;;
    cpu) offered_torch || export UV_TORCH_BACKEND="${UV_TORCH_BACKEND:-cpu}" ;;
    *) die "TORCH is cpu or cuda, not '$TORCH'" ;;
  esac
}

offered_torch() { # whether the find-links have the locked torch for this Python and machine
  [ -n "${UV_FIND_LINKS:-}" ] &&
    uv_here pip install --python "$venv/bin/python" --dry-run --reinstall --no-index --no-deps \
      -c requirements.lock torch >/dev/null 2>&1
}

wanted() { # PROFILE: what an environment of this profile is installed from
  printf '%s %s ' "$1" "$(torch_choice)"
  cat pyproject.toml requirements.lock | cksum
}

prepare() { # run|dev: the folders and an environment with the locked dependencies (dev: and the tests' own)
  local profile=$1 choice stamp extra=()
  mkdir -p data/uploads data/results logs run
  make_environment
  [ -z "${VENV:-}" ] || return 0
  stamp=$venv/.installed-$profile
  [ "$(cat "$stamp" 2>/dev/null)" != "$(wanted "$profile")" ] || return 0
  say "Installing the locked dependencies into $venv (the first time takes a minute or two and about 2 GB)."
  choice=$(torch_choice)
  use_pip_settings
  choose_torch
  [ "$profile" = run ] || extra+=(--group dev)
  [ ! -e "$venv/.torch" ] || [ "$(cat "$venv/.torch")" = "$choice" ] || extra+=(--reinstall-package torch)
  # Bytecode now, so that the first load of a model compiles no library while the service has to answer.
  uv_here pip install --compile-bytecode --python "$venv/bin/python" -c requirements.lock -e '.[all]' ${extra[@]+"${extra[@]}"}
  printf '%s\n' "$choice" >"$venv/.torch"
  wanted "$profile" >"$stamp"
  [ "$profile" = run ] || wanted run >"$venv/.installed-run"
}

write_env_file() { # the template with a key of its own; an existing file stays as it is
  [ ! -e "$env_file" ] || return 0
  local key
  key=$(head -c 32 /dev/urandom | base64 | tr -d '=\n' | tr '+/' '-_')
  (umask 077 && sed "s/^API_SECRET_KEY=.*/API_SECRET_KEY=$key/" .env.template >run/env.new)
  mv run/env.new "$env_file"
  say "Wrote $env_file with a new API key."
}
