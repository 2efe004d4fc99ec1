"""The page in a real browser: hover, drag, keys, classes and temperature, draws, paths and films, files, links; axe-core."""

import base64
import re

import pytest


def test_two_models_side_by_side_by_pointer_and_by_key(page, pair):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    page.open(pair[1])
    before = page.pixels("[data-key=digits] .decoded canvas")
    z = page.drag("digits", 90, 40)
    place = page.js(
        "const { map, shown } = explorers[0], at = shown.to(arguments[0]); return [...at, ...map.unproject(map.project(at))]",
        z,
    )
    assert place[:2] == pytest.approx(place[2:])
    assert page.pixels("[data-key=digits] .decoded canvas") != before
    page.find("[data-key=digits] .handle").send_keys(Keys.ARROW_RIGHT)
    assert page.code("digits") != z

    x, y = page.js("const { map, places } = explorers[0]; return map.project([places[6], places[7]])")
    box = page.js("const { left, top } = explorers[0].map.element.getBoundingClientRect(); return [left, top]")
    ActionChains(page.driver, duration=0).w3c_actions.pointer_action.move_to_location(int(box[0] + x), int(box[1] + y))
    actions = ActionChains(page.driver, duration=0)
    actions.w3c_actions.pointer_action.move_to_location(int(box[0] + x), int(box[1] + y))
    actions.perform()
    assert page.until("const { card } = explorers[0]; return !card.hidden && card.querySelectorAll('canvas').length") == 2
    page.js("document.querySelector('[data-key=digits] [aria-label=\"Next example\"]').click()")
    assert page.until("return document.getElementById('told').textContent").startswith("Example 1")
    assert page.js("return explorers[0].map.marked === explorers[1].map.marked")  # the same data: both point at it
    assert page.faults() == []
    assert page.errors() == []


def test_classes_temperature_draws_and_a_film_that_is_restored_by_its_link(page, pair, tmp_path):
    page.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    page.open(pair[1])
    key = "classes"
    page.js("document.querySelector('[data-key=classes] .class[aria-label$=\"class 2\"]').click()")
    slide = "const s = document.querySelector('[data-key=classes] .panel .slider input');"
    slide += "s.value = arguments[0]; s.dispatchEvent(new Event('input'))"
    chances = "return explorers[1].z.slice(2, 8)"
    page.js(slide, 0.1)
    hard = page.js(chances)
    page.js(slide, 3)
    soft = page.js(chances)
    assert max(hard) > 0.99 > max(soft) > 1 / 3
    for z in (hard, soft):
        assert sum(z) == pytest.approx(2.0)

    page.click(key, "Prior")
    page.until("return document.querySelectorAll('[data-key=classes] .drawn').length === 12")
    page.js("document.querySelector('[data-key=classes] .drawn').click()")
    assert max(page.js(chances)[:3]) == 1.0  # draws of classes are hard

    page.click(key, "Path")
    page.click(key, "Add this point")
    page.drag(key, -60, 30)
    page.click(key, "Add this point")
    page.until("return explorers[1].film.frames")
    page.click(key, "Save as GIF")
    page.until("return document.getElementById('told').textContent.startsWith('Saved 17 frames')")
    page.click(key, "Play")
    page.until("return explorers[1].film.place > 2")
    page.click(key, "Pause")
    _check_gif(page, tmp_path)

    page.js("explorers[1].told.changed()")
    page.until("return location.hash.includes('stops')")
    page.js("return new Promise(done => setTimeout(done, 200))")
    link, z, view = page.driver.current_url, page.code(key), page.js("return explorers[1].map.view")
    page.open(link)
    assert page.code(key) == pytest.approx(z, rel=1e-5, abs=1e-6)
    assert page.js("return explorers[1].film.stops.length") == 2
    assert page.js("return explorers[1].map.view.zoom") == pytest.approx(view["zoom"], rel=1e-5)
    page.open(f"{pair[1]}/#m0=%7Bbroken&m1=%5B1%5D")
    assert page.errors() == []


def _check_gif(page, folder):
    from PIL import Image

    page.until("return true")
    files = [path for path in folder.iterdir() if path.suffix == ".gif"]
    if not files:  # the browser is still writing it
        page.js("return new Promise(done => setTimeout(done, 500))")
        files = [path for path in folder.iterdir() if path.suffix == ".gif"]
    with Image.open(files[0]) as film:
        assert film.size == (224, 224)
        assert film.n_frames > 5  # equal frames are one


def test_a_dropped_picture_has_a_place_a_score_and_neighbours(page, pair, picture):
    page.open(pair[1])
    page.click("digits", "Yours")
    page.find("[data-key=digits] input[type=file]").send_keys(str(picture))
    assert page.until("return document.querySelectorAll('[data-key=digits] .score .histogram rect').length") == 40
    assert page.until("return document.querySelectorAll('[data-key=digits] .panel:not([hidden]) .drawn').length") == 6
    assert page.find("[data-key=digits] .overlay .spread").get_attribute("rx")
    with_nats = page.find("[data-key=digits] .score").text
    assert "nats. More unusual than" in with_nats
    drop = (
        "const data = new DataTransfer(); data.items.add(new File(['x'], 'a.exe'));"
        "const drop = new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true });"
        "document.querySelector('[data-key=digits]').dispatchEvent(drop)"
    )
    page.js(drop)
    assert page.until("return document.getElementById('told').textContent").startswith("Drop a picture. Received: 'a.exe'")
    refused = page.errors()
    assert len(refused) == 1
    assert "400" in refused[0]


