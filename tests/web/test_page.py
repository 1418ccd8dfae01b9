"""The page in a real Chromium: dropped, fused, compared, finished, saved, refused, and without a connection."""

import base64
import re
import shutil
import threading
from io import BytesIO
from zipfile import ZipFile

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from lightfuse.align import align_bracket
from lightfuse.brackets.selection import fuse_selection
from lightfuse.colorspace import srgb_to_linear
from lightfuse.deghost import deghost
from lightfuse.fuser import Fuser
from lightfuse.golden import TOLERANCES, compare, load_golden
from lightfuse.hdr.gain_map import gain_map
from lightfuse.looks import apply_look
from lightfuse.web.server import STATIC, PageServer
from tools.synthetic import Camera, HandShake, Scene, moving_object, sample_bracket, sample_pair

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.network,
    pytest.mark.slow,
]

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


def transfer_of(page, files):
    """A DataTransfer of files, given as (name, bytes)."""
    given = [[name, base64.b64encode(content).decode()] for name, content in files]
    return page.evaluate_handle(
        """files => {
            const transfer = new DataTransfer();
            for (const [name, text] of files) {
                const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
                transfer.items.add(new File([bytes], name, { type: name.endsWith(".png") ? "image/png" : "" }));
            }
            return transfer;
        }""",
        given,
    )


def drop(page, files):
    """Drop files, given as (name, bytes), onto the page as a person would."""
    page.dispatch_event("main", "drop", {"dataTransfer": transfer_of(page, files)})


def open_pair(page, under, over):
    drop(page, [("bright one.png", png(over)), ("dark one.png", png(under))])
    wait_until_shown(page)


def wait_until_shown(page):
    page.wait_for_selector("#studio:not([hidden])")
    page.wait_for_selector("body:not(.busy)")


def press(page, choice):
    """Press a button or a choice, and wait for what comes of it."""
    page.dispatch_event(choice, "click")
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


def saved(page, format, button="#save"):
    page.select_option("#format", format)
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
    grip = page.locator("#divider span").bounding_box()
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


def test_looks_are_those_of_the_command_line(page):
    open_pair(page, *sample_pair(*SIZE))
    natural = pixels(page, "after")
    for look in ("bright", "vivid"):
        press(page, f"#looks [value={look}]")
        wanted = apply_look(natural.astype(np.float32) / np.float32(255), look) * 255
        assert np.abs(pixels(page, "after") - wanted).max() <= 2
        assert np.abs(natural - wanted).max() > 8
    press(page, "#looks [value=natural]")
    assert np.array_equal(pixels(page, "after"), natural)


def camera_exif():
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "A camera"
    exif.get_ifd(0x8769).update({0x829A: IFDRational(1, 250), 0x8827: 100, 0x829D: IFDRational(8), 0xA001: 65535})
    return exif


def test_saved_files_are_what_is_shown_upright_and_keep_exif(page):
    under, over = sample_pair(*SIZE)
    turned = np.rot90(under, 1, (1, 0))
    drop(page, [("a.jpg", jpeg(turned, Image.Exif())), ("b.jpg", jpeg(over, camera_exif()))])
    wait_until_shown(page)
    assert "1/250 s · f/8 · ISO 100" in page.inner_text("#strip")
    for choice, form, suffix in (("jpeg", "JPEG", ".jpg"), ("png", "PNG", ".png")):
        name, content = saved(page, choice)
        assert name == "b_fused" + suffix
        picture = Image.open(BytesIO(content))
        exif = picture.getexif()
        assert (picture.format, picture.size) == (form, SIZE[::-1])
        assert (exif[0x0112], exif[0x010F]) == (1, "A camera")
        assert exif.get_ifd(0x8769)[0xA001] == 1
        difference = np.abs(np.asarray(picture.convert("RGB")).astype(int) - pixels(page, "after"))
        assert difference.mean() < (2 if form == "JPEG" else 1e-9)


def rounded(values):
    """16 bits a channel to 8, as the core rounds: of steps of 1/128, halves up."""
    assert values.dtype == np.uint16
    return (np.round(values / 257 * 128).astype(int) + 64) // 128


