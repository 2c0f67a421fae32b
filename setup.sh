#!/usr/bin/env bash
# Makes a fresh Debian 12 machine ready to build, run and test Pinkpoint.
# Run it as often as you like: what is there already is left alone.
#
#   ./setup.sh          CPU libtorch; the CUDA set where an NVIDIA driver is present
#   ./setup.sh --cuda   the CUDA set in any case        ./setup.sh --cpu   the CPU set in any case
#
# It changes three things: system packages (apt), third_party/ (libtorch), cascades/ (OpenCV's cascades).
# What it fetches is checked: packages by apt against Debian's signatures, libtorch by pip against the checksums in
# scripts/libtorch-*.txt, cascades against those below. What does not match is not installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

TORCH_VERSION=$(sed -n 's/^torch==\([0-9.]*\).*/\1/p' scripts/libtorch-cpu.txt)
PACKAGES=(
  build-essential pkg-config ca-certificates python3-pip  # build tools; pip fetches libtorch
  libopencv-dev opencv-data clang libclang-dev            # OpenCV, its cascades, and what binds it to Rust
  libgl1 libegl1 libgl1-mesa-dri libxkbcommon-x11-0       # what the window needs: OpenGL, and the X libraries that
  libx11-6 libx11-xcb1 libxcursor1 libxi6 libxrandr2      # are looked for when it opens
  xvfb xdotool                                            # the tests open the real window on a virtual screen, and use it
  strace                                                  # a test watches that the program opens no connection unasked
)
# The same files in every opencv-data from Debian 11 to sid (2026) and in Ubuntu 24.04.
CASCADES="
  0f7d4527844eb514d4a4948e822da90fbb16a34a0bbbbc6adc6498747a5aafb0  haarcascade_frontalface_default
  6281df13459cc218ff047d02b2ae3859b12ff14a93ffe8952f7b33fad7b9697b  haarcascade_frontalface_alt
  7b0c967d9abbdfbde025eb9c786947d151b6426040d07a8f9562ed8fd90724b4  haarcascade_frontalface_alt2
  b39a4a3be45539db146a7fc1d3e761a292c196eb88421185e6a615b3055e612d  haarcascade_profileface
  71cc64fc305a355dc60067880f6fbbd43dd155bd63ee3844661a1bda34b2fd8c  haarcascade_eye
  6f5f20091b0d20311c929bcd8c927074e50bd0ac6424321016c679f43cf5ebcf  lbpcascade_frontalface"
CASCADE_SOURCE=/usr/share/opencv4

say() { printf '[setup] %s\n' "$*"; }
die() { printf '\n[setup] FAILED: %s\n[setup] WHAT TO DO: %s\n' "$1" "$2" >&2; exit 1; }

flavour=auto
for argument in "$@"; do
  case "$argument" in
    --cuda) flavour=cuda ;;
    --cpu) flavour=cpu ;;
    -h|--help) sed -n '2,10p' "$0" | sed 's/^# \{0,1\}//'; exit 0 ;;
    *) die "unknown option $argument" "use --cuda, --cpu or no option" ;;
  esac
done
asked=$flavour
if [ "$flavour" = auto ]; then
  if [ -e /proc/driver/nvidia/version ] || command -v nvidia-smi >/dev/null 2>&1; then flavour=cuda; else flavour=cpu; fi
fi

check_rust() {
  local how="as described on https://rustup.rs, open a new shell, run ./setup.sh again" wanted found
  command -v cargo >/dev/null 2>&1 || die "cargo, Rust's build tool, was not found" "install Rust $how"
  wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  found=$(cargo --version | awk '{print $2}')
  # Debian 12's own cargo is too old and says so in terms of editions only.
  [ "$(printf '%s\n' "$wanted" "$found" | sort -V | head -n 1)" = "$wanted" ] ||
    die "cargo $found is too old, $wanted is needed" "install a newer Rust $how"
}

