"""Write a software bill of materials for the packages of a hash lock: `make sbom`.

The lock is installed into its own environment, so that the packages themselves give the licences and the dependency
graph. CycloneDX's tool validates its output by its own schema, and omits times and serial numbers: the same lock gives
the same bytes.
"""

import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

from careconnect import __version__


def root_component(pyproject: str, direct: list[str]) -> str:
    """Return this project's metadata (PEP 621), with its version and the requirements of a lock's `.in` file."""
    project = tomllib.loads(pyproject)["project"]
    return "\n".join(
        [
            "[project]",
            *(f"{name} = {project[name]!r}" for name in ("name", "description", "license")),
            f"version = {__version__!r}",
            f"dependencies = {direct!r}",
            "",
        ]
    )


def direct_dependencies(names: Path) -> list[str]:
    """Return the packages that an `.in` file names, including those of the files that it includes."""
    found: list[str] = []
    for line in names.read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("-r "):
            found += direct_dependencies(names.parent / text.removeprefix("-r ").strip())
        elif text and not text.startswith("-"):
            found.append(text)
    return found


def write_bill(project: Path, lock: Path, output: Path) -> None:
    """Write the bill of materials of `lock`; raises `CalledProcessError`."""
    with tempfile.TemporaryDirectory(prefix="careconnect-sbom-") as folder:
        python = Path(folder, "environment/bin/python")
        venv.create(python.parents[1])
        uv = [str(project / ".venv/bin/uv"), "pip", "install", "--quiet", "--require-hashes"]
        subprocess.run([*uv, "--python", str(python), "-r", str(lock)], check=True)
        metadata = Path(folder, "pyproject.toml")
        pyproject = (project / "pyproject.toml").read_text(encoding="utf-8")
        metadata.write_text(root_component(pyproject, direct_dependencies(lock.with_suffix(".in"))), encoding="utf-8")
        output.parent.mkdir(parents=True, exist_ok=True)
        describe = [str(project / ".venv-audit/bin/cyclonedx-py"), "environment", "--pyproject", str(metadata)]
        options = ["--output-reproducible", "--output-format=JSON", "--output-file", str(output), "--validate"]
        subprocess.run([*describe, *options, str(python)], check=True)
    print(f"{output}: what {lock.relative_to(project)} installs")


if __name__ == "__main__":
    write_bill(Path.cwd(), Path(sys.argv[1]).resolve(), Path(sys.argv[2]))
