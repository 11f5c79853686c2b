"""Run the step of this bundle again and compare every byte outside `host`; leaves with 0 when all are the same."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

FLAGS: list[str] = []
"""What `hecasim run` was told beside the inputs."""
CHECK_FAILED = 5


def main() -> int:
    """Run, compare, say so."""
    here = Path(__file__).resolve().parent
    with tempfile.TemporaryDirectory() as place:
        new = Path(place) / "rerun"
        command = [
            sys.executable,
            "-m",
            "hecasim",
            "run",
            str(here / "inputs.yaml"),
            *FLAGS,
            "--quiet",
            "--out",
            str(new),
        ]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            return done.returncode
        differ = [name.name for name in sorted(here.iterdir()) if (new / name.name).exists() and not same(name, new)]
    sys.stdout.write(f"different: {', '.join(differ)}\n" if differ else "every byte is the same\n")
    if differ:
        tell_version(here)
    return CHECK_FAILED if differ else 0


def tell_version(here: Path) -> None:
    """Say so where another hecasim runs here than the one that made the bundle."""
    from hecasim.sweep.code import code_version

    files = [folder / "VERSION" for folder in (here, here.parent) if (folder / "VERSION").is_file()]
    made = files[0].read_text(encoding="utf-8").strip() if files else ""
    if made and made != code_version():
        sys.stdout.write(f"the bundle was made by hecasim {made}; this is hecasim {code_version()}\n")


def same(file: Path, new: Path) -> bool:
    """Whether the new file of that name says the same."""
    if file.name != "result.json":
        return file.read_bytes() == (new / file.name).read_bytes()
    documents = [json.loads((folder / file.name).read_text(encoding="utf-8")) for folder in (file.parent, new)]
    texts = [json.dumps({key: part for key, part in one.items() if key != "host"}) for one in documents]
    return texts[0] == texts[1]


if __name__ == "__main__":
    sys.exit(main())
