#!/usr/bin/env bash
# Makes what a release publishes in target/package: the Debian package, an archive of the program, manual pages and completions,
# the licences of what is built in, a list of the parts (SBOM), and their checksums: make package.
#
# Needs the network only for tools that are not installed. The same commit gives the same files.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
out=target/package
program=$target/dist/pillarbox
# Times in archives are those of the commit, so that they do not change with the day on which they are made.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

tool() { # command, crate
    if ! command -v "$1" >/dev/null; then
        cargo install "$2" --locked --root target/tools --quiet
        export PATH="$PWD/target/tools/bin:$PATH"
    fi
}

PILLARBOX_GIT_COMMIT=$(git rev-parse HEAD) PILLARBOX_BUILD_TIME=$(date -u -d "@$SOURCE_DATE_EPOCH" +%FT%TZ) make dist
version=$("$program" --version | cut -d' ' -f2)

rm -rf "$out"
mkdir -p "$out/man" "$out/completions"
"$program" man "$out/man"
"$program" completions bash >"$out/completions/pillarbox"
"$program" completions zsh >"$out/completions/_pillarbox"
"$program" completions fish >"$out/completions/pillarbox.fish"
python3 scripts/third_party.py >"$out/THIRD-PARTY.txt"

tool cargo-cyclonedx cargo-cyclonedx
cargo cyclonedx --manifest-path server/Cargo.toml --format json --override-filename pillarbox.cdx --quiet
mv server/pillarbox.cdx.json "$out/pillarbox-$version.cdx.json"
find . -name 'pillarbox.cdx.json' -not -path './target/*' -delete

tool cargo-deb cargo-deb
cargo deb --package pillarbox-server --profile dist --no-build --no-strip --output "$out/pillarbox_${version}_$(dpkg --print-architecture).deb"

folder=pillarbox-$version
mkdir "$out/$folder"
cp "$program" LICENSE README.md CHANGELOG.md docs/settings.md docs/operate.md "$out/THIRD-PARTY.txt" "$out/$folder"
cp -r deploy "$out/man" "$out/completions" "$out/$folder"
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C "$out" -c "$folder" |
    gzip --no-name >"$out/$folder-$(uname -m).tar.gz"
rm -r "${out:?}/$folder"

cd "$out"
sha256sum ./*.deb ./*.tar.gz ./*.cdx.json >SHA256SUMS
cat SHA256SUMS
