"""Fetch the page's libraries from the npm registry by its own client, and check them: `python docs/fetch_libraries.py`.

`vae_tf/explorer/page/vendor/libraries.json` says which: version, licence, the registry's hash of the package, the files
that are taken, and where to. For another version, change it there: without a hash, the one that is found is written there.
What ends in `.gz` there is packed on the way, the same bytes every time. What comes from nowhere is not in the package, such
as the licence of ONNX Runtime, which is its repository's: it stays as it is.
"""

import base64
import gzip
import hashlib
import io
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIST = ROOT / "vae_tf" / "explorer" / "page" / "vendor" / "libraries.json"


def fetch(name: str, version: str) -> bytes:
    """Return a package as the registry has it."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", "--ignore-scripts", f"{name}@{version}", "--pack-destination", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - npm itself
        return next(Path(folder).iterdir()).read_bytes()


def update(library: dict) -> None:
    """Fetch a library, compare its hash, and write its files."""
    package = fetch(library["name"], library["version"])
    found = "sha512-" + base64.b64encode(hashlib.sha512(package).digest()).decode()
    if library.setdefault("integrity", found) != found:
        raise SystemExit(f"{library['name']} is not what it was: {found} instead of {library['integrity']}.")
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        for file in [one for one in library["files"] if one["from"]]:
            member = archive.extractfile(f"package/{file['from']}")
            content = member.read() if member else b""
            is_packed = file["to"].endswith(".gz") and not file["from"].endswith(".gz")
            (ROOT / file["to"]).write_bytes(gzip.compress(content, 9, mtime=0) if is_packed else content)
            file["sha256"] = hashlib.sha256((ROOT / file["to"]).read_bytes()).hexdigest()
            print(f"{library['name']} {library['version']}  {file['to']}")


def main() -> None:
    """Fetch all."""
    libraries = json.loads(LIST.read_text("utf-8"))
    for library in libraries:
        update(library)
    LIST.write_text(json.dumps(libraries, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
