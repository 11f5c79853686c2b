"""Where a name or a path leads: the data shipped with hecasim, or a file of the user."""

import difflib
import os
from pathlib import Path

from hecasim.errors import ConfigError, nearest
from hecasim.specs.tree import Place, printable

SUFFIXES = (".yaml", ".yml", ".json")
FOLDERS = {"package": "hw_configs", "model": "models", "study": "studies"}
LARGEST_FILE = 1 << 20  # a description is a page or two; a megabyte is some other file


def folder(kind: str) -> Path | None:
    """The shipped files of a kind: inside the wheel, or at the top of a checkout; plans have none."""
    if kind not in FOLDERS:
        return None
    inside = Path(__file__).resolve().parent.parent
    places = (inside / FOLDERS[kind], inside.parent / FOLDERS[kind])
    return next((place for place in places if place.is_dir()), None)


def shipped(kind: str) -> dict[str, Path]:
    """Name -> file of what hecasim ships of a kind; families, which only others extend, lie one folder deeper."""
    place = folder(kind)
    return {path.stem: path for path in sorted(place.glob("*.yaml"))} if place else {}


def find(word: str, kind: str, asked: Place, beside: Path | None = None) -> Path:
    """The file that *word* means; *beside* is the folder of the file that says it, where it comes from one."""
    by_name = shipped(kind)
    if not word.strip() or "\0" in word:
        raise ConfigError(asked.says(f"found nothing; expected a {kind} by name or path"))
    try:
        path = Path(word).expanduser()
    except RuntimeError:
        raise ConfigError(asked.says(f"{printable(word)}: nobody of that name has a home directory here")) from None
    if beside is not None and not path.is_absolute():
        path = beside / path
    if word in by_name:
        return by_name[word]
    if os.sep in word or word.endswith(SUFFIXES) or _exists(path):
        return _file(path, kind, asked)
    if not by_name:
        raise ConfigError(asked.says(f"{printable(word)}: no such file"))
    raise ConfigError(asked.says(f"unknown name '{printable(word)}'; {nearest(word, by_name)}"))


def find_parent(word: str, kind: str, asked: Place, beside: Path | None) -> Path:
    """The file that `extends: word` means: beside the file that says it, or among the shipped ones."""
    folders = [one for one in (beside, folder(kind)) if one is not None]
    for one in folders:
        for ending in ("", ".yaml", ".yml"):
            path = one / f"{word}{ending}"
            if _exists(path) and path.is_file():
                return path
    known = {path.relative_to(one).with_suffix("").as_posix() for one in folders for path in _yaml_files(one)}
    raise ConfigError(asked.says(f"unknown name '{printable(word)}'; {nearest(word, known)}"))


def read_text(path: Path) -> str:
    """The text of a file; trouble is a ConfigError."""
    place = Place(shown(path))
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ConfigError(place.says(f"larger than {LARGEST_FILE >> 20} MiB; expected a description"))
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(Place(place.file, line).says("not UTF-8; save the file as UTF-8 text")) from None
    except OSError as error:
        raise ConfigError(place.says(f"cannot be read: {error.strerror or error}")) from None


def shown(path: Path) -> str:
    """A path as short as it can be said from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd().resolve()))
    except (ValueError, OSError):
        return str(path)


def _file(path: Path, kind: str, asked: Place) -> Path:
    if kind == "model" and _exists(path / "config.json"):
        return path / "config.json"
    if not _exists(path):
        near = difflib.get_close_matches(path.name, [one.name for one in _yaml_files(path.parent)], n=1)
        guess = near or difflib.get_close_matches(path.stem, shipped(kind), n=1)
        hint = f"; did you mean '{path.parent / near[0] if near else guess[0]}'?" if guess else ""
        raise ConfigError(asked.says(f"{path}: no such file{hint}"))
    if not path.is_file():
        raise ConfigError(asked.says(f"{path}: not a file; expected a YAML file or a config.json"))
    return path


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _yaml_files(place: Path) -> list[Path]:
    """The YAML files in a folder and one level below; few enough to guess from."""
    try:
        found = [path for pattern in ("*.y*ml", "*.json", "*/*.y*ml") for path in place.glob(pattern)]
    except OSError:
        return []
    return found[:1000]