def test_a_png_of_16_bits_is_what_is_shown_before_rounding_and_keeps_exif(page):
    under, over = (np.kron(picture, np.ones((5, 6, 1), np.uint8)) for picture in sample_pair(*SIZE))
    drop(page, [("a.png", png(under, exposed(1 / 250, 0))), ("b.png", png(over, exposed(1 / 15, 1)))])
    wait_until_shown(page)
    assert under.shape[0] * under.shape[1] > 1_000_000  # more than a strip
    name, content = saved(page, "png16")
    assert (name, Image.open(BytesIO(content)).getexif().get_ifd(0x8769)[0x8827]) == ("b_fused.png", 100)
    fine = imagecodecs.png_decode(content)
    assert np.array_equal(rounded(fine), pixels(page, "after"))
    assert len(np.unique(fine)) > 2000
    # Sixteen bits computed in floats by the command, of the same exposures.
    wanted = Fuser("base", 1)(*(picture.astype(np.uint16) * 257 for picture in (under, over)))
    assert np.abs(fine.astype(int) - wanted).mean() < 257 / 8
    for look in ("bright", "vivid"):
        press(page, f"#looks [value={look}]")
        looked = imagecodecs.png_decode(saved(page, "png16")[1])
        wanted = apply_look(fine.astype(np.float32) / np.float32(65535), look) * 65535
        assert np.abs(looked - wanted).max() < 257 / 4


def test_an_ultra_hdr_jpeg_restores_the_highlights_of_the_darkest_exposure(page):
    under, over = sample_pair(*SIZE)
    drop(page, [("a.png", png(under, exposed(1 / 250, 0))), ("b.png", png(over, exposed(1 / 15, 1)))])
    wait_until_shown(page)
    for look in ("natural", "vivid"):
        press(page, f"#looks [value={look}]")
        name, content = saved(page, "hdr")
        assert name == "b_fused.jpg"
        shown = pixels(page, "after")
        picture = Image.open(BytesIO(content))
        assert picture.getexif().get_ifd(0x8769)[0x8827] == 100
        plain = Image.open(BytesIO(saved(page, "jpeg")[1]))
        assert np.array_equal(np.asarray(picture.convert("RGB")), np.asarray(plain))
        gain = gain_map(shown, srgb_to_linear(np.float32(under) / 255))
        fields = gain_map_fields(content)
        assert float(fields["GainMapMax"]) == pytest.approx(gain.max(), abs=0.01)
        (length,) = re.findall(rb'Item:Length="(\d+)"', content)
        levels = np.asarray(Image.open(BytesIO(content[-int(length) :])).convert("L")).astype(int)
        assert np.abs(levels - gain * 255 / gain.max()).mean() < 2
        assert levels.max() > 200
        decoded = imagecodecs.ultrahdr_decode(content)[..., :3].astype(np.float32)
        assert np.log2(decoded.max()) == pytest.approx(gain.max(), abs=0.5)


def test_hdr_screens_show_the_gain_map_beside_the_divider_until_it_is_switched_off(page):
    open_pair(page, *sample_pair(*SIZE))
    # This screen is none: what the page asks of it is tested, then the switch shown as on one that is.
    assert page.evaluate("document.getElementById('hdr-field').hidden !== matchMedia('(dynamic-range: high)').matches")
    page.evaluate("document.getElementById('hdr-field').hidden = false")
    page.check("#hdr")
    page.wait_for_selector("#after-hdr", state="visible")
    shown = "const hdr = document.getElementById('after-hdr'), after = document.getElementById('after');"
    assert page.evaluate(f"(() => {{ {shown} return [hdr.naturalWidth, hdr.naturalHeight]; }})()") == list(SIZE)
    page.fill("#compare", "30")
    places = f"(() => {{ {shown} return [hdr, after].map((one) => one.style.clipPath); }})()"
    assert len(set(page.evaluate(places))) == 1
    content = page.get_attribute("#after-hdr", "src")
    press(page, "#looks [value=vivid]")
    page.wait_for_function("(before) => document.getElementById('after-hdr').src !== before", arg=content)
    page.wait_for_selector("#after-hdr", state="visible")
    page.uncheck("#hdr")
    page.wait_for_selector("#after-hdr", state="hidden")


