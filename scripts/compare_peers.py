#!/usr/bin/env python3
"""Runs `pinkpoint annotate` and another program on the same videos, alternating in one run on one core, and writes a table
(Markdown) and a plot (PNG): CPU time a frame, coverage, jitter, lag, second points on one face.

The other program and the judge are not part of this repository; they are given as commands:

    --peer       "NAME: COMMAND", where {video} is the video and {csv} the file of keypoints to write; the file that {json}
                 names may say {"cpu_ms": {"mean": MS}}, its CPU time a frame without decoding; without it the CPU time of
                 the whole process is used. May be given again.
    --judge      COMMAND that takes --truth, --pred and --json as `evaluate_video.py` of the truth files does: for every
                 prediction file covered, jitter_rms, jitter_median, lag_frames and double_per_frame
    VIDEO...     videos with their truth (VIDEO's name with .csv: frame,face,x0,y0,...) beside them

Needs Python 3.10 and matplotlib (for the plot; --no-plot goes without). Ours is the whole process without decoding.
"""
import argparse
import json
import os
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

COLUMNS = [
    ("covered", "covered %", 100, "{:.1f}"),
    ("jitter_rms", "jitter rms %", 100, "{:.2f}"),
    ("jitter_median", "median %", 100, "{:.2f}"),
    ("lag_frames", "lag frames", 1, "{:.2f}"),
    ("double_per_frame", "doubles", 1, "{:.3f}"),
]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="+", type=Path, metavar="VIDEO")
    parser.add_argument("--program", default="target/release/pinkpoint", help="ours (default: %(default)s)")
    parser.add_argument("--weights", default="pinkpoint", help="our net (default: %(default)s)")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME: COMMAND")
    parser.add_argument("--judge", required=True, metavar="COMMAND")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each on each video; medians count")
    parser.add_argument("--core", type=int, default=0, help="core that everything is pinned to")
    parser.add_argument("--out", type=Path, default=Path("compare_peers"), help="writes OUT.md and OUT.png")
    parser.add_argument("--no-plot", action="store_true")
    args = parser.parse_args()
    for video in args.videos:
        for needed in (video, video.with_suffix(".csv")):
            if not needed.is_file():
                parser.error(f"missing: {needed}")
    if any(": " not in peer for peer in args.peer):
        parser.error('a peer is given as "NAME: COMMAND"')
    return args


def run(command, core):
    """CPU seconds of a command that is pinned to a core."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(["taskset", "-c", str(core), *command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{shlex.join(command)} failed:\n{done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ours(args, video, csv, stats):
    run([args.program, "annotate", str(video), "--weights", args.weights, "--keypoints", str(csv), "--stats", str(stats)], args.core)
    return json.loads(stats.read_text())["cpu_ms_per_frame_without_decode"]


def theirs(command, args, video, csv, stats):
    filled = [part.format(video=video, csv=csv, json=stats) for part in shlex.split(command)]
    stats.unlink(missing_ok=True)
    seconds = run(filled, args.core)
    if stats.is_file():
        return json.loads(stats.read_text())["cpu_ms"]["mean"]
    frames = len({line.split(",")[0] for line in video.with_suffix(".csv").read_text().splitlines()[1:]})
    return 1000 * seconds / frames


def judged(args, video, csv, folder):
    out = folder / "judged.json"
    command = shlex.split(args.judge)
    subprocess.run([*command, "--truth", str(video.with_suffix(".csv")), "--pred", str(csv), "--json", str(out)],
                   check=True, capture_output=True)
    found = json.loads(out.read_text())
    found = found.get("clips", found)
    return found[str(csv)] if str(csv) in found else next(iter(found.values()))


def measure(args, folder):
    """{video: {program: {"cpu": [ms...], "score": {...}}}}"""
    programs = {"Pinkpoint": None} | dict(peer.split(": ", 1) for peer in args.peer)
    results = {video: {name: {"cpu": []} for name in programs} for video in args.videos}
    for turn in range(args.rounds):
        for video in args.videos:
            for name, command in programs.items():
                csv, stats = folder / f"{video.stem}-{name}.csv", folder / f"{video.stem}-{name}.json"
                cpu = ours(args, video, csv, stats) if command is None else theirs(command, args, video, csv, stats)
                result = results[video][name]
                result["cpu"].append(cpu)
                result["score"] = judged(args, video, csv, folder)
                print(f"{turn + 1}/{args.rounds} {video.stem} {name}: {cpu:.2f} ms", file=sys.stderr)
    return results


def table(results):
    lines = ["| video | program | CPU ms a frame | " + " | ".join(title for _, title, _, _ in COLUMNS) + " |",
             "|---|---|---" + "|---" * len(COLUMNS) + "|"]
    for video, programs in results.items():
        first = next(iter(programs.values()))
        for name, result in programs.items():
            cpu = statistics.median(result["cpu"])
            text = f"{cpu:.2f}" if result is first else f"{cpu:.2f} (ours: {statistics.median(first['cpu']) / cpu:.2f})"
            cells = []
            for key, _, factor, form in COLUMNS:
                value = result["score"].get(key)
                cells.append("–" if value is None or value != value else form.format(value * factor))
            lines.append(f"| {video.stem} | {name} | {text} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def plot(results, path):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    programs = list(next(iter(results.values())))
    colours = ["#ff40a0", "#8090a8", "#60b0ff", "#40dc60"]
    figure, axes = plt.subplots(1, 2, figsize=(11, 0.6 * len(results) + 1.8), sharey=True)
    height = 0.8 / len(programs)
    for at, name in enumerate(programs):
        places = [row + (at - (len(programs) - 1) / 2) * height for row in range(len(results))]
        cpu = [statistics.median(of[name]["cpu"]) for of in results.values()]
        jitter = [100 * (of[name]["score"].get("jitter_rms") or 0) for of in results.values()]
        axes[0].barh(places, cpu, height, label=name, color=colours[at % len(colours)])
        axes[1].barh(places, jitter, height, color=colours[at % len(colours)])
    axes[0].set_yticks(range(len(results)), [video.stem for video in results])
    axes[0].invert_yaxis()
    axes[0].set_xlabel("CPU ms a frame, one core")
    axes[1].set_xlabel("jitter, rms, % of the eyes' distance")
    axes[0].legend(loc="lower right", frameon=False)
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main():
    args = arguments()
    with tempfile.TemporaryDirectory() as folder:
        results = measure(args, Path(folder))
    text = table(results)
    print(text)
    partial = args.out.with_suffix(".md.partial")
    partial.write_text(text)
    os.replace(partial, args.out.with_suffix(".md"))
    if not args.no_plot:
        plot(results, args.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
