# Read by scripts/start and scripts/test: finds a Python and makes the environment. Sets $environment_python.
find_python() {
  if [ -n "${PYTHON:-}" ]; then
    echo "$PYTHON"
    return
  fi
  local name
  for name in python3 python python3.13 python3.12 python3.11; do
    if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
  echo "punar: no Python 3.11 to 3.13 was found. Install one, or name it: PYTHON=/path/to/python3 $0" >&2
  return 1
}

make_environment() {
  local python
  python="$(find_python)"
  environment_python="$("$python" "$root/scripts/environment.py" "$@" | tail -n 1)"
  [ -n "$environment_python" ]
  # Nothing of the caller's may stand in for what the install forgot.
  unset PYTHONPATH PYTHONHOME
}
