#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs the Debian packages that the named list files ask for and that are not there yet.
set -euo pipefail

if ! command -v dpkg-query >/dev/null; then
    echo "This is no Debian: make sure that these are installed: $(sed 's/#.*//' "$@" | xargs)" >&2
    exit 0
fi

missing=()
for package in $(sed 's/#.*//' "$@"); do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "These Debian packages are missing. As root, run:" >&2
    echo "    apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 1
fi
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
install=(apt-get install -y -qq --no-install-recommends "${missing[@]}")
"${install[@]}" >/dev/null </dev/null 2>&1 || {
    # The package lists may be old or empty.
    apt-get update -qq </dev/null >/dev/null
    "${install[@]}" </dev/null >/dev/null
}
