# Sourced by tools/serve, tools/test and tools/check: the virtual environment with the locked packages.
# Installs only what is missing; a stamp beside the environment remembers which lock it was made from.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

say() { printf '%s\n' "$*" >&2; }

# Debian packages by apt, if they are missing and we may; the caller decides whether their absence matters.
apt_install() {
    local missing=()
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    command -v apt-get >/dev/null || return 1
    local sudo=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null && sudo -n true 2>/dev/null || return 1
        sudo=(sudo -n)
    fi
    say "installing Debian packages: ${missing[*]}"
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q=2 >&2 &&
        "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q=2 --no-install-recommends "${missing[@]}" >/dev/null
}

# The first interpreter that is 3.11 or newer.
find_python() {
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        command -v "$candidate" >/dev/null || continue
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$candidate" && return 0
    done
    return 1
}

# ensure_environment [EXTRA]: .venv with the locked packages of tally[EXTRA], made or mended.
ensure_environment() {
    local extra=${1:-} python stamp
    stamp=.venv/locked-${extra:-run}
    if [ ! -x .venv/bin/python ]; then
        python=$(find_python) || { say "Tally needs Python 3.11 or newer; none was found on PATH."; exit 1; }
        if ! "$python" -c 'import ensurepip' 2>/dev/null; then
            apt_install python3-venv || { say "Python's venv module is missing: install python3-venv."; exit 1; }
        fi
        say "making .venv with $($python --version)"
        "$python" -m venv .venv || exit 1
    fi
    local wanted
    wanted=$(cat requirements.lock pyproject.toml | sha256sum)
    if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
        say "installing the locked packages (once)"
        .venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check \
            --constraint requirements.lock --editable ".${extra:+[$extra]}" || exit 1
        printf '%s\n' "$wanted" >"$stamp"
    fi
    build_fan_out
}

# The compiled fan-out, when its source is newer than what was built and there is a compiler; never required.
build_fan_out() {
    local folder=media/transport/compiled built include
    built=$(find "$folder" -name '_fan_out.*.so' -newer "$folder/fan_out.c" -newer "$folder/build.py")
    [ -n "$built" ] && return 0
    include=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("include"))')
    if command -v cc >/dev/null && [ -f "$include/Python.h" ]; then
        .venv/bin/python -m media.transport.compiled.build || true
    fi
}
