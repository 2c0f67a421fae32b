#!/usr/bin/env bash
# Tries the packages that scripts/package.sh made as somebody would who has nothing but them: in clean Debian 12 roots, made by
# debootstrap, as an ordinary user, in the real window on a virtual screen. Prints what was tried; exit status 0 when all is well.
#
#   scripts/try_packages.sh [deb] [tar]      both unless told
#
# Needs root, debootstrap, and a Debian mirror (MIRROR, else http://deb.debian.org/debian).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PACKAGES=${CARGO_TARGET_DIR:-target}/package
MIRROR=${MIRROR:-http://deb.debian.org/debian}
WORK=$(mktemp -d)
BASE=$WORK/base
tried=0

leave() {
  for root in "$WORK"/*/; do
    umount -l "$root/proc" "$root/dev" 2>/dev/null || true
  done
  rm -rf --one-file-system "$WORK"
}
trap leave EXIT

ok() { tried=$((tried + 1)); printf 'ok      %s\n' "$*"; }
fail() { printf 'NOT OK  %s\n' "$*" >&2; exit 1; }
# expect WHAT COMMAND...: the command has to succeed.
expect() { local what=$1; shift; if "$@"; then ok "$what"; else fail "$what: $*"; fi; }

# A fresh root that a user could have after installing Debian's desktop basics: $1 is its name, the rest are packages.
make_root() {
  local root=$WORK/$1
  shift
  if [ ! -d "$BASE" ]; then
    debootstrap --variant=minbase bookworm "$BASE" "$MIRROR" >"$WORK/debootstrap.log" 2>&1 ||
      { tail "$WORK/debootstrap.log" >&2; fail "debootstrap"; }
    # As this machine reaches the mirror.
    cp -r /etc/apt/apt.conf.d/. "$BASE/etc/apt/apt.conf.d/"
    cp /etc/resolv.conf /etc/hosts "$BASE/etc/"
    echo "deb $MIRROR bookworm main" >"$BASE/etc/apt/sources.list"
  fi
  cp -a "$BASE" "$root"
  mount --bind /proc "$root/proc"
  mount --bind /dev "$root/dev"
  install_in "$root" "$@"
  chroot "$root" useradd --create-home visitor
}

install_in() {
  local root=$1
  shift
  chroot "$root" sh -c "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $*" \
    >"$WORK/apt.log" 2>&1 || { tail -20 "$WORK/apt.log" >&2; fail "apt-get install $*"; }
}

as_visitor() { local root=$1; shift; chroot "$root" su visitor -c "cd && $*"; }

# What a person would do first: $1 the root, $2 the program in it.
use() {
  local root=$1 program=$2 shown
  expect "$program --version" as_visitor "$root" "$program --version"
  expect "its libraries are all there" as_visitor "$root" "! ldd \$(command -v $program) | grep 'not found'"
  as_visitor "$root" "xvfb-run -a -s '-screen 0 1280x800x24' $program --source demo --run-for 5 --stats stats.json" ||
    fail "the window"
  shown=$(as_visitor "$root" "grep -o '\"frames_shown\": *[0-9]*' stats.json" | grep -o '[0-9]*$') ||
    fail "the window wrote no figures: stats.json"
  expect "the window showed pictures: $shown" test "$shown" -gt 10
  expect "faces were found in them" as_visitor "$root" "grep -q '\"faces_mean\": 0.[3-9]\\|\"faces_mean\": 1' stats.json"
  cp assets/demo.jpg "$root/home/visitor/photo.jpg"
  chroot "$root" chown visitor /home/visitor/photo.jpg
  expect "annotate" as_visitor "$root" "$program annotate photo.jpg --keypoints points.csv >/dev/null && test \$(wc -l < points.csv) -eq 2"
  # A file from a stranger runs in a process of its own first, which is the program itself.
  cp tests/weights/steady-64.pt "$root/home/visitor/mine.pt"
  expect "a net of one's own" as_visitor "$root" "$program inspect mine.pt >/dev/null"
}

try_deb() {
  local root=$WORK/deb package
  package=$(ls "$PACKAGES"/*.deb)
  make_root deb xvfb xauth desktop-file-utils appstream man-db libgl1-mesa-dri
  cp "$package" "$root/tmp/pinkpoint.deb"
  install_in "$root" /tmp/pinkpoint.deb
  ok "apt-get install $(basename "$package"), $(du -h "$package" | cut -f1), installed $(chroot "$root" dpkg-query -W -f '${Installed-Size}' pinkpoint) kB"
  expect "the menu's entry is sound" chroot "$root" desktop-file-validate /usr/share/applications/pinkpoint.desktop
  expect "its program is in the path" chroot "$root" sh -c 'command -v $(sed -n s/^Exec=//p /usr/share/applications/pinkpoint.desktop)'
  expect "its icon is there" test -s "$root/usr/share/icons/hicolor/256x256/apps/$(sed -n s/^Icon=//p assets/desktop/pinkpoint.desktop).png"
  # Without a domain of its own its id cannot be written as one.
  expect "AppStream data" chroot "$root" sh -c 'appstreamcli validate --no-net --no-color /usr/share/metainfo/pinkpoint.metainfo.xml | grep -E "^[EW]:" | grep -v is-not-rdns | wc -l | grep -qx 0'
  expect "manual pages" chroot "$root" sh -c 'test $(ls /usr/share/man/man1/pinkpoint* | wc -l) -gt 5 && man -w pinkpoint-annotate >/dev/null'
  use "$root" pinkpoint
  chroot "$root" sh -c 'DEBIAN_FRONTEND=noninteractive apt-get remove -y pinkpoint' >"$WORK/apt.log" 2>&1 || fail "apt-get remove"
  expect "nothing is left after its removal" chroot "$root" sh -c '! ls /usr/bin/pinkpoint /usr/lib/pinkpoint /usr/share/pinkpoint 2>/dev/null'
}

try_tar() {
  local root=$WORK/tar package folder
  package=$(ls "$PACKAGES"/*.tar.xz)
  # No OpenCV: only what a desktop has anyway.
  make_root tar xvfb xauth libgl1 libegl1 libgl1-mesa-dri libx11-6 libx11-xcb1 libxcursor1 libxi6 libxkbcommon-x11-0 libxrandr2 libfontconfig1
  tar -C "$root/home/visitor" -xJf "$package"
  folder=$(basename "$package" .tar.xz)
  ok "unpacked $(basename "$package"), $(du -h "$package" | cut -f1), $(du -sh "$root/home/visitor/$folder" | cut -f1) unpacked"
  use "$root" "./$folder/bin/pinkpoint"
}

[ $# -gt 0 ] || set -- deb tar
for kind in "$@"; do
  case "$kind" in
    deb | tar) "try_$kind" ;;
    *) echo "try_packages.sh: no such package: $kind; there are deb and tar" >&2; exit 2 ;;
  esac
done
echo "$tried tried, all well"
