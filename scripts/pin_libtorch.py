#!/usr/bin/env python3
"""Writes scripts/libtorch-cpu.txt and scripts/libtorch-cuda.txt: what `setup.sh` fetches from PyPI, with checksums. Touches
nothing else and downloads no library.

    scripts/pin_libtorch.py torch==2.13.0 nvidia-nvjitlink==13.0.88

pip says which packages a torch needs, PyPI's index which files there are of each. What is named after torch is held at that
version: torch takes any newer linker of CUDA, and the one of its own toolkit is wanted.
"""
import json
import pathlib
import subprocess
import sys
import urllib.request

FOLDER = pathlib.Path(__file__).resolve().parent
INDEX = "https://pypi.org/simple/"
# libtorch_cpu.so is linked against two small libraries of CUDA; nothing else of CUDA is needed on a CPU.
CPU_SET = ["torch", "nvidia-cuda-runtime", "nvidia-cuda-cupti"]
PROCESSORS = ("x86_64", "aarch64")

HEAD = """\
# {what}, for setup.sh: pip takes no other file.
# Made by: scripts/pin_libtorch.py {arguments}
"""


def resolve(requirements):
    """Name -> version of all that pip would install."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--no-cache-dir", "--ignore-installed"]
    command += ["--only-binary=:all:", "--report", "-", *requirements]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    found = (package["metadata"] for package in report["install"])
    return {metadata["name"].lower(): metadata["version"] for metadata in found}


def pinned(name, version):
    """The line of a package, with a checksum for every version of Python on every processor."""
    asked = urllib.request.Request(INDEX + name + "/", headers={"Accept": "application/vnd.pypi.simple.v1+json"})
    with urllib.request.urlopen(asked) as answer:
        files = json.load(answer)["files"]
    start = f"{name.replace('-', '_')}-{version}-"
    wheels = [file for file in files if file["filename"].startswith(start) and "manylinux" in file["filename"]]
    hashes = []
    for processor in PROCESSORS:
        found = [file["hashes"]["sha256"] for file in wheels if file["filename"].endswith(f"_{processor}.whl")]
        if not found:
            sys.exit(f"{name} {version}: not there for {processor}")
        hashes += found
    return " \\\n    ".join([f"{name}=={version}", *(f"--hash=sha256:{digest}" for digest in sorted(hashes))])


def write(name, what, lines):
    head = HEAD.format(what=what, arguments=" ".join(sys.argv[1:]))
    (FOLDER / name).write_text(head + "\n".join(lines) + "\n")


def main():
    if not sys.argv[1:]:
        sys.exit(__doc__)
    versions = resolve(sys.argv[1:])
    # The rest of what torch asks for is Python's: compilers and helpers that no C++ program loads.
    further = sorted(name for name in versions if name.startswith("nvidia-") and name not in CPU_SET)
    write("libtorch-cpu.txt", "libtorch", [pinned(name, versions[name]) for name in CPU_SET])
    cuda = ["-r libtorch-cpu.txt", *(pinned(name, versions[name]) for name in further)]
    write("libtorch-cuda.txt", "libtorch with all of CUDA that it loads", cuda)


if __name__ == "__main__":
    main()
