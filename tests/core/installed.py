"""Packages as pip leaves them: a module, and a folder with metadata that names its entry points."""

from pathlib import Path
from textwrap import dedent


def install(folder: Path, package: str, source: str, version: str = "1.0") -> Path:
    """Installs a package of one module, which is its plugin; returns the module's file."""
    folder.mkdir(exist_ok=True)
    module = package.replace("-", "_")
    path = folder / f"{module}.py"
    path.write_text(dedent(source))
    info = folder / f"{module}-{version}.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[infraray.plugins]\nplugin = {module}\n")
    (info / "RECORD").write_text(f"{path.name},,\n")
    return path
