"""Take the pictures of docs/explorer.md, and measure how soon a dragged point is decoded.

    python docs/make_screenshots.py URL [--name FOO] [--drags N]

URL is the page of a running `explore`; needs Debian's chromium and chromium-driver. With `--name FOO` the pictures are
docs/images/explorer_FOO_*.png; with `--drags N` the time of N moves is measured, and printed with the machine's load.
"""

import argparse
import os
import shutil
import time
from pathlib import Path
from typing import Any

from PIL import Image
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

IMAGES = Path(__file__).parent / "images"
FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
FLAGS += " --disable-component-update --disable-sync --use-angle=swiftshader --enable-unsafe-swiftshader --hide-scrollbars"
WIDE, NARROW = (1280, 800), (390, 844)
SECONDS = 600


class Camera:
    """A browser that opens the page and takes pictures.

    Args:
        url: of the page.
        name: of the pictures.
    """

    def __init__(self, url: str, name: str) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or ""
        for flag in FLAGS.split():
            options.add_argument(flag)
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
        self.url, self.name = url, name

    def js(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page."""
        return self.driver.execute_script(script, *arguments)

    def until(self, script: str) -> None:
        """Wait until a script gives something true."""
        WebDriverWait(self.driver, SECONDS, 0.1).until(lambda _: self.js(script))

    def show(self, size: tuple[int, int], is_dark: bool) -> None:
        """Take a screen of some size, light or dark."""
        width, height = size
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def await_server(self) -> None:
        """Wait until the page's server answers."""
        for _ in range(SECONDS):
            try:
                self.driver.get(self.url)
                return
            except WebDriverException:
                time.sleep(1.0)
        raise TimeoutError(f"{self.url} does not answer.")

    def open(self, size: tuple[int, int], is_dark: bool) -> None:
        """Open the page on a screen, and wait until all is encoded and scored."""
        self.show(size, is_dark)
        self.driver.get("about:blank")
        self.driver.get(self.url)
        self.until("return document.querySelector('main')?.dataset.ready")

    def take(self, what: str) -> None:
        """Take a picture."""
        IMAGES.mkdir(exist_ok=True)
        self.save(IMAGES / f"explorer_{self.name}{what}.png")

    def save(self, path: Path) -> None:
        """Write what is seen into a file, in colours that it takes a third of the bytes for."""
        time.sleep(1.0)
        self.driver.save_screenshot(str(path))
        with Image.open(path) as picture:
            few = picture.convert("RGB").quantize(256)
        few.save(path, optimize=True)
        print(path)

    def drag(self, right: int, down: int, steps: int = 4) -> None:
        """Drag the point of the first model."""
        handle = self.driver.find_element(By.CSS_SELECTOR, ".handle")
        actions = ActionChains(self.driver, duration=16).click_and_hold(handle)
        for _ in range(steps):
            actions = actions.move_by_offset(right // steps, down // steps)
        actions.release().perform()

    def hover(self, right: float, down: float) -> None:
        """Put the pointer on the example nearest to a place, in shares of the map."""
        index = self.js(
            "const { map, places } = explorers[0], [w, h] = map.box, at = map.unproject([arguments[0] * w, arguments[1] * h]);"
            "const far = n => Math.hypot(places[2 * n] - at[0], places[2 * n + 1] - at[1]);"
            "return [...Array(places.length / 2).keys()].reduce((a, b) => (far(b) < far(a) ? b : a))",
            right,
            down,
        )
        x, y = self.js(
            "const { map, places } = explorers[0]; return map.project(places.slice(2 * arguments[0]))",
            index,
        )
        left, top = self.js("const box = explorers[0].map.element.getBoundingClientRect(); return [box.left, box.top]")
        actions = ActionChains(self.driver, duration=0)
        actions.w3c_actions.pointer_action.move_to_location(int(left + x), int(top + y))
        actions.perform()
        self.until("return !explorers[0].card.hidden")

    def click(self, text: str) -> None:
        """Click the button that says this."""
        self.driver.find_element(By.XPATH, f"//button[.='{text}']").click()


def take_map(camera: Camera) -> None:
    """Show a path through the map, and an example."""
    camera.open(WIDE, is_dark=False)
    camera.click("Path")
    camera.click("Add this point")
    for right, down in ((240, -40), (-60, 160)):
        camera.drag(right, down)
        camera.click("Add this point")
    camera.until("return document.querySelector('.film').width > 1 && explorers[0].film.frames")
    camera.hover(0.16, 0.75)


def take_all(camera: Camera) -> None:
    """Take the pictures."""
    take_map(camera)
    camera.take("map")
    camera.open(WIDE, is_dark=True)
    camera.js("const { select } = explorers[0].paintBy; select.value = 'score'; select.dispatchEvent(new Event('change'))")
    camera.click("Prior")
    camera.until("return document.querySelectorAll('.drawn').length > 1")
    camera.take("dark")
    for is_dark in (False, True):
        camera.open(NARROW, is_dark)
        camera.take("narrow_dark" if is_dark else "narrow")


def measure(camera: Camera, count: int) -> None:
    """Print how long the requests of a drag took: from the wish to the picture on the page."""
    camera.open(WIDE, is_dark=False)
    camera.js("explorers[0].decoding.times.length = 0")
    began = os.getloadavg()[0]
    while len(times := camera.js("return explorers[0].decoding.times")) < count:
        for right in (60, -60):
            camera.drag(right, 0, steps=30)
    ordered = sorted(times[:count])
    middle, most = ordered[len(ordered) // 2], ordered[int(0.95 * len(ordered))]
    print(f"{count} moves: median {middle:.1f} ms, 95th percentile {most:.1f} ms; load {began:.1f} on {os.cpu_count()} cores")


def main() -> None:
    """Take pictures, or measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--name", default="")
    parser.add_argument("--drags", type=int, default=0)
    given = parser.parse_args()
    camera = Camera(given.url, f"{given.name}_" if given.name else "")
    try:
        measure(camera, given.drags) if given.drags else take_all(camera)
    finally:
        camera.driver.quit()


if __name__ == "__main__":
    main()