def test_a_hole_that_is_painted_is_filled_in(page, pair):
    from selenium.webdriver.common.action_chains import ActionChains

    page.open(pair[1])
    page.click("digits", "Hole")
    page.until("return explorers[0].hole.row")
    canvas = page.find("[data-key=digits] .paintable")
    ActionChains(page.driver, duration=20).move_to_element(canvas).click_and_hold().move_by_offset(40, 0).release().perform()
    painted = page.js("return [...explorers[0].hole.hidden].map(at => [Math.floor(at / 8), at % 8])")
    assert 1 <= len({row for row, _ in painted}) <= 2  # a stroke a little wider than a pixel
    assert {column for _, column in painted} >= {4, 5}
    page.click("digits", "Fill in")
    page.until("return document.querySelectorAll('[data-key=digits] .panel:not([hidden]) .pair canvas').length === 2")
    filled, was = (page.pixels(f"[data-key=digits] .panel:not([hidden]) figure:nth-child({place}) canvas") for place in (1, 2))
    assert filled != was
    page.click("digits", "No hole")
    page.click("digits", "Lower half")
    assert page.js("return [...explorers[0].hole.hidden].every(at => at >= 32) && explorers[0].hole.hidden.size") == 32
    page.click("digits", "Another draw")
    page.until(
        "return document.querySelector('[data-key=digits] .panel:not([hidden]) figure canvas').toDataURL() !== arguments[0]",
        "data:image/png;base64," + base64.b64encode(filled).decode(),
    )
    assert page.faults() == []
    assert page.errors() == []


def test_cells_of_a_row_are_left_out_and_filled_in(page, table):
    page.open(table[1])
    page.click("table", "Hole")
    page.until("return document.querySelectorAll('[data-key=table] .panel:not([hidden]) .key').length === 3")
    page.js("explorers[0].step(1)")  # its size is missing, in one row of five
    page.until("return explorers[0].hole.row['size__mm'] !== undefined || Object.keys(explorers[0].hole.row).length === 3")
    page.js("document.querySelector('[data-key=table] .panel:not([hidden]) .key').click()")
    page.click("table", "Fill in")
    told = page.until("return document.querySelector('[data-key=table] .panel:not([hidden]) .caption').textContent")
    assert re.match(r"kind: \d+ % sure", told)
    cells = page.js(
        "return [...document.querySelectorAll('[data-key=table] .panel:not([hidden]) tbody tr')].map(one => one.textContent)"
    )
    assert len(cells) == 3
    assert re.match("kind(red|blue)", cells[0])
    assert page.faults() == []
    assert page.errors() == []


def test_a_table_and_texts_on_a_narrow_dark_screen(page, table):
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})
    page.open(table[1], width=390)
    assert page.js("return document.documentElement.scrollWidth") <= 390
    page.until("return document.querySelectorAll('.legend .key').length === 2")  # coloured by the column of words
    seen = page.js(
        "const { map, places } = explorers[0], [w, h] = map.box;"
        "return [...Array(places.length / 2).keys()].map(n => map.project(places.slice(2 * n))).map(([x, y]) => [x / w, y / h])"
    )
    assert all(0 < x < 1 and 0 < y < 1 for x, y in seen)  # all are shown, and fill the map
    assert max(max(x) - min(x) for x in zip(*seen, strict=True)) == pytest.approx(0.86, abs=0.01)
    cells = "return [...document.querySelectorAll('.decoded tbody tr')].map(row => row.textContent)"
    assert len(page.until(cells)) == 3
    page.js("arguments[0].scrollIntoView({ block: 'center' })", page.find(".handle"))
    page.drag("table", 40, 20)
    page.click("table", "Yours")
    page.find("textarea").send_keys("kind,size (mm),count\nred,0.5,2\n<b>blue</b>,10.2,3")
    page.click("table", "Look at it")
    page.until("return document.querySelectorAll('.panel .pair tbody tr').length === 3")
    page.js("document.querySelector('[aria-label=\"Row 2 of the file\"]').click()")
    assert page.until("return document.querySelector('.panel .pair').textContent.includes('<b>blue</b>')")
    assert page.js("return document.querySelectorAll('main b').length") == 0

    page.click("text", "Yours")
    page.find("[data-key=text] textarea").send_keys("the dog 7")
    page.click("text", "Look at it")
    page.until("return document.querySelector('[data-key=text] .panel .pair blockquote')?.textContent === 'the dog 7'")
    page.js("explorers[1].step(1)")
    page.until("return explorers[1].card.querySelector('blockquote')?.textContent.startsWith('the ')")
    made = page.until("return [...explorers[1].card.querySelectorAll('blockquote')].map(one => one.textContent)[1]")
    assert not made[0].isdecimal()  # text, no numbers of tokens
    assert page.faults() == []
    assert page.errors() == []
