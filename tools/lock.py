"""Write requirements.lock: a plain pin of every installed distribution, for `pip -c`.

Constraints bind only what is installed, so packages of one platform do no harm on another; torch
alone needs another version where its wheels differ.
"""

from importlib.metadata import distributions
from pathlib import Path

OWN = {"deepbench", "pip", "setuptools", "wheel"}
# the newest CPU wheels that install by pip on 64-bit ARM
ARM = {"torch": "2.9.1", "torchvision": "0.24.1"}
LOCK = Path(__file__).parents[1] / "requirements.lock"


def pins() -> list[str]:
    """One line per distribution, sorted."""
    lines = []
    for name, version in sorted({(d.name.lower(), d.version) for d in distributions()}):
        if name in OWN:
            continue
        # a local version (+cpu) names a build that the index does not have
        public = version.partition("+")[0]
        if name in ARM:
            lines.append(f'{name}=={public}; platform_machine != "aarch64"')
            lines.append(f'{name}=={ARM[name]}; platform_machine == "aarch64"')
        elif name == "triton" or name.startswith(("nvidia-", "cuda-")):
            # each torch build demands its own
            lines.append(f'{name}=={public}; platform_machine != "aarch64"')
        else:
            lines.append(f"{name}=={public}")
    return lines


if __name__ == "__main__":
    LOCK.write_text("\n".join(["# made by `make lock`", *pins()]) + "\n", encoding="utf-8")
    print(f"{LOCK.name}: {len(pins())} pins")
