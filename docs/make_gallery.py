"""Run the commands of docs/gallery.md, from top to bottom, and take the pictures that the page shows.

    python docs/make_gallery.py [--data-dir FOLDER] [--folder FOLDER]

FOLDER of `--data-dir` has TFDS data sets (of MNIST, which is downloaded without it); `--folder` is where the commands run, and
what is there is not made again. Takes minutes; needs Debian's chromium and chromium-driver.
"""

import argparse
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from make_screenshots import Camera, take_map
from PIL import Image
from selenium.webdriver.common.by import By

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/gallery.md"
IMAGES = ROOT / "docs/images/gallery"
SHOTS = {
    "report.png": ("report.html", "//body", (1100, 560)),
    "table.png": ("table.html", "//h3[.='Columns']/following::figure[1]", (1100, 2000)),
}
"""Pictures of reports: the file, what of it, and the window."""
MAX_SIDE, MAX_BYTES = 1000, 150_000
PORT = 8639


def lines(text: str) -> list[str]:
    """Return the page's commands, those that go on in the next line joined."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in re.sub(r"\\\n\s*", "", block).splitlines()]


def run(line: str, folder: Path, data_dir: str | None) -> None:
    """Run a command of the page in a folder, unless what it writes is there; of `topics` keep what it prints."""
    words = shlex.split(line)[1:]
    written = [words[place + 1] for place, word in enumerate(words) if word in {"-o", "--run-dir"}]
    if any((folder / name).exists() for name in written):
        return
    words[0] = words[0].replace("run.py", str(ROOT / "run.py"))
    words += ["--data-dir", data_dir] if data_dir and "mnist_mlp" in words else []
    print(line, flush=True)
    done = subprocess.run([sys.executable, *words], cwd=folder, check=True, capture_output=True, text=True)  # noqa: S603 - of the page
    if "topics" in words:
        (folder / "topics.txt").write_text(done.stderr, "utf-8")


def take_report(folder: Path, name: str) -> None:
    """Take a picture of a report, or of a part of it."""
    page, part, window = SHOTS[name]
    camera = Camera((folder / page).as_uri(), "")
    try:
        camera.show(window, is_dark=False)
        camera.driver.get(camera.url)
        if part == "//body":
            camera.save(folder / name)
        else:
            camera.driver.find_element(By.XPATH, part).screenshot(str(folder / name))
    finally:
        camera.driver.quit()


def take_explorer(folder: Path, path: Path) -> None:
    """Start the explorer of the first run, and take a picture of its map."""
    command = [sys.executable, str(ROOT / "run.py"), "explore", "runs/mnist", "--no-browser", "--port", str(PORT)]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - our own
        camera = Camera(f"http://127.0.0.1:{PORT}/", "")
        try:
            camera.await_server()
            take_map(camera)
            camera.save(path)
        finally:
            camera.driver.quit()
            server.terminate()


def shrink(source: Path, target: Path) -> None:
    """Write a picture, with fewer pixels and colours where it has more bytes than a page needs."""
    if source.stat().st_size <= MAX_BYTES:
        target.write_bytes(source.read_bytes())
        return
    with Image.open(source) as opened:
        picture = opened.convert("RGB")
    picture.thumbnail((MAX_SIDE, 10_000), Image.Resampling.LANCZOS)
    for colors in (256, 128, 64, 32):
        picture.quantize(colors).save(target, optimize=True)
        if target.stat().st_size <= MAX_BYTES:
            return
    raise SystemExit(f"{target} is larger than {MAX_BYTES:,} bytes.")


def make(folder: Path, data_dir: str | None) -> None:
    """Run all commands, and take all pictures."""
    text = PAGE.read_text("utf-8")
    for line in lines(text):
        if not re.search("run.py explore|run.py estimators|docs/examples", line):  # a server; pictures of other pages
            run(line, folder, data_dir)
    IMAGES.mkdir(exist_ok=True)
    for name in re.findall(r"images/gallery/([\w.]+)", text):
        if name in SHOTS:
            take_report(folder, name)
        if name == "explorer.png" and not (folder / name).exists():
            take_explorer(folder, folder / name)
        if name.endswith(".txt"):
            (IMAGES / name).write_text((folder / name).read_text("utf-8"), "utf-8")
        else:
            shrink(folder / name, IMAGES / name)


def main() -> None:
    """Make the gallery's pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as empty:
        folder = given.folder or Path(empty)
        folder.mkdir(parents=True, exist_ok=True)
        make(folder.resolve(), given.data_dir)


if __name__ == "__main__":
    main()
