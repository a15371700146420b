# Shared by scripts/test and scripts/demo (sourced): installs what is missing on Debian or Ubuntu
# and makes a clean place for QGIS to run in, without a screen and apart from the user's profile.
# Always /usr/bin/python3: the first python3 on PATH may be one that cannot see QGIS.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
PYTHON=/usr/bin/python3
VENV="$ROOT/.venv"

is_installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# install_missing PACKAGE...: apt-get installs those that are not there; asks for nothing.
install_missing() {
    local missing=() package
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        echo "This is neither Debian nor Ubuntu: install QGIS 3.22 or later with its Python," \
             "scipy, networkx and matplotlib by hand." >&2
        return
    fi
    for package in "$@"; do is_installed "$package" || missing+=("$package"); done
    [ ${#missing[@]} -gt 0 ] || return 0
    echo "Installing: ${missing[*]}"
    if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
        echo "Neither root nor sudo: run as root: apt-get install --no-install-recommends ${missing[*]}" >&2
        return 1
    fi
    local apt=(env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a apt-get -q -y
               -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
    as_root "${apt[@]}" update >/dev/null || echo "apt-get update reported errors; going on." >&2
    as_root "${apt[@]}" install --no-install-recommends "${missing[@]}" >"$SCRATCH/apt.log" 2>&1 || {
        cat "$SCRATCH/apt.log" >&2
        return 1
    }
}

# A scratch folder that goes with the script, and in it a QGIS profile of its own.
SCRATCH="$(mktemp -d "${TMPDIR:-/tmp}/econet-XXXXXX")"
trap 'rm -rf -- "$SCRATCH"' EXIT
mkdir -m 700 "$SCRATCH/runtime"
mkdir "$SCRATCH/profile"
export QT_QPA_PLATFORM=offscreen
export XDG_RUNTIME_DIR="$SCRATCH/runtime"
export QGIS_CUSTOM_CONFIG_PATH="$SCRATCH/profile"
export LC_ALL=C.UTF-8
unset PYTHONHOME PYTHONPATH QGIS_PLUGINPATH

QGIS_PACKAGES=(qgis python3-qgis qgis-providers python3-scipy python3-networkx python3-matplotlib
               fonts-dejavu-core)
