"""The HTML page in headless Chromium, as people use it: quick, by keyboard alone, without seeing
colours, whatever strangers name their repositories; and it asks nobody for anything.

`make browser`; the pictures go to `.browser/`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_core_python.selenium import Axe
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from reconciler.model.outcome import Outcome, Result
from reconciler.report import html
from reconciler.report.build import Header, build
from reconciler.report.look import Look
from reconciler.report.story import story
from reconciler.report.view import view
from tests.report.browser.fleets import told
from tests.report.sample import EVIL, hostile, small_plan

PICTURES = Path(__file__).parents[3] / ".browser"
READY_SECONDS = 2.0
FILE_BYTES = 5_000_000
HEADER = Header(
    run_id="run",
    mode="apply",
    started="2026-01-01T00:00:00Z",
    finished="2026-01-01T00:00:01Z",
    tool="0",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[webdriver.Chrome]:
    """One browser for all; what it asks for is written down."""
    driver = shutil.which("chromedriver")
    assert driver, "apt-get install chromium chromium-driver"
    options = Options()
    for word in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "window-size=1440,1000"):
        options.add_argument(f"--{word}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = webdriver.Chrome(options=options, service=Service(driver))
    yield found
    found.quit()


def small_page() -> str:
    plan, findings = small_plan()
    return html.plan(view(plan, findings), Look())


def hostile_page() -> str:
    plan, findings = hostile()
    ends = tuple(
        Outcome(key=a.key, verb=a.verb, server=a.server, result=Result.FAILED, detail=EVIL)
        for a in plan.actions
    )
    report = build(HEADER, plan, findings, outcomes=ends, notes=(EVIL, "</script><script>x()"))
    return html.outcome(story(report), Look())


def large_page() -> str:
    return html.outcome(told(2_000, 50, runs=8), Look())


PAGES = {"small": small_page, "hostile": hostile_page, "large": large_page}


@pytest.fixture(scope="session", params=PAGES)
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page as a file."""
    found = tmp_path_factory.mktemp("page") / f"{request.param}.html"
    found.write_text(PAGES[request.param](), encoding="utf-8")
    return found


def logged(browser: webdriver.Chrome, kind: str) -> list[dict[str, Any]]:
    """What the browser wrote down since it was last asked."""
    found: list[dict[str, Any]] = browser.execute("getLog", {"type": kind})["value"]
    return found


def told_by(browser: webdriver.Chrome, name: str) -> str:
    """All text of an element."""
    return browser.find_element(By.ID, name).get_attribute("textContent") or ""


def opened(browser: webdriver.Chrome, page: Path) -> None:
    logged(browser, "performance")
    browser.get(page.as_uri())
    ready = browser.execute_script("return document.documentElement.dataset.ready")
    assert ready == "yes", logged(browser, "browser")


def keys(browser: webdriver.Chrome, *words: str) -> None:
    """Press keys, wherever the focus is."""
    ActionChains(browser).send_keys(*words).perform()


def held(browser: webdriver.Chrome, first: str, then: str) -> None:
    """One key while another is down."""
    ActionChains(browser).key_down(first).send_keys(then).key_up(first).perform()


def focused(browser: webdriver.Chrome) -> str:
    return str(browser.execute_script("return document.activeElement.getAttribute('aria-label')"))


def requests(browser: webdriver.Chrome) -> list[str]:
    entries = [json.loads(entry["message"])["message"] for entry in logged(browser, "performance")]
    sent = [e["params"]["request"] for e in entries if e["method"] == "Network.requestWillBeSent"]
    return [request["url"] for request in sent]


