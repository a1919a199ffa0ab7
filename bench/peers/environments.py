"""The environments: each peer in a virtual environment of its own, at the version named here."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

INSTALL_S = 900.0
FOLDER = Path(__file__).parents[2] / ".peers"


@dataclass(frozen=True, slots=True)
class Peer:
    """A library that is compared.

    Attributes:
        name: As people write it.
        module: Its file in `bench.peers`.
        imported: What its users import first.
        requirements: What is installed; empty for what runs in this environment.
    """

    name: str
    module: str
    imported: str
    requirements: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """What is pinned, without the rest of what it needs."""
        return self.requirements[0].split("==")[1] if self.requirements else "this checkout"


OURS = Peer("Forewarn", "forewarn", "monitors.drift_report")
PEERS = (
    Peer("Evidently", "evidently", "evidently", ("evidently==0.7.23", "pandas<3")),
    Peer("NannyML", "nannyml", "nannyml", ("nannyml==0.13.1", "statsmodels<1")),
    Peer("alibi-detect", "alibi", "alibi_detect.cd", ("alibi-detect==0.13.0",)),
    Peer("whylogs", "whylogs", "whylogs", ("whylogs[viz]==1.6.4", "pandas<2.3", "numpy<2")),
    Peer("frouros", "frouros", "frouros.detectors.data_drift", ("frouros==0.9.0",)),
    Peer("river", "river", "river.drift", ("river==0.26.1", "scipy<2")),
)


class NotInstalledError(RuntimeError):
    """A peer could not be installed; the others go on."""


def python_of(peer: Peer, folder: Path = FOLDER) -> Path:
    """The interpreter of a peer's environment, which is made when it is not there.

    Raises:
        NotInstalledError: When pip refuses or takes more than a quarter of an hour.
    """
    if not peer.requirements:
        return Path(sys.executable)
    home = folder / peer.module
    python = home / "bin" / "python"
    mark = home / hashlib.sha256(" ".join(peer.requirements).encode()).hexdigest()[:12]
    if mark.exists():
        return python
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n")
    steps = (
        (sys.executable, "-m", "venv", "--clear", str(home)),
        (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.requirements),
    )
    for step in steps:
        try:
            subprocess.run(step, check=True, capture_output=True, text=True, timeout=INSTALL_S)  # noqa: S603
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            said = str(getattr(error, "stderr", "") or error).strip().splitlines()
            raise NotInstalledError(
                f"{peer.name} {peer.version} does not install: {said[-1][-120:]}"
            ) from error
    mark.touch()
    return python
