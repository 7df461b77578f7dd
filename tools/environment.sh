# shellcheck shell=bash
# Sourced by the tools: finds a Python, makes virtual environments, installs this project in them.
#
# Nothing is built inside the source tree: each install works on a copy, so that no module deleted
# since the last build can slip into a wheel and tools that run at once do not meet.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
PYTHON_MINIMUM=3.11

# What a user has set for other Pythons must not decide what is imported or where pip installs.
unset PYTHONPATH PYTHONHOME PYTHONSTARTUP PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

die() { # MESSAGE [HINT]
    printf 'error: %s\n' "$1" >&2
    [ -z "${2:-}" ] || printf 'hint: %s\n' "$2" >&2
    exit 1
}

say() { printf '%s\n' "$*" >&2; }

# Prints the version as 3.11, or nothing where the command is no Python that runs.
python_version() { # PYTHON
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null </dev/null || true
}

is_new_enough() { # VERSION
    [ "${1%%.*}" -eq 3 ] && [ "${1#*.}" -ge "${PYTHON_MINIMUM#*.}" ]
}

can_make_environments() { # PYTHON
    "$1" -c 'import ensurepip, venv' >/dev/null 2>&1 </dev/null
}

# Prints the command for an interpreter: a name, a path, or a name such as python3.12 that is not
# on PATH (or is only a shim that refuses) but is installed by pyenv.
resolve_python() { # NAME
    local candidate
    if [ -n "$(python_version "$1")" ]; then
        command -v "$1"
        return
    fi
    for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"${1#python}"*/bin/python; do
        if [ -n "$(python_version "$candidate")" ]; then
            printf '%s\n' "$candidate"
            return
        fi
    done
}

# Sets PYTHON to an interpreter that is new enough and can make environments; explains if none can.
choose_python() {
    local name candidate version old="" bare=""
    if [ -n "${PYTHON:-}" ]; then
        candidate=$(resolve_python "$PYTHON")
        [ -n "$candidate" ] || die "PYTHON=$PYTHON is not a Python that runs"
        version=$(python_version "$candidate")
        is_new_enough "$version" ||
            die "PYTHON=$PYTHON is Python $version; dedupstore needs $PYTHON_MINIMUM or newer"
        can_make_environments "$candidate" || die_without_venv "$candidate" "$version"
        PYTHON=$candidate
        return
    fi
    for name in python3 python3.13 python3.12 python3.11 python3.14 python; do
        candidate=$(resolve_python "$name")
        [ -n "$candidate" ] || continue
        version=$(python_version "$candidate")
        if ! is_new_enough "$version"; then
            old="$old $candidate ($version)"
        elif ! can_make_environments "$candidate"; then
            bare=${bare:-$candidate}
        else
            PYTHON=$candidate
            return
        fi
    done
    [ -z "$bare" ] || die_without_venv "$bare" "$(python_version "$bare")"
    die "no Python $PYTHON_MINIMUM or newer was found${old:+; too old:$old}" \
        "install one, or name it: PYTHON=/path/to/python3 ${0##*/}"
}

die_without_venv() { # PYTHON VERSION
    die "$1 cannot make virtual environments (its venv or ensurepip module is missing)" \
        "on Debian and Ubuntu: apt install python$2-venv; or name another: PYTHON=/path/to/python3"
}

# Holds the environment until this shell ends, so that no second run replaces what a first one uses.
lock_environment() { # VENV
    command -v flock >/dev/null || return 0
    exec 9>"$1.lock"
    flock --nonblock 9 || {
        say "waiting for another run that uses ${1##*/} …"
        flock 9
    }
}

# Makes the environment, or keeps it if it was made here, by the same Python, for the same pins.
# Sets DEPENDENCIES_READY to yes where nothing but the project itself has to be installed.
prepare_environment() { # VENV
    local venv=$1 stamp
    stamp=$(environment_stamp "$venv")
    DEPENDENCIES_READY=no
    if [ "$(cat "$venv/dedupstore-stamp" 2>/dev/null)" = "$stamp" ] &&
        "$venv/bin/python" -c 'import pip' 2>/dev/null; then
        DEPENDENCIES_READY=yes
        return
    fi
    if [ -e "$venv" ] && [ ! -e "$venv/dedupstore-stamp" ]; then
        die "$venv exists and was not made by this tool" "move it away, or install there by hand"
    fi
    say "making ${venv##*/} with Python $("$PYTHON" -c 'import platform; print(platform.python_version())')"
    rm -rf "$venv"
    mkdir -p "$venv"
    echo unfinished >"$venv/dedupstore-stamp"
    "$PYTHON" -m venv "$venv" >&2
}

environment_stamp() { # VENV
    "$PYTHON" - "$1" "$ROOT/pyproject.toml" <<'PYTHON_END'
import hashlib, sys
venv, pyproject = sys.argv[1:]
digest = hashlib.sha256(open(pyproject, "rb").read()).hexdigest()
print(" | ".join([venv, sys.base_prefix, sys.version.split()[0], digest]))
PYTHON_END
}

# Copies what an install needs, and prints where.
copy_sources() { # FOLDER
    local copy="$1/dedupstore-source"
    mkdir -p "$copy"
    (cd "$ROOT" && cp -R pyproject.toml setup.py MANIFEST.in README.md LICENSE dedupstore "$copy") ||
        die "the project could not be copied to $copy"
    find "$copy" \( -name __pycache__ -o -name '*.so' -o -name '*.o' \) -prune -exec rm -rf {} +
    printf '%s\n' "$copy"
}

# Installs the project with its extras. The second time only the project itself is built, offline.
install_project() { # VENV EXTRAS
    local venv=$1 extras=$2 source
    INSTALL_SCRATCH=$(mktemp -d)
    trap 'rm -rf "$INSTALL_SCRATCH"' EXIT
    source=$(copy_sources "$INSTALL_SCRATCH")
    if [ "$DEPENDENCIES_READY" = no ]; then
        say "installing dedupstore[$extras] and what it needs …"
        run_pip "$venv" install -qq "setuptools>=77.0.3"
        run_pip "$venv" install -qq --no-build-isolation "$source[$extras]"
        environment_stamp "$venv" >"$venv/dedupstore-stamp"
    else
        run_pip "$venv" install -qq --no-build-isolation --no-deps --no-index \
            --force-reinstall "$source"
    fi
    rm -rf "$INSTALL_SCRATCH"
    trap - EXIT
}

run_pip() { # VENV ARGUMENT…
    local venv=$1
    shift
    "$venv/bin/python" -m pip "$@" >&2 </dev/null ||
        die "pip could not install (see above)" "is the package index reachable from here?"
}
