#!/bin/sh
# What Dockerfile.forecast installs into its virtual environment: `libraries` first, for a layer that outlives changes of
# the code, then `project`. Reads MODEL_NAME (a model, `all` or `none`), EXTRAS, TORCH and PIP_INDEX_URL.
set -eu

die() { printf 'error: %s\n' "$*" >&2; exit 1; }

every_extra() { # those of the extra `all`, without the page's
  sed -n 's/^all = \["sapheneia\[ui,\(.*\)\]"\]$/\1/p' pyproject.toml
}

wanted_extras() { # separated by commas
  case $MODEL_NAME in
    all) every_extra ;;
    none) printf '%s\n' "postgres,$EXTRAS" ;;
    *)
      case ",$(every_extra)," in
        *",$MODEL_NAME,"*) printf '%s\n' "$MODEL_NAME,postgres,$EXTRAS" ;;
        *) die "MODEL_NAME is all, none or one of $(every_extra), not '$MODEL_NAME'" ;;
      esac ;;
  esac
}

choose_torch() { # the wheel at hand, else PyTorch's CPU build; the index's own build is the one for GPUs
  case $TORCH in
    cuda) ;;
    cpu) ls /wheels/torch-* >/dev/null 2>&1 || export UV_TORCH_BACKEND=cpu ;;
    *) die "TORCH is cpu or cuda, not '$TORCH'" ;;
  esac
}

libraries() {
  wanted=$(wanted_extras)
  choose_torch
  set --
  for extra in $(printf '%s' "$wanted" | tr ',' ' '); do set -- "$@" --extra "$extra"; done
  uv pip install --compile-bytecode --find-links /wheels -c requirements.lock -r pyproject.toml "$@"
}

project() {
  uv pip install --no-deps -e .
  python -m compileall -q forecast scripts
  mkdir -p data/uploads data/results database logs
  # The file that DATABASE_URL names by default lies in a volume, out of the way of what callers name in data/.
  ln -s /app/database/sapheneia.db data/sapheneia.db
  # One volume holds the weights of all models.
  for model in forecast/models/*/services; do
    model=${model%/services}
    mkdir -p "weights/${model##*/}"
    ln -s "/app/weights/${model##*/}" "$model/local"
  done
}

[ -z "$PIP_INDEX_URL" ] || export UV_DEFAULT_INDEX="$PIP_INDEX_URL"
case ${1:-} in
  libraries | project) "$1" ;;
  *) die "usage: install_image.sh libraries|project" ;;
esac
