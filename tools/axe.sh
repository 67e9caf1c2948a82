#!/usr/bin/env bash
# Puts axe-core, which finds barriers in the payer's pages, to the path in $1: one file of the npm package, checked.
set -euo pipefail

version=4.14.1
sum=29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c

right() { [ -s "$1" ] && [ "$( (sha256sum "$1" 2>/dev/null || shasum -a 256 "$1") | cut -d' ' -f1)" = "$sum" ]; }
right "$1" && exit

command -v npm >/dev/null || { echo "axe: npm is missing: install it, for example 'apt-get install npm'." >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && npm pack --silent "axe-core@$version" >/dev/null && tar xzf "axe-core-$version.tgz" package/axe.min.js)
right "$folder/package/axe.min.js" || { echo "axe: axe-core $version is not the file it should be." >&2; exit 1; }
mkdir -p "$(dirname "$1")"
mv "$folder/package/axe.min.js" "$1"
