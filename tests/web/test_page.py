"""The page in a real Chromium: dropped, fused, compared, finished, saved, refused, and without a connection."""

import base64
import re
import shutil
import threading
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from lightfuse.fuser import Fuser
from lightfuse.golden import TOLERANCES, compare, load_golden
from lightfuse.looks import apply_look
from lightfuse.samples import sample_pair
from lightfuse.web.server import PageServer

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

PATIENCE = 120_000  # milliseconds, for machines with much else to do
SIZE = (240, 160)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=PATIENCE)
        yield started
        started.close()


@pytest.fixture(scope="module")
def address():
    with PageServer(port=0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.fixture
def page(browser, address):
    """The page, opened anew; whatever it complains of in the console fails the test."""
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    context.set_default_timeout(PATIENCE)
    opened = context.new_page()
    complaints = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    hosts = set()
    opened.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    opened.goto(address)
    yield opened
    context.close()
    assert complaints == []
    assert hosts <= {address.split("/")[2], ""}


def png(picture, exif=None):
    file = BytesIO()
    Image.fromarray(picture).save(file, "PNG", **({"exif": exif} if exif else {}))
    return file.getvalue()


def jpeg(picture, exif):
    file = BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=95, exif=exif)
    return file.getvalue()


def drop(page, files):
    """Drop files, as (name, bytes), onto the page as a person would."""
    given = [[name, base64.b64encode(content).decode()] for name, content in files]
    transfer = page.evaluate_handle(
        """files => {
            const transfer = new DataTransfer();
            for (const [name, text] of files) {
                const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
                transfer.items.add(new File([bytes], name));
            }
            return transfer;
        }""",
        given,
    )
    page.dispatch_event("main", "drop", {"dataTransfer": transfer})


def open_pair(page, under, over):
    drop(page, [("bright one.png", png(over)), ("dark one.png", png(under))])
    wait_until_shown(page)


def wait_until_shown(page):
    page.wait_for_selector("#studio:not([hidden])")
    page.wait_for_selector("body:not(.busy)")


def pixels(page, canvas):
    """What a canvas shows, RGB."""
    width, height, text = page.evaluate(
        """id => {
            const canvas = document.getElementById(id);
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            let text = "";
            for (let i = 0; i < data.length; i += 8192) text += String.fromCharCode(...data.subarray(i, i + 8192));
            return [canvas.width, canvas.height, btoa(text)];
        }""",
        canvas,
    )
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)[..., :3]


def saved(page, button):
    with page.expect_download() as download:
        page.click(button)
    return download.value.suggested_filename, download.value.path().read_bytes()


def test_dropped_pictures_are_sorted_fused_and_shown_as_golden(page):
    for case in load_golden().cases:
        if case.under.dtype == np.uint8:
            open_pair(page, case.under, case.over)
            assert compare(case, "base", pixels(page, "after"), TOLERANCES["wasm"]).passed, case.name
            assert np.array_equal(pixels(page, "before"), case.over)
    assert page.locator("#strip .name").all_inner_texts() == ["dark one.png", "bright one.png"]
    assert "fused in" in page.inner_text("#status")


def test_a_picture_that_several_workers_share_has_no_seams(page):
    under, over = sample_pair(1250, 1000, noise=False)
    open_pair(page, under, over)
    difference = np.abs(pixels(page, "after").astype(int) - Fuser("base", 1)(under, over))
    assert difference.max() <= 1


def test_the_divider_moves_by_mouse_and_by_keys(page):
    open_pair(page, *sample_pair(*SIZE))
    assert page.input_value("#compare") == "50"
    grip = page.locator(".grip").bounding_box()
    page.mouse.move(grip["x"] + 22, grip["y"] + 22)
    page.mouse.down()
    page.mouse.move(grip["x"] - 200, grip["y"] + 22, steps=4)
    page.mouse.up()
    moved = int(page.input_value("#compare"))
    assert moved < 40
    page.keyboard.press("ArrowRight")
    assert int(page.input_value("#compare")) == moved + 1
    assert page.get_attribute("#compare", "aria-valuetext") == f"{moved + 1} % before, {99 - moved} % fused"
    clipped = page.evaluate("document.getElementById('after').style.clipPath")
    assert float(re.search(r"([\d.]+)px\)", clipped)[1]) > 0


def test_zoom_by_keys_and_back(page):
    open_pair(page, *sample_pair(*SIZE))
    fitted = page.inner_text("#zoom-level")
    page.focus("#stage")
    page.keyboard.press("1")
    assert page.inner_text("#zoom-level") == "100 %"
    page.keyboard.press("+")
    assert page.inner_text("#zoom-level") == "125 %"
    page.keyboard.press("0")
    assert page.inner_text("#zoom-level") == fitted


