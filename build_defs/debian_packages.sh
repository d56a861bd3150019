# Sourced by bazelw and .ci/run: makes sure that Debian packages are installed.

# need_packages PACKAGE... : silent when all are there; else installs what is missing, or says which
# command would and returns non-zero. Everything goes to stderr.
need_packages() {
    local missing=() package status
    command -v dpkg-query >/dev/null || return 0 # not Debian: the tools may be there anyway
    status=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null)
    for package in "$@"; do
        grep -qxF "installed $package" <<<"$status" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0

    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        if ! sudo -n true 2>/dev/null; then
            echo "Debian packages are missing. Install them with this command, then try again:" >&2
            echo "  sudo apt-get update && sudo apt-get install -y ${missing[*]}" >&2
            return 1
        fi
        as_root=(sudo -n)
    fi
    echo "Installing Debian packages, which may take a minute: ${missing[*]}" >&2
    local said
    said=$({
        "${as_root[@]}" apt-get -q update &&
            "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q install -y \
                --no-install-recommends "${missing[@]}"
    } </dev/null 2>&1) && return 0
    echo "$said" >&2
    echo "Could not install: ${missing[*]}" >&2
    return 1
}
