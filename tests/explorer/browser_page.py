"""A real browser, and what the tests of the page do in it."""

import base64
import shutil
from pathlib import Path

BROWSER = [shutil.which(name) for name in ("chromium", "chromedriver")]
FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
FLAGS += " --disable-component-update --disable-sync --use-angle=swiftshader --enable-unsafe-swiftshader"
AXE = Path(__file__).with_name("axe.min.js").read_text("utf-8")
WAIT = 60


class Page:
    """One browser, and what the tests do in it."""

    def __init__(self, driver):
        self.driver = driver

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def until(self, script, *arguments):
        """Wait until a script gives something true, and return it."""
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, WAIT, 0.03).until(lambda _: self.js(script, *arguments), script)

    def open(self, address, width=1280):
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        )
        self.driver.get("about:blank")
        self.driver.get(address)
        self.until("return document.querySelector('main')?.dataset.ready")

    def find(self, css):
        from selenium.webdriver.common.by import By

        return self.driver.find_element(By.CSS_SELECTOR, css)

    def click(self, key, text):
        """Click the button of a model that says this."""
        self.js(
            "const all = [...document.querySelectorAll(`.subject[data-key=${arguments[0]}] button`)];"
            "all.find(one => one.textContent.trim() === arguments[1] && one.offsetParent).click()",
            key,
            text,
        )

    def drag(self, key, right, down):
        """Drag the point, and wait until what is there is decoded; return its code."""
        from selenium.webdriver.common.action_chains import ActionChains

        before = self.decoded(key)
        ActionChains(self.driver, duration=20).click_and_hold(self.find(f".subject[data-key={key}] .handle")).move_by_offset(
            right // 2, down // 2
        ).move_by_offset(right // 2, down // 2).release().perform()
        self.until(
            "return Number(document.querySelector(`.subject[data-key=${arguments[0]}]`).dataset.decoded) > arguments[1]",
            key,
            before,
        )
        return self.code(key)

    def decoded(self, key):
        """Return how often something was decoded."""
        return int(self.find(f".subject[data-key={key}]").get_attribute("data-decoded"))

    def code(self, key):
        return self.js("return explorers.find(one => one.model.key === arguments[0]).z", key)

    def pixels(self, css):
        """Return a canvas as a PNG file."""
        return base64.b64decode(self.js("return document.querySelector(arguments[0]).toDataURL()", css).partition(",")[2])

    def errors(self):
        """Return what the console was told, but for the software renderer's own advice."""
        return [one["message"] for one in self.driver.get_log("browser") if "GL Driver Message" not in one["message"]]

    def faults(self):
        """Return what axe-core finds serious or critical."""
        self.js(f"if (!globalThis.axe) {{ {AXE} }}")
        found = self.driver.execute_async_script("const done = arguments[0]; axe.run(document).then(r => done(r.violations))")
        return [(one["id"], one["nodes"][0]["html"][:200]) for one in found if one["impact"] in {"serious", "critical"}]


def opened():
    """Start the browser."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER[0]
    for flag in FLAGS.split():
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(BROWSER[1]))
    driver.set_script_timeout(WAIT)
    return driver