@pytest.mark.parametrize("look", ["bright", "vivid"])
def test_looks_are_those_of_the_command_line(page, look):
    open_pair(page, *sample_pair(*SIZE))
    natural = pixels(page, "after")
    page.check(f"#looks [value={look}]", force=True)
    page.wait_for_selector("body:not(.busy)")
    wanted = apply_look(natural.astype(np.float32) / np.float32(255), look) * 255
    assert np.abs(pixels(page, "after") - wanted).max() <= 2
    assert np.abs(natural - wanted).max() > 8
    page.check("#looks [value=natural]", force=True)
    page.wait_for_selector("body:not(.busy)")
    assert np.array_equal(pixels(page, "after"), natural)


def camera_exif():
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "A camera"
    exif.get_ifd(0x8769).update({0x829A: IFDRational(1, 250), 0x8827: 100, 0x829D: IFDRational(8), 0xA001: 65535})
    return exif


@pytest.mark.parametrize(("button", "form", "suffix"), [("#save-jpeg", "JPEG", ".jpg"), ("#save-png", "PNG", ".png")])
def test_a_saved_file_is_what_is_shown_upright_and_keeps_exif(page, button, form, suffix):
    under, over = sample_pair(*SIZE)
    files = [("a.jpg", jpeg(under, Image.Exif())), ("b.jpg", jpeg(over, camera_exif()))]
    files[0] = ("a.jpg", jpeg(np.rot90(under, 1, (1, 0)), Image.Exif()))
    drop(page, files)
    wait_until_shown(page)
    assert "1/250 s · f/8 · ISO 100" in page.inner_text("#strip")
    name, content = saved(page, button)
    assert name == "b_fused" + suffix
    picture = Image.open(BytesIO(content))
    exif = picture.getexif()
    assert (picture.format, picture.size, picture.mode) == (
        form,
        (SIZE[1], SIZE[0]),
        "RGB" if form == "JPEG" else picture.mode,
    )
    assert (exif[0x0112], exif[0x010F]) == (1, "A camera")
    assert exif.get_ifd(0x8769)[0xA001] == 1
    difference = np.abs(np.asarray(picture.convert("RGB")).astype(int) - pixels(page, "after"))
    assert difference.mean() < (2 if form == "JPEG" else 1e-9)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ([("one.png", (9, 9))], "One photograph is not enough"),
        ([("a.png", (9, 9)), ("b.png", (9, 8))], "a.png is 9 × 9 pixels and b.png 9 × 8"),
        ([("a.png", (9, 9)), ("notes.txt", None)], "notes.txt is no picture"),
    ],
)
def test_what_cannot_be_fused_is_told(page, files, told):
    drop(page, [(name, png(np.zeros((*size[::-1], 3), np.uint8)) if size else b"words") for name, size in files])
    page.wait_for_selector("#problem:not([hidden])")
    assert told in page.inner_text("#problem")
    assert page.is_visible("#welcome")


def test_another_exposure_of_a_longer_bracket_can_be_chosen(page):
    under, over = sample_pair(*SIZE)
    middle = ((under.astype(int) + over) // 2).astype(np.uint8)
    drop(page, [("mid.png", png(middle)), ("over.png", png(over)), ("under.png", png(under))])
    wait_until_shown(page)
    assert page.locator("#strip .role").all_inner_texts() == ["Dark", "", "Bright"]
    page.click("#strip li:nth-child(2) button")
    page.wait_for_selector(
        "#strip li:nth-child(2) [aria-pressed=true], #strip li:nth-child(2) button[aria-pressed=true]"
    )
    page.wait_for_selector("body:not(.busy)")
    assert page.locator("#strip .role").all_inner_texts() == ["", "Dark", "Bright"]
    assert np.abs(pixels(page, "after").astype(int) - Fuser("base", 1)(middle, over)).max() <= 1


def test_it_works_without_a_connection(page):
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.wait_for_function("navigator.serviceWorker.controller !== null")
    page.context.set_offline(True)
    page.reload()
    page.click("#sample")
    wait_until_shown(page)
    assert "1500 × 1000 pixels" in page.inner_text("#status")


def test_everything_that_can_be_operated_has_a_name(page):
    open_pair(page, *sample_pair(*SIZE))
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input:not([hidden]), [role=group], canvas[role]")]
            .filter(one => !(one.ariaLabel || one.labels?.length || one.textContent.trim()))
            .map(one => one.outerHTML)"""
    )
    assert nameless == []
    assert page.get_attribute("#status", "role") == "status"
    assert page.get_attribute("#problem", "role") == "alert"
