#!/usr/bin/env bash
# Makes the packages of this version, in target/package/: a .deb for Debian 12, and a .tar.xz that runs from any folder,
# without root, on any x86-64 or aarch64 Linux with glibc 2.36 or newer (Debian 12, Ubuntu 24.04, Fedora 38) and a desktop.
#
#   scripts/package.sh [deb] [tar]      both unless told
#
# Needs ./setup.sh --cpu (packages hold CPU libtorch), and for the .deb cargo-deb (cargo install --locked cargo-deb), as `cargo deb` itself does.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VERSION=$(sed -n '0,/^version/s/^version = "\(.*\)"/\1/p' Cargo.toml)
TARGET=${CARGO_TARGET_DIR:-target}
OUT=$TARGET/package
# What every desktop has, and has to be its own: C library, graphics, X and Wayland, fonts.
SYSTEM='^(ld-linux.*|lib(c|m|dl|rt|pthread|resolv|util|anl)|lib(stdc\+\+|gcc_s)|lib(GL|EGL|GLX|GLdispatch|OpenGL|GLESv2|gbm|drm|vulkan)|lib(X11|X11-xcb|xcb|xkbcommon|xkbcommon-x11)|libwayland.*|libfontconfig|libfreetype|libexpat|libz)\.so.*'

make_deb() {
  if [ "$(uname -m)" != x86_64 ]; then
    echo "package.sh: the .deb is for x86-64 only: Cargo.toml does not name what libtorch computes with here; make the tar" >&2
    exit 1
  fi
  # By xz itself, on all cores: for half a gigabyte the packer takes seven minutes on one.
  XZ_OPT=-T0 cargo deb --locked --compress-system --output "$OUT/"
}

check_libtorch() {
  if [ -e third_party/torch/lib/libtorch_cuda.so ]; then
    echo "package.sh: packages hold libtorch for CPUs, and third_party/ holds CUDA's; run ./setup.sh --cpu" >&2
    exit 1
  fi
}

# The same tree as in the .deb, with the libraries that Debian's packages bring there and OpenCV's cascades.
make_tar() {
  cargo build --locked --profile dist
  local name="pinkpoint-$VERSION-linux-$(uname -m)" tree program="$TARGET/dist/pinkpoint"
  tree=$OUT/$name
  rm -rf "$tree"
  mkdir -p "$tree"/{bin,lib/pinkpoint,share/{applications,icons/hicolor/256x256/apps,metainfo,man/man1,doc/pinkpoint}} \
    "$tree"/share/pinkpoint/{weights,assets,cascades}
  cp "$program" "$tree/bin/"
  # libtorch asks for the two of NVIDIA's even where there is no card of theirs.
  cp third_party/torch/lib/*.so* third_party/nvidia/*/lib/lib{cudart,cupti}.so.* "$tree/lib/pinkpoint/"
  local notices=$tree/share/doc/pinkpoint/libraries.txt
  for library in "$tree"/lib/pinkpoint/*; do notice_of_wheel "$(basename "$library")"; done >"$notices"
  # As the program finds them: its search path leads to the folder beside it, which holds libtorch by now.
  local line library path
  LD_LIBRARY_PATH= ldd "$tree/bin/pinkpoint" >"$OUT/libraries.txt"
  if grep 'not found' "$OUT/libraries.txt" >&2; then
    echo "package.sh: libraries are missing; run ./setup.sh --cpu" >&2
    exit 1
  fi
  while read -r line; do
    library=${line%% *}
    path=$(sed -n 's/.* => \(\/[^ ]*\).*/\1/p' <<<"$line")
    [[ -n "$path" && ! "$library" =~ $SYSTEM && ! -e "$tree/lib/pinkpoint/$library" ]] || continue
    cp -L "$path" "$tree/lib/pinkpoint/$library"
    notice_of_system "$library" "$path" >>"$notices"
  done <"$OUT/libraries.txt"
  rm "$OUT/libraries.txt"
  cp weights/*.pt weights/*.md weights/nets.json "$tree/share/pinkpoint/weights/"
  cp assets/demo.jpg assets/icon.png "$tree/share/pinkpoint/assets/"
  cp cascades/*.xml "$tree/share/pinkpoint/cascades/"
  cp assets/icon.png "$tree/share/icons/hicolor/256x256/apps/pinkpoint.png"
  cp assets/desktop/pinkpoint.desktop "$tree/share/applications/"
  cp assets/desktop/pinkpoint.metainfo.xml "$tree/share/metainfo/"
  cp assets/man/*.1 "$tree/share/man/man1/"
  cp -r assets/completions "$tree/share/pinkpoint/"
  cp README.md SECURITY.md LICENSE "$tree/share/doc/pinkpoint/"
  sort -o "$notices" "$notices"
  XZ_OPT=-T0 tar -C "$OUT" --owner=0 --group=0 --sort=name -cJf "$OUT/$name.tar.xz.partial" "$name"
  mv "$OUT/$name.tar.xz.partial" "$OUT/$name.tar.xz"
  rm -rf "$tree"
}

# Where a library that PyTorch's wheels brought is from, and where its licence is to be read.
notice_of_wheel() {
  case "$1" in
    libcu*) echo "$1: NVIDIA CUDA 13, https://docs.nvidia.com/cuda/eula/ (redistributable)" ;;
    *) echo "$1: PyTorch $(sed -n 's/^torch==\([0-9.]*\).*/\1/p' scripts/libtorch-cpu.txt), https://github.com/pytorch/pytorch/blob/main/LICENSE" ;;
  esac
}

# The same of one of the system's, which was found at $2.
notice_of_system() {
  local package source
  # Where /lib is a link to /usr/lib, packages may know a file by either name.
  package=$(dpkg-query -S "$2" "$(readlink -f "$2")" "/usr$2" 2>/dev/null | sed -n '1s/:.*//p' || true)
  if [ -z "$package" ]; then echo "$1: from the system that this was packed on, $2"; return; fi
  source=$(dpkg-query -W -f '${source:Package}\n' "$package" | head -n 1)
  echo "$1: Debian package $package $source $(dpkg-query -W -f '${Version}\n' "$package" | head -n 1), https://sources.debian.org/copyright/license/$source/"
}

check_libtorch
mkdir -p "$OUT"
[ $# -gt 0 ] || set -- deb tar
for kind in "$@"; do
  case "$kind" in
    deb | tar) "make_$kind" ;;
    *) echo "package.sh: no such package: $kind; there are deb and tar" >&2; exit 2 ;;
  esac
done
ls -l "$OUT"
