"""What the pages' commands need to run: the lines of their blocks, and the files that they speak of, small."""

import re
import shlex
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import scipy.io
import scipy.sparse
from PIL import Image

ROOT = Path(__file__).parents[2]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if "_build" not in path.parts and "```sh" in path.read_text("utf-8")
}


def blocks_of(text: str) -> list[list[str]]:
    """Return the lines of every block for a shell, those that go on in the next line joined."""
    blocks = []
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        lines: list[str] = []
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            lines[-1:] = [f"{lines[-1]} {line.strip()}"] if lines and _is_open(lines[-1]) else [*lines[-1:], line]
        blocks.append([line for line in lines if line.strip()])
    return blocks


def _is_open(line: str) -> bool:
    """Tell whether a quotation goes on in the next line."""
    try:
        shlex.split(line, comments=True)
    except ValueError:
        return True
    return False


def write_files() -> None:
    """Write the files that the pages speak of into the working directory."""
    rng = np.random.default_rng(0)
    _write_tables(rng)
    for folder in ("scans", "new_images", "path/to/images", "images", "new"):
        Path(folder).mkdir(parents=True)
        for number in range(40):
            Image.fromarray(rng.integers(0, 255, (8, 8), np.uint8)).save(f"{folder}/patient{number // 2}_{number}.png")
    for name in ("a.png", "b.jpg", "digit.png"):
        Image.fromarray(rng.integers(0, 255, (8, 8), np.uint8)).save(name)
    np.savez("scans.npz", x=rng.random((40, 4, 4)), patient=np.arange(40) // 2)
    np.savez("data.npz", x=rng.integers(0, 2, (4, 8, 8, 1)).astype(np.float32))
    np.savez("arrays.npz", x=rng.random((120, 6, 6, 1)).astype(np.float32))
    scipy.io.mmwrite("counts.mtx", scipy.sparse.csr_array(rng.poisson(0.5, (120, 9))))
    np.savez("ring.npz", x=rng.normal(size=(120, 2)))
    lines = "".join(f"a {one} of number {number}\n" for number in range(50) for one in ("line", "word"))
    Path("lines.txt").write_text(lines)
    Path("new.txt").write_text("a line of number 3\na word\n")


def _write_tables(rng: np.random.Generator) -> None:
    num = 160
    days = rng.choice(np.arange("2024-01-01", "2024-02-15", dtype="datetime64[D]"), num)
    visits = pa.table(
        {
            "patient": rng.integers(0, 40, num),
            "diagnosis": rng.choice(["flu", "cold"], num),
            "zip": rng.choice([10115, 10117, 20095], num),
            "Length (mm)": rng.normal(30, 4, num).round(1),
            "note": [f"seen {number}" for number in range(num)],
            "ward": rng.choice(["north", "south"], num),
            "day": days.astype(str),
        }
    )
    pa.csv.write_csv(visits, "visits.csv")
    pa.parquet.write_table(_with_gaps(visits, "Length (mm)"), "gaps.parquet")
    measures = {name: rng.normal(middle, 3, num).round(1) for name, middle in (("bill_length_mm", 40), ("bill_depth_mm", 18))}
    penguins = pa.table(
        {
            "species": rng.choice(["Adelie", "Gentoo"], num),
            "island": rng.choice(["Biscoe", "Dream"], num),
            **measures,
            "flipper_length_mm": rng.integers(170, 230, num),
            "body_mass_g": rng.integers(3000, 5000, num),
            "sex": rng.choice(["male", "female", ""], num),
            "year": rng.integers(2007, 2010, num),
        }
    )
    for name in ("penguins.csv", "table.csv", "new.csv"):
        pa.csv.write_csv(penguins, name)
    for name in ("gaps.csv", "rows/part.csv"):
        Path(name).parent.mkdir(exist_ok=True)
        pa.csv.write_csv(_with_gaps(penguins, "bill_length_mm"), name)
    steps = np.sin(np.arange(400)[:, None] / [5, 9]) + rng.normal(scale=0.1, size=(400, 2))
    pa.csv.write_csv(pa.table({"left": steps[:, 0], "right": steps[:, 1]}), "sensors.csv")


def _with_gaps(table: pa.Table, column: str) -> pa.Table:
    cells = [None if row % 3 == 0 else cell for row, cell in enumerate(table.column(column).to_pylist()[:12])]
    return table.slice(0, 12).set_column(table.column_names.index(column), column, [cells])
