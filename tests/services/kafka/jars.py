"""Kafka's jars: fetched once per version by Maven into the project's ``.cache`` folder."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.services.missing import missing

_POM = Path(__file__).with_name("pom.xml")
_ROOT = Path(__file__).parents[3]

KAFKA_VERSION = re.findall(r"<kafka.version>(.*?)</kafka.version>", _POM.read_text())[0]

#: A folder that already holds the jars, for machines without Maven.
OVERRIDE = "DRIFTBELL_TEST_KAFKA_LIB"


def java() -> str:
    """The Java program; ends the test when there is none."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else None
    return found or shutil.which("java") or missing("Java 17 or newer", "apt-get install default-jre-headless")


def kafka_jars() -> Path:
    """The folder with Kafka's jars, fetched if need be (54 MB, some seconds). Safe in several processes at once."""
    if given := os.environ.get(OVERRIDE):
        return Path(given)
    folder: Path = _ROOT / ".cache" / "kafka" / KAFKA_VERSION
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _fetch(folder)
    return folder


def _fetch(folder: Path) -> None:
    maven = shutil.which("mvn") or missing("Maven", f"apt-get install maven, or set {OVERRIDE} to a folder of jars")
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    command = [
        maven,
        "--batch-mode",
        "--no-transfer-progress",
        "--quiet",
        f"--file={_POM}",
        "dependency:copy-dependencies",
        "-DincludeScope=runtime",
        f"-DoutputDirectory={unfinished}",
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if result.returncode or not list(unfinished.glob("kafka_*.jar")):
        missing(f"Apache Kafka {KAFKA_VERSION}", f"Maven could not fetch it:\n{result.stdout}{result.stderr}")
    unfinished.rename(folder)
