/** The stage: before and after on top of each other, a divider between them, zoom and pan. */

const MOST_ZOOM = 8;
const STEP = 1.25;
const PAN_STEP = 60;

export class Viewer {
  #stage = document.getElementById("stage");
  #photo = document.getElementById("photo");
  #before = document.getElementById("before");
  #after = document.getElementById("after");
  #hdr = document.getElementById("after-hdr");
  #divider = document.getElementById("divider");
  #compare = document.getElementById("compare");
  #level = document.getElementById("zoom-level");
  #pointers = new Map();
  #width = 1;
  #height = 1;
  #scale = 1; // CSS pixels a picture's pixel takes
  #x = 0; // where the picture's corner lies on the stage
  #y = 0;
  #fitted = true;
  #share = 0.5;
  #dividing = false;
  #keys = {
    "+": () => this.#zoomBy(STEP),
    "=": () => this.#zoomBy(STEP),
    "-": () => this.#zoomBy(1 / STEP),
    0: () => this.fit(),
    1: () => this.#zoomTo(this.#actualPixels()),
    ArrowLeft: () => this.#panBy(PAN_STEP, 0),
    ArrowRight: () => this.#panBy(-PAN_STEP, 0),
    ArrowUp: () => this.#panBy(0, PAN_STEP),
    ArrowDown: () => this.#panBy(0, -PAN_STEP),
  };

  constructor() {
    new ResizeObserver(() => (this.#fitted ? this.fit() : this.#place())).observe(this.#stage);
    this.#compare.addEventListener("input", () => this.#divide(this.#compare.valueAsNumber / 100));
    const on = (name, act) => this.#stage.addEventListener(name, act.bind(this), { passive: false });
    on("wheel", this.#onWheel);
    on("keydown", this.#onKey);
    on("pointerdown", this.#onDown);
    on("pointermove", this.#onMove);
    on("pointerup", this.#onUp);
    on("pointercancel", this.#onUp);
    for (const [id, key] of Object.entries({ "zoom-in": "+", "zoom-out": "-", "zoom-fit": "0", "zoom-full": "1" })) {
      document.getElementById(id).addEventListener("click", this.#keys[key]);
    }
  }

  /** Show pictures of another size, all of them in view. */
  resize(width, height) {
    this.#width = width;
    this.#height = height;
    this.#stage.parentElement.style.setProperty("--aspect", width / height);
    this.fit();
  }

  showBefore(bitmap) {
    drawOn(this.#before, bitmap);
  }

  showAfter(bitmap) {
    drawOn(this.#after, bitmap);
    this.#hdr.hidden = true;
  }

  /** Show an Ultra HDR JPEG of what `showAfter` was given in its place, as bright as the screen can. */
  async showHdr(blob) {
    const address = URL.createObjectURL(blob);
    this.#hdr.src = address;
    await this.#hdr.decode().finally(() => URL.revokeObjectURL(address));
    this.#hdr.hidden = false;
  }

  fit() {
    this.#zoomTo(this.#fitScale());
  }

  #fitScale() {
    const { clientWidth, clientHeight } = this.#stage;
    return Math.min(clientWidth / this.#width, clientHeight / this.#height) || 1;
  }

  #actualPixels() {
    return 1 / window.devicePixelRatio;
  }

  #zoomBy(factor, x, y) {
    this.#zoomTo(this.#scale * factor, x, y);
  }

  /** Change the scale with the point (x, y) of the stage, its middle unless said, held where it is. */
  #zoomTo(wanted, x = this.#stage.clientWidth / 2, y = this.#stage.clientHeight / 2) {
    const [fit, actual] = [this.#fitScale(), this.#actualPixels()];
    const scale = Math.min(Math.max(wanted, Math.min(fit, actual)), Math.max(fit, MOST_ZOOM * actual));
    this.#x = x - ((x - this.#x) * scale) / this.#scale;
    this.#y = y - ((y - this.#y) * scale) / this.#scale;
    this.#scale = scale;
    this.#fitted = Math.abs(scale - fit) < 1e-6;
    this.#panBy(0, 0);
  }

  #panBy(dx, dy) {
    // A side that fits is centred; one that does not leaves no gap.
    const within = (at, room, size) => (size <= room ? (room - size) / 2 : Math.min(0, Math.max(room - size, at)));
    this.#x = within(this.#x + dx, this.#stage.clientWidth, this.#width * this.#scale);
    this.#y = within(this.#y + dy, this.#stage.clientHeight, this.#height * this.#scale);
    this.#place();
  }

  #place() {
    const width = this.#width * this.#scale;
    Object.assign(this.#photo.style, {
      width: `${width}px`,
      height: `${this.#height * this.#scale}px`,
      transform: `translate(${this.#x}px, ${this.#y}px)`,
    });
    this.#level.textContent = `${Math.round((100 * this.#scale) / this.#actualPixels())} %`;
    this.#divide(this.#share);
  }

  /** Show before on this share of the stage's width, from the left. */
  #divide(share) {
    this.#share = Math.min(1, Math.max(0, share));
    const at = this.#share * this.#stage.clientWidth;
    this.#divider.style.transform = `translateX(${at}px)`;
    for (const shown of [this.#after, this.#hdr]) {
      shown.style.clipPath = `inset(0 0 0 ${Math.max(0, at - this.#x)}px)`;
    }
    const percent = Math.round(100 * this.#share);
    this.#compare.value = percent;
    this.#compare.setAttribute("aria-valuetext", `${percent} % before, ${100 - percent} % fused`);
  }

  #onWheel(event) {
    event.preventDefault();
    const [x, y] = this.#point(event);
    this.#zoomBy(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), x, y);
  }

  #onKey(event) {
    if (event.target !== this.#stage || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!(event.key in this.#keys)) return;
    event.preventDefault();
    this.#keys[event.key]();
  }

  #onDown(event) {
    if (event.button !== 0 || event.target.closest("button")) return;
    event.preventDefault(); // The slider must not jump to where the grip is touched.
    this.#pointers.set(event.pointerId, this.#point(event));
    this.#stage.setPointerCapture(event.pointerId);
    const onGrip = this.#divider.contains(event.target);
    this.#dividing = this.#pointers.size === 1 && (onGrip || this.#fitted);
    (onGrip ? this.#compare : this.#stage).focus({ preventScroll: true, focusVisible: false });
  }

  #onMove(event) {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    const now = this.#point(event);
    if (this.#pointers.size === 2) this.#pinch(event.pointerId, before, now);
    else if (this.#dividing) this.#divide(now[0] / this.#stage.clientWidth);
    else this.#panBy(now[0] - before[0], now[1] - before[1]);
    this.#pointers.set(event.pointerId, now);
  }

  #pinch(id, before, now) {
    this.#dividing = false;
    const [, other] = [...this.#pointers].find(([key]) => key !== id);
    const spread = ([x, y]) => Math.max(1, Math.hypot(x - other[0], y - other[1]));
    this.#zoomBy(spread(now) / spread(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    this.#panBy((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
  }

  #onUp(event) {
    this.#pointers.delete(event.pointerId);
    this.#dividing = false;
  }

  #point(event) {
    const box = this.#stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }
}

/** A canvas of a bitmap's size, with it on it. */
export function drawOn(canvas, bitmap) {
  if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
  }
  canvas.getContext("2d", { alpha: false }).drawImage(bitmap, 0, 0);
}