install_packages() {
  if ! command -v dpkg-query >/dev/null 2>&1; then
    say "not a Debian system: install the counterparts of these yourself: ${PACKAGES[*]}"
    return
  fi
  local missing=() package
  for package in "${PACKAGES[@]}"; do
    [ "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" = "install ok installed" ] || missing+=("$package")
  done
  if [ ${#missing[@]} -eq 0 ]; then say "system packages: all there"; return; fi
  local install="apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null 2>&1 && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
      as_root=(sudo)
      say "using sudo to install system packages"
    else
      die "these system packages are missing and only root can install them: ${missing[*]}" \
          "have root run:  $install   and then run ./setup.sh again"
    fi
  fi
  say "system packages: installing ${missing[*]} (about 200 MB on a bare machine)"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c "$install" ||
    die "apt-get could not install the packages" "look at its messages above; mend the cause (network, disk space, package lists) and run ./setup.sh again"
}

fetch_libtorch() {
  local stamp="third_party/torch/.pinkpoint-$TORCH_VERSION-$flavour" partial=third_party.partial
  # The CUDA set serves a CPU as well: never replace it unasked.
  if [ -e "$stamp" ] || { [ "$asked $flavour" = "auto cpu" ] && [ -e "third_party/torch/.pinkpoint-$TORCH_VERSION-cuda" ]; }; then
    say "libtorch $TORCH_VERSION: there"
    return
  fi
  local size="540 MB" room=3000
  if [ "$flavour" = cuda ]; then size="2.5 GB" room=9000; fi
  [ "$(df -Pm . | awk 'NR==2 {print $4}')" -ge "$room" ] ||
    die "less than $room MB of disk space free here" "free some space and run ./setup.sh again"
  say "libtorch $TORCH_VERSION ($flavour set): downloading $size from PyPI"
  rm -rf "$partial"
  # --no-deps: the list is whole, and what is not on it has no checksum. --only-binary: nothing fetched is run.
  if ! python3 -m pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore --no-compile \
      --no-deps --only-binary=:all: --require-hashes --target "$partial" -r "scripts/libtorch-$flavour.txt"; then
    rm -rf "$partial"
    die "pip could not fetch libtorch, or what it fetched is not the file that scripts/libtorch-$flavour.txt names" \
        "look at its messages above. Network, proxy, disk space: mend it and run ./setup.sh again. DO NOT MATCH THE HASHES: \
the index or something on the way gave another file; fetch from pypi.org itself. No matching distribution: torch \
$TORCH_VERSION is there for Python 3.10 to 3.14 on x86-64 and aarch64. Nothing was left half installed"
  fi
  if [ "$flavour" = cpu ]; then prune_to_cpu "$partial"; fi
  touch "$partial/torch/.pinkpoint-$TORCH_VERSION-$flavour"
  rm -rf third_party
  mv "$partial" third_party
  say "libtorch $TORCH_VERSION: $(du -sh third_party | cut -f1) in third_party/"
}

# Keeps only what a C++ program on a CPU uses (about 490 of 1100 MB).
prune_to_cpu() {
  local kept
  mv "$1/torch" "$1/all"
  mkdir -p "$1/torch/lib"
  mv "$1/all/include" "$1/torch/"
  for kept in "$1"/all/lib/libtorch_cpu.so "$1"/all/lib/libtorch.so "$1"/all/lib/libc10.so "$1"/all/lib/libgomp*; do
    mv "$kept" "$1/torch/lib/"
  done
  # What libtorch_cpu.so computes with on aarch64.
  for kept in "$1"/all/lib/libarm_compute* "$1"/all/lib/libnvpl_* "$1"/all/lib/libgfortran*; do
    if [ -e "$kept" ]; then mv "$kept" "$1/torch/lib/"; fi
  done
  rm -rf "$1/all"
}

has_checksum() { printf '%s  %s\n' "$2" "$1" | sha256sum --check --status; }

copy_cascades() {
  local checksum name source partial copied=0
  mkdir -p cascades
  while read -r checksum name; do
    if [ -s "cascades/$name.xml" ]; then
      has_checksum "cascades/$name.xml" "$checksum" ||
        say "cascades/$name.xml is not OpenCV's own; left as it is (delete it and run ./setup.sh again for OpenCV's)"
      continue
    fi
    source="$CASCADE_SOURCE/${name%%_*}s/$name.xml" partial="cascades/$name.xml.partial"
    [ -s "$source" ] ||
      die "$source is missing" "install the package opencv-data, or put OpenCV's $name.xml into cascades/ yourself"
    cp "$source" "$partial"
    if ! has_checksum "$partial" "$checksum"; then
      rm "$partial"
      # An error, since every version known has the same files: another one is more likely damaged than new.
      die "$source is not the file that Pinkpoint was tested with (sha256 $checksum)" \
          "reinstall the package opencv-data; or, if you know why it differs:  cp $source cascades/  and run ./setup.sh again"
    fi
    mv "$partial" "cascades/$name.xml"
    copied=$((copied + 1))
  done <<<"${CASCADES#$'\n'}"
  say "cascades: in cascades/ ($copied new)"
}

check_rust
install_packages
fetch_libtorch
copy_cascades
say "ready: cargo run --release opens the window, cargo test runs the tests"
