"""The page as a folder on a plain web host: models run in the browser, and answer as the servable does."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from vae_tf.cli import main
from vae_tf.explorer.app import PAGE

pytest.importorskip("tf2onnx", reason="needs requirements-onnx.lock")
pytest.importorskip("onnxruntime", reason="needs requirements-onnx.lock")

DECODED = "return explorers.find(one => one.model.key === arguments[0])"


def ask(page, key, call):
    """Give what a method of a model on the page gives."""
    return page.js(f"{DECODED}.model.{call}", key)


def test_digits_and_classes_without_a_server(page, pair, host, picture):
    address, folder = host(*pair[0])
    page.open(address)
    before = page.pixels("[data-key=digits] .decoded canvas")
    z = page.drag("digits", 90, 40)
    assert page.pixels("[data-key=digits] .decoded canvas") != before
    served = pair[0][0].client.predict("decode", {"z": np.array([z], np.float32)})["x"]
    np.testing.assert_allclose(ask(page, "digits", f"decode([{z}]).then(rows => [rows[0].x])"), served, rtol=1e-4, atol=1e-3)

    page.js("document.querySelector('[data-key=classes] .class[aria-label$=\"class 2\"]').click()")
    slide = "const s = document.querySelector('[data-key=classes] .panel .slider input');"
    slide += "s.value = arguments[0]; s.dispatchEvent(new Event('input'))"
    page.js(slide, 0.1)
    hard = page.code("classes")[2:8]
    page.js(slide, 3)
    assert max(hard) > 0.99 > max(page.code("classes")[2:8]) > 1 / 3
    page.click("classes", "Prior")
    page.until("return document.querySelectorAll('[data-key=classes] .drawn').length === 12")
    drawn = np.array(ask(page, "classes", "sample([1, 2, 3, 1], 1).then(rows => rows.map(row => row.z))"))
    assert np.array_equal(drawn[0], drawn[3]) and not np.array_equal(drawn[0], drawn[1])
    assert np.all(drawn[:, 2:].reshape(4, 2, 3).max(axis=-1) == 1.0)

    page.click("digits", "Yours")
    page.find("[data-key=digits] input[type=file]").send_keys(str(picture))
    assert page.until("return document.querySelectorAll('[data-key=digits] .score .histogram rect').length") == 40
    assert page.until("return document.querySelectorAll('[data-key=digits] .panel:not([hidden]) .drawn').length") == 6
    page.js(
        "const data = new DataTransfer(); data.items.add(new File(['x'], 'a.exe'));"
        "const drop = new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true });"
        "document.querySelector('[data-key=digits]').dispatchEvent(drop)"
    )
    assert page.until("return document.getElementById('told').textContent").startswith("Drop a picture. Received: 'a.exe'")
    assert page.js("return performance.getEntriesByType('resource').every(one => one.name.startsWith(arguments[0]))", address)
    assert page.faults() == []
    assert page.errors() == []
    assert not [file for file in folder.rglob("*") if file.suffix in {".py", ".pb"}]


def test_what_the_browser_answers_is_what_the_servable_answers(page, pair, host):
    page.open(host(pair[0][0])[0])
    subject = pair[0][0]
    rows = {name: values[:4] for name, values in subject.points.examples.inputs.items()}
    for signature, output in (("encode", "mean"), ("score", "negative_elbo"), ("reconstruct", "reconstruction")):
        served = subject.client.predict(signature, rows)[output]
        script = f"Promise.all([0, 1, 2, 3].map(at => {DECODED[7:]}.model.example(at)))"
        script += f".then(rows => {DECODED[7:]}.model.ofRows('{signature}', rows)).then(told => told.{output})"
        np.testing.assert_allclose(page.js(f"return {script}", "digits"), served, rtol=1e-4, atol=1e-3)
    assert page.errors() == []


def test_a_table_without_a_server(page, rows, host):
    subject = rows[0][0]
    page.open(host(subject)[0], width=390)
    cells = "return [...document.querySelectorAll('.decoded tbody tr')].map(row => row.textContent)"
    assert len(page.until(cells)) == 3
    page.js("arguments[0].scrollIntoView({ block: 'center' })", page.find(".handle"))
    z = page.drag("table", 40, 20)
    served = subject.client.predict("decode", {"z": np.array([z], np.float32)})
    made = ask(page, "table", f"decode([{z}]).then(rows => rows[0])")
    assert made["kind"] == served["kind"][0].decode() and made["count"] == served["count"][0]
    assert made["size_mm"] == pytest.approx(served["size_mm"][0], abs=0.1001)
    page.click("table", "Yours")
    page.find("textarea").send_keys('count,kind,size (mm)\n2,red,0.5\n3,"<b>blue</b>",\n')
    page.click("table", "Look at it")
    page.until("return document.querySelectorAll('.panel .pair tbody tr').length === 3")
    page.js("document.querySelector('[aria-label=\"Row 2 of the file\"]').click()")
    assert page.until("return document.querySelector('.panel .pair').textContent.includes('<b>blue</b>')")
    assert page.js("return document.querySelectorAll('main b').length") == 0
    told = {"kind": [b"<b>blue</b>"], "size_mm": [np.nan], "count": [3.0]}
    request = {name: np.array(value, object if name == "kind" else np.float64) for name, value in told.items()}
    served = subject.client.predict("score", request)["negative_elbo"][0]
    assert page.until("return document.querySelector('.score strong')?.textContent") == f"{served:.1f} nats."
    page.click("table", "Prior")
    page.until("return document.querySelectorAll('.panel:not([hidden]) .drawn').length === 12")
    page.find("textarea").clear() if page.find("textarea").is_displayed() else None
    assert page.faults() == []
    assert page.errors() == []


def test_the_command_writes_the_folder_of_a_servable(folder, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["explore", str(folder / "models" / "classes"), "--static", str(tmp_path / "page")])
    assert not stopped.value.code
    told = json.loads((tmp_path / "page" / "data" / "models.json").read_text("utf-8"))
    assert [one["key"] for one in told] == ["classes"] and set(told[0]["files"]) >= {"encode", "decode", "sample", "score"}
    out, err = capsys.readouterr()
    assert out.strip().endswith("page") and "MB for any web host" in err
    with pytest.raises(SystemExit) as stopped:
        main(["explore", str(folder / "models" / "classes"), "--static", str(tmp_path / "page")])
    assert stopped.value.code == 2 and "exists already" in capsys.readouterr().err


def test_models_that_onnx_does_not_hold_are_told_of(pair, rows, tmp_path):
    from vae_tf.errors import UserValueError
    from vae_tf.explorer.static import check_static, write_static
    from vae_tf.explorer.subject import Subject

    with pytest.raises(UserValueError, match="text has no ONNX files, which a page without a server runs"):
        write_static([rows[0][1]], tmp_path / "page")
    assert not (tmp_path / "page").exists()
    version = tmp_path / "m" / "1" / "onnx"
    version.mkdir(parents=True)
    lacking = {"signatures": {"encode": {}}, "not_converted": {"decode": "Spin: ONNX has no such operation"}}
    (version / "manifest.json").write_text(json.dumps(lacking))
    told = r"ONNX does not hold all of it \(decode: Spin: ONNX has no such operation; reconstruct: it was not written\)"
    with pytest.raises(UserValueError, match=told):
        check_static(Subject("m", "m", tmp_path / "m"))


def test_the_sizes_that_the_page_of_docs_tells():
    told = (Path(__file__).parents[2] / "docs" / "explorer.md").read_text("utf-8")
    packed = (PAGE / "vendor" / "ort.wasm.gz").read_bytes()
    sizes = len(packed), len(gzip.decompress(packed)), (PAGE / "vendor" / "deck.gl.min.js").stat().st_size
    assert all(f"{size / 1e6:.1f} MB" in told for size in sizes)
    whole = sum(file.stat().st_size for file in PAGE.rglob("*") if file.is_file())
    assert f"about {whole / 1e6:.0f} MB" in told
    libraries = {one["name"]: one["version"] for one in json.loads((PAGE / "vendor" / "libraries.json").read_text("utf-8"))}
    assert f"ONNX Runtime Web {libraries['onnxruntime-web'].rpartition('.')[0]}" in told