def gain_map_fields(content):
    """Of the second picture's XMP."""
    packet = content[content.rindex(b"<x:xmpmeta") : content.rindex(b"</x:xmpmeta>")]
    return dict(re.findall(r'hdrgm:(\w+)="([^"]*)"', packet.decode()))


def test_an_ultra_hdr_jpeg_needs_no_tones_in_common(page):
    open_pair(page, np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 255, np.uint8))
    _, content = saved(page, "hdr")
    assert float(gain_map_fields(content)["GainMapMax"]) == pytest.approx(0.1)


def test_what_cannot_be_fused_is_told_and_what_was_open_stays(page):
    good, short = png(np.zeros((9, 9, 3), np.uint8)), png(np.zeros((8, 9, 3), np.uint8))
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    refused = [
        ([("one.png", good)], "One photograph is not enough"),
        ([("notes.txt", b"words")], "notes.txt is not a picture that this browser can read: use JPEG"),
        ([("a.png", good), ("b.png", short)], "a.png is 9 × 9 pixels and b.png 9 × 8"),
        ([("a.png", good), ("notes.txt", b"words")], "notes.txt is not a picture that this browser can read: use JPEG"),
        ([("a.png", good), ("phone.heic", heic)], "phone.heic is not a picture that this browser can read: use JPEG"),
    ]
    for files, told in refused:
        drop(page, files)
        page.wait_for_function("told => document.getElementById('problem').textContent.includes(told)", arg=told)
        page.wait_for_selector("body:not(.busy)")
        assert page.is_visible("#welcome")
    open_pair(page, *sample_pair(*SIZE))
    assert not page.is_visible("#problem")
    shown = pixels(page, "after")
    drop(page, refused[2][0])
    page.wait_for_selector("#problem:not([hidden])")
    press(page, "#looks [value=vivid]")
    press(page, "#looks [value=natural]")
    assert np.array_equal(pixels(page, "after"), shown)


def test_hand_held_exposures_are_laid_on_each_other_unless_that_is_switched_off(page):
    size, shake = (600, 400), HandShake((0.012, -0.008), 0.7, (0.003, 0.002))
    under, over = sample_bracket(*size, (-2.5, 2.0), noise=False, shake=shake).pictures
    open_pair(page, under, over)
    press(page, "#deghost")
    assert re.search(r"Aligned in [\d.]+ s: moved dark one.png by \d+\.\d px", page.inner_text("#status"))
    assert np.array_equal(pixels(page, "before"), over)
    aligned = pixels(page, "after").astype(int)
    press(page, "#against [value=dark]")
    laid = pixels(page, "before")
    press(page, "#align")
    assert "moved" not in page.inner_text("#status")
    assert np.array_equal(pixels(page, "before"), under)
    fuser = Fuser("base", 1)
    assert np.abs(pixels(page, "after") - fuser(under, over).astype(int)).max() <= 1
    assert np.abs(aligned - fuser(laid, over)).max() <= 1
    np.testing.assert_array_equal(laid, align_bracket([under, over], 1).frames[0])


def test_ghosts_are_removed_where_the_command_removes_them(page):
    room = Scene(0).render(360, 240)
    lights = [moving_object(room, progress)[0] for progress in (0.1, 0.8)]
    under, over = (Camera().photograph(light, ev, seed=ev + 2) for light, ev in zip(lights, (-2, 2), strict=True))
    fuser, wanted = Fuser("base", 1), deghost(under, over)
    open_pair(page, under, over)
    share = float(re.search(r"Ghosts removed in ([\d.]+) %", page.inner_text("#status"))[1])
    assert share == pytest.approx(100 * (wanted.mask / 255).mean(), abs=0.06)
    assert share > 1
    clean = pixels(page, "after").astype(int)
    assert np.abs(clean - fuser(wanted.under, wanted.over)).max() <= 1
    saved(page, "hdr")
    press(page, "#deghost")
    assert (np.abs(pixels(page, "after") - clean).max(-1) > 8).mean() > 0.005
    assert np.abs(pixels(page, "after").astype(int) - fuser(under, over)).max() <= 1