def test_it_is_ready_in_two_seconds_and_asks_nobody(browser: webdriver.Chrome, page: Path) -> None:
    assert page.stat().st_size < FILE_BYTES
    opened(browser, page)
    timing = "return performance.getEntriesByType('navigation')[0].loadEventEnd / 1000"
    assert browser.execute_script(timing) < READY_SECONDS
    assert requests(browser) == [page.as_uri()]
    assert logged(browser, "browser") == []
    PICTURES.mkdir(exist_ok=True)
    browser.save_screenshot(str(PICTURES / f"{page.stem}.png"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_accessibility_rule_is_broken(
    browser: webdriver.Chrome, page: Path, scheme: str
) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    opened(browser, page)
    browser.save_screenshot(str(PICTURES / f"{page.stem}-{scheme}.png"))
    found: dict[str, Any] = Axe().run(browser)
    assert found["passes"]
    told = [(v["id"], v["impact"], v["nodes"][0]["html"][:200]) for v in found["violations"]]
    assert told == []


@pytest.mark.parametrize("page", ["hostile"], indirect=True)
def test_names_of_strangers_stay_text(browser: webdriver.Chrome, page: Path) -> None:
    opened(browser, page)
    keys(browser, Keys.TAB)
    assert browser.find_elements(By.TAG_NAME, "img") == []
    assert len(browser.find_elements(By.TAG_NAME, "script")) == 2
    assert "<img src=x" in told_by(browser, "rows")
    assert "</script>" in told_by(browser, "blocks")


def test_a_script_that_is_not_the_page_s_own_does_not_run(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    page = tmp_path / "injected.html"
    injected = "<script>document.title='stolen'</script><img src=x onerror=\"document.title='x'\">"
    page.write_text(small_page().replace("<main>", f"<main>{injected}"))
    opened(browser, page)
    assert "GRASP reconciler" in browser.title
    said = " ".join(entry["message"] for entry in logged(browser, "browser"))
    assert "Content Security Policy" in said


@pytest.mark.parametrize("page", ["small"], indirect=True)
def test_everything_can_be_reached_by_keyboard_alone(browser: webdriver.Chrome, page: Path) -> None:
    opened(browser, page)
    keys(browser, "/")
    keys(browser, "beta")
    for _ in range(9):
        keys(browser, Keys.TAB)
        if browser.execute_script("return document.activeElement.getAttribute('role')") == (
            "gridcell"
        ):
            break
    held(browser, Keys.CONTROL, Keys.HOME)
    assert focused(browser).startswith("alice/widget on beta.example: deletes or forces")
    keys(browser, Keys.ENTER)
    panel = browser.find_element(By.ID, "cell")
    assert browser.switch_to.active_element == panel
    assert "- refs/heads/gone  was 5555555555" in panel.text
    assert "state-outdated" in panel.text
    keys(browser, Keys.ESCAPE)
    keys(browser, Keys.ARROW_DOWN)
    assert focused(browser).startswith("bob/blank on beta.example: held")
    keys(browser, Keys.ENTER)
    assert "no-state-yet" in panel.text
    assert "released when a maintainer pushes" in panel.text


@pytest.mark.parametrize("page", ["large"], indirect=True)
def test_two_thousand_repositories_can_be_walked_filtered_and_read(
    browser: webdriver.Chrome, page: Path
) -> None:
    opened(browser, page)
    assert len(browser.find_elements(By.CSS_SELECTOR, "#rows tr")) < 120
    browser.execute_script("document.querySelector('#rows [tabindex=\"0\"]').focus()")
    held(browser, Keys.CONTROL, Keys.END)
    assert focused(browser).startswith("team-9/project-0399 on grasp-49")  # the last by name
    keys(browser, Keys.PAGE_UP)
    keys(browser, Keys.ENTER)
    panel = browser.find_element(By.ID, "cell")
    assert panel.find_elements(By.CSS_SELECTOR, ".track span")
    field = browser.find_element(By.ID, "filter")
    field.send_keys("project-0042 grasp-07")
    browser.execute_async_script("setTimeout(arguments[0], 200)")
    assert browser.find_element(By.ID, "shown").text == (
        "1 repository of 2000 in 1 row, 1 server of 50"
    )
    keys(browser, Keys.ESCAPE)
    failed = browser.find_element(By.CSS_SELECTOR, ".mark")
    failed.click()
    assert failed.get_attribute("aria-pressed") == "true"
    shown = browser.find_element(By.ID, "shown").text
    assert not shown.startswith("2000 ")
    browser.find_element(By.ID, "alike").click()
    assert "rows, 50 servers" in browser.find_element(By.ID, "shown").text


@pytest.mark.parametrize("page", ["large"], indirect=True)
def test_marks_can_be_told_apart_without_any_colour(browser: webdriver.Chrome, page: Path) -> None:
    opened(browser, page)
    pairs = browser.execute_script(
        "return [...document.querySelectorAll('#marks .chip')]"
        ".map(chip => [chip.textContent, chip.className])"
    )
    assert len({text for text, _ in pairs}) == len({name for _, name in pairs}) == len(pairs) > 4
