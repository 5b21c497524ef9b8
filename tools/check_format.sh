#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Says which of our C++ files are not formatted; `tools/check_format.sh --fix` formats them.
set -euo pipefail
cd "$(dirname "$0")/.."

list_files() {
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git ls-files --cached --others --exclude-standard -- '*.hpp' '*.cpp'
    else
        find include src tests examples apps bench -name '*.[hc]pp' 2>/dev/null
    fi | sort | while read -r file; do if [ -f "$file" ]; then echo "$file"; fi; done
}

mapfile -t files < <(list_files)
if [ "${1:-}" = "--fix" ]; then
    clang-format-19 -i "${files[@]}"
else
    clang-format-19 --dry-run -Werror "${files[@]}"
    echo "format: ${#files[@]} files"
fi
