"""Coverage-guided fuzzing of the loaders in tests/fuzzed.py, by hand, for minutes.

    pip install atheris && python tools/fuzz.py dfdc_metadata --seconds 60

Whatever a loader must not raise stops the run and is kept as runs/fuzz/TARGET/crash-*; its bytes
belong in FOUND in tests/test_fuzzed.py. `all` fuzzes one loader after the other, each in a process.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import atheris

# whoever imports torch under instrumentation waits for minutes
import torch  # noqa: F401

ROOT = Path(__file__).parents[1]
INSTRUMENTED = ["deepbench", "yaml", "json", "csv", "PIL"]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
with atheris.instrument_imports(include=INSTRUMENTED):
    import fuzzed

MEGABYTES, SLOWEST = 4096, 25  # of one input, in seconds


def fuzz(target: fuzzed.Target, seconds: int) -> None:
    """Run until the time is up or something is found; libFuzzer then ends this process."""
    kept = ROOT / "runs/fuzz" / target.name
    kept.mkdir(parents=True, exist_ok=True)
    (kept / "seed").write_bytes(target.seed)
    with tempfile.TemporaryDirectory() as folder:

        def once(content: bytes) -> None:
            fuzzed.feed(target, content, Path(folder))

        limits = [f"-max_total_time={seconds}", f"-rss_limit_mb={MEGABYTES}", f"-timeout={SLOWEST}"]
        artifacts = f"-artifact_prefix={kept}/"
        atheris.Setup([sys.argv[0], str(kept), artifacts, "-print_final_stats=1", *limits], once)
        atheris.Fuzz()


def main() -> int:
    """1 if any loader raised what it must not."""
    targets = {target.name: target for target in fuzzed.TARGETS}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", choices=[*targets, "all"])
    parser.add_argument("--seconds", type=int, default=60)
    args = parser.parse_args()
    if args.target != "all":
        fuzz(targets[args.target], args.seconds)
        return 0
    again = [sys.executable, __file__, "--seconds", str(args.seconds)]
    failed = [name for name in targets if subprocess.run([*again, name], check=False).returncode]
    print(f"{len(targets)} loaders, found something in: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
