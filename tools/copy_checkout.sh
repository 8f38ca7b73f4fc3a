#!/bin/sh
# Copies all that git knows or would add, committed or not, as it is now, into the directory $1.
set -eu
cd "$(dirname "$0")/.."
git -c safe.directory='*' ls-files -z --cached --others --exclude-standard |
    tar --create --null --files-from - --ignore-failed-read 2>/dev/null |
    tar --extract --directory "$1" --no-same-owner