def test_a_still_pair_has_no_ghosts_to_remove(page):
    under, over = sample_pair(*SIZE)
    open_pair(page, under, over)
    fused = pixels(page, "after")
    assert "Nothing that moved was found." in page.inner_text("#status")
    press(page, "#deghost")
    assert np.array_equal(pixels(page, "after"), fused)
    press(page, "#deghost")
    open_pair(page, np.zeros_like(under), np.full_like(over, 255))
    assert "share too few tones to look for ghosts" in page.inner_text("#status")


def test_of_a_longer_bracket_those_are_fused_that_show_most_of_it_and_others_can_be_chosen(page):
    pictures = sample_bracket(120, 80, (-8, -3, 0, 3), noise=False).pictures
    fuser, selection = Fuser("base", 1), [1, 2, 3]
    drop(page, [(f"{i}.png", png(pictures[i])) for i in (2, 0, 3, 1)])
    wait_until_shown(page)
    assert page.locator("#strip .name").all_inner_texts() == ["0.png", "1.png", "2.png", "3.png"]
    assert chosen(page) == selection  # What the first shows, the others do.
    # A level for each of the two fusings that follow each other.
    assert np.abs(pixels(page, "after").astype(int) - fuse_selection(selection, pictures, fuser)).max() <= 2
    assert "Chosen for you" in page.inner_text("#choice")
    press(page, "#strip li:nth-child(3) button")
    assert chosen(page) == [1, 3]
    assert np.abs(pixels(page, "after").astype(int) - fuser(pictures[1], pictures[3])).max() <= 1
    press(page, "#strip li:nth-child(2) button")
    assert "Two exposures at least" in page.inner_text("#status")
    assert "Chosen by you" in page.inner_text("#choice")
    press(page, "#automatic")
    assert chosen(page) == selection


def test_what_is_pressed_while_other_photographs_are_read_does_not_disturb_them(page):
    drop(page, [(f"{i}.png", png(one)) for i, one in enumerate(sample_bracket(*SIZE, (-8, -3, 0, 3)).pictures)])
    wait_until_shown(page)
    under, over = sample_pair(*SIZE)
    page.evaluate(
        """transfer => {
            document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true }));
            document.querySelector("#strip li:nth-child(3) button").click();
        }""",
        transfer_of(page, [("dark.png", png(under)), ("bright.png", png(over))]),
    )
    page.wait_for_selector("body:not(.busy)")
    assert page.locator("#strip .name").all_inner_texts() == ["dark.png", "bright.png"]
    assert not page.is_visible("#problem")
    assert np.abs(pixels(page, "after").astype(int) - Fuser("base", 1)(under, over)).max() <= 1


def chosen(page):
    """The positions of the exposures that are fused."""
    return [i for i, role in enumerate(page.locator("#strip .role").all_inner_texts()) if role]


def test_it_works_without_a_connection(page):
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    page.context.set_offline(True)
    page.reload()
    page.click("#sample")
    wait_until_shown(page)
    assert "1500 × 1000 pixels" in page.inner_text("#status")


def open_brackets(page):
    """Drop two brackets of three exposures, and one photograph that belongs to none; returns the six pictures."""
    files, pictures = [], []
    for scene in (0, 1):
        for i, picture in enumerate(sample_bracket(*SIZE, (-3, 0, 3), seed=scene, noise=False).pictures):
            pictures.append(picture)
            files.append((f"IMG_{scene}{i}.jpg", jpeg(picture, exposed(8.0**i / 1000, 60 * scene + i))))
    files.append(("IMG_99.jpg", jpeg(pictures[0], exposed(1 / 1000, 300))))
    drop(page, files[::-1])
    wait_until_shown(page)
    return pictures


def exposed(seconds, second):
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    time = IFDRational(round(seconds * 1e6), 1_000_000)
    taken = f"2026:06:21 12:{second // 60:02}:{second % 60:02}"
    exif.get_ifd(0x8769).update({0x829A: time, 0x8827: 100, 0x829D: IFDRational(8), 0x9003: taken, 0xA402: 2})
    return exif


def test_several_brackets_are_sorted_shown_one_by_one_and_saved_in_an_archive(page):
    open_brackets(page)
    wanted = ["IMG_00.jpg (3 exposures)", "IMG_10.jpg (3 exposures)"]
    assert page.locator("#brackets option").all_inner_texts() == wanted
    assert "Left out: IMG_99.jpg." in page.inner_text("#status")
    assert page.locator("#strip .name").all_inner_texts() == ["IMG_00.jpg", "IMG_01.jpg", "IMG_02.jpg"]
    first = pixels(page, "after")
    page.select_option("#brackets", "1")
    page.wait_for_function("() => document.querySelector('#strip .name').textContent === 'IMG_10.jpg'")
    page.wait_for_selector("body:not(.busy)")
    second = pixels(page, "after")
    name, content = saved(page, "jpeg", "#save-all")
    archive = ZipFile(BytesIO(content))
    assert (name, archive.testzip()) == ("lightfuse.zip", None)
    assert archive.namelist() == ["IMG_02_fused.jpg", "IMG_12_fused.jpg"]
    for entry, shown in zip(archive.namelist(), (first, second), strict=True):
        picture = Image.open(BytesIO(archive.read(entry)))
        assert picture.getexif().get_ifd(0x8769)[0x8827] == 100
        assert np.abs(np.asarray(picture).astype(int) - shown).mean() < 2
    archive = ZipFile(BytesIO(saved(page, "png16", "#save-all")[1]))
    assert archive.namelist() == ["IMG_02_fused.png", "IMG_12_fused.png"]
    for entry, shown in zip(archive.namelist(), (first, second), strict=True):
        assert np.array_equal(rounded(imagecodecs.png_decode(archive.read(entry))), shown)
    page.wait_for_selector("body:not(.busy)")


def drop_two_brackets(page, *, odd):
    """Drop brackets a and b, of which one, ``odd``, has exposures of two sizes; wait until one is shown."""
    under, over = sample_bracket(*SIZE, (-3, 3), noise=False).pictures
    files = []
    for minute, name in enumerate("ab"):
        for i, picture in enumerate([under, over[:80] if name == odd else over]):
            files.append((f"{name}{i}.jpg", jpeg(picture, exposed(8.0**i / 500, 60 * minute + i))))
    drop(page, files)
    wait_until_shown(page)


def test_a_bracket_that_cannot_be_fused_does_not_stop_the_others(page):
    drop_two_brackets(page, odd="b")
    _, content = saved(page, "png16", "#save-all")
    assert ZipFile(BytesIO(content)).namelist() == ["a1_fused.png"]
    page.wait_for_selector("body:not(.busy)")
    assert page.inner_text("#problem").startswith("Not fused: b0.jpg is 240 × 160 pixels and b1.jpg 240 × 80")


def test_of_several_brackets_the_first_that_can_be_read_is_shown(page):
    drop_two_brackets(page, odd="a")
    for _ in range(2):
        assert page.inner_text("#problem").startswith("a0.jpg is 240 × 160 pixels and a1.jpg 240 × 80")
        assert page.locator("#strip .name").all_inner_texts() == ["b0.jpg", "b1.jpg"]
        assert page.input_value("#brackets") == "1"
        page.select_option("#brackets", "0")
        page.wait_for_selector("body:not(.busy)")


def test_a_bracket_too_large_for_memory_does_not_stop_the_others(browser, address):
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    source = (STATIC / "page" / "frames.js").read_text()
    short = source.replace(
        "const frames = [];", "const frames = []; if (headers[0].name === 'IMG_10.jpg') new Array(-1);"
    )
    page.route("**/page/frames.js", lambda route: route.fulfill(body=short, content_type="text/javascript"))
    page.goto(address)
    open_brackets(page)
    _, content = saved(page, "png", "#save-all")
    assert ZipFile(BytesIO(content)).namelist() == ["IMG_02_fused.png"]
    page.wait_for_selector("body:not(.busy)")
    assert page.inner_text("#problem").startswith("Not fused: IMG_10.jpg: There is not enough memory")
    page.context.close()


def test_a_file_that_is_gone_or_a_folder_is_named(page, tmp_path):
    (tmp_path / "gone.png").write_bytes(png(np.zeros((9, 9, 3), np.uint8)))
    page.evaluate("document.body.append(Object.assign(document.createElement('input'), { type: 'file', id: 'other' }))")
    page.set_input_files("#other", tmp_path / "gone.png")
    (tmp_path / "gone.png").unlink()
    page.evaluate(
        """() => {
            const transfer = new DataTransfer();
            transfer.items.add(document.getElementById("other").files[0]);
            document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true }));
        }"""
    )
    page.wait_for_selector("#problem:not([hidden])")
    assert page.inner_text("#problem").startswith("gone.png is not a picture that this browser can read")


def test_changes_of_the_look_are_undone(page):
    open_pair(page, *sample_pair(*SIZE))
    natural = pixels(page, "after")
    press(page, "#looks [value=vivid]")
    full = pixels(page, "after")
    page.fill("#strength", "30")
    page.wait_for_selector("body:not(.busy)")
    assert not np.array_equal(pixels(page, "after"), full)
    press(page, "#undo")
    assert np.array_equal(pixels(page, "after"), full)
    assert page.input_value("#strength") == "100"
    page.keyboard.press("Control+z")
    page.wait_for_selector("body:not(.busy)")
    assert np.array_equal(pixels(page, "after"), natural)
    assert page.is_disabled("#undo")


def test_photographs_can_be_pasted_one_after_the_other(page):
    under, over = sample_pair(*SIZE)
    paste = "transfer => document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: transfer }))"
    page.evaluate(paste, transfer_of(page, [("notes.txt", b"words")]))
    page.wait_for_selector("#problem:not([hidden])")
    page.wait_for_selector("body:not(.busy)")
    assert "notes.txt is not a picture" in page.inner_text("#problem")
    page.evaluate(paste, transfer_of(page, [("image.png", png(under))]))
    page.wait_for_function("() => document.getElementById('problem').textContent.includes('add another exposure')")
    page.wait_for_selector("body:not(.busy)")
    page.evaluate(paste, transfer_of(page, [("image.png", png(over))]))
    wait_until_shown(page)
    assert np.abs(pixels(page, "after").astype(int) - Fuser("base", 1)(under, over)).max() <= 1


def test_photographs_that_a_phone_shares_are_opened(page, address):
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    under, over = sample_pair(*SIZE)
    transfer = transfer_of(page, [("dark one.png", png(under)), ("bright one.png", png(over))])
    page.evaluate(
        """async transfer => {
            const { share_target } = await (await fetch("manifest.webmanifest")).json();
            const body = new FormData();
            for (const file of transfer.files) body.append(share_target.params.files[0].name, file);
            await fetch(share_target.action, { method: share_target.method, body });
        }""",
        transfer,
    )
    page.goto(f"{address}?shared")
    wait_until_shown(page)
    assert page.locator("#strip .name").all_inner_texts() == ["dark one.png", "bright one.png"]
    assert page.url == address
    assert page.evaluate("caches.open('shared').then(cache => cache.keys()).then(keys => keys.length)") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1200, 800), (390, 844)], ids=["desktop", "phone"])
def test_axe_finds_nothing_to_mend(page, size, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    found = [axe.Axe().run(page).response]
    open_brackets(page)
    found.append(axe.Axe().run(page).response)
    drop(page, [("notes.txt", b"words"), ("more.txt", b"words")])
    page.wait_for_selector("#problem:not([hidden])")
    found.append(axe.Axe().run(page).response)
    assert [(one["id"], one["nodes"][0]["html"]) for state in found for one in state["violations"]] == []
    assert min(len(state["passes"]) for state in found) > 15
