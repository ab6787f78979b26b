import { text } from "./language.js";

// An area smaller than this holds too little for any answer.
const MIN_SIDE = 32;
// And in pixels of the screen, for the handles to be whole and a finger to find them.
const MIN_SHOWN = 44;
const STEP = 0.04;
const GROWTH = 1.1;

/**
 * A frame over the photo that is dragged, pinched, sized by its corners or moved with the keyboard. It is square, as the
 * network's input is, unless it holds the whole photo.
 */
export class CropBox {
  /**
   * @param {HTMLElement} frame lies over the photo, in an element of the photo's shape.
   * @param {(area: {x: number, y: number, width: number, height: number}) => void} onChange
   */
  constructor(frame, onChange) {
    this.frame = frame;
    this.onChange = onChange;
    this.pointers = new Map();
    frame.addEventListener("pointerdown", (event) => this.#down(event));
    frame.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) {
      frame.addEventListener(name, (event) => this.pointers.delete(event.pointerId));
    }
    frame.addEventListener("keydown", (event) => this.#key(event));
    frame.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  /** Start on another photo: the largest square in its middle. */
  reset(width, height) {
    this.photo = { width, height };
    const side = Math.min(width, height);
    this.#set({ x: (width - side) / 2, y: (height - side) / 2, width: side, height: side });
  }

  wholePhoto() {
    this.#set({ x: 0, y: 0, ...this.photo });
  }

  /** Make the frame larger (factor over 1) or smaller about its middle. */
  scale(factor) {
    const { x, y, width, height } = this.box;
    this.#square(x + width / 2, y + height / 2, Math.min(width, height) * factor);
  }

  /** The area in whole pixels of the photo. */
  get area() {
    const { x, y, width, height } = this.box;
    const left = Math.round(x);
    const top = Math.round(y);
    return { x: left, y: top, width: Math.round(x + width) - left, height: Math.round(y + height) - top };
  }

  get #least() {
    return Math.min(Math.max(MIN_SIDE, MIN_SHOWN * this.#ratio), this.photo.width, this.photo.height);
  }

  #square(centerX, centerY, side) {
    const { width, height } = this.photo;
    const fitting = Math.max(this.#least, Math.min(side, width, height));
    this.#set({
      x: Math.max(0, Math.min(width - fitting, centerX - fitting / 2)),
      y: Math.max(0, Math.min(height - fitting, centerY - fitting / 2)),
      width: fitting,
      height: fitting,
    });
  }

  #moveBy(x, y) {
    const { width, height } = this.box;
    this.#set({
      x: Math.max(0, Math.min(this.photo.width - width, this.box.x + x)),
      y: Math.max(0, Math.min(this.photo.height - height, this.box.y + y)),
      width,
      height,
    });
  }

  #set(box) {
    this.box = box;
    const { width, height } = this.photo;
    const share = { left: box.x / width, top: box.y / height, width: box.width / width, height: box.height / height };
    for (const [side, value] of Object.entries(share)) this.frame.style[side] = `${value * 100}%`;
    const [size, left, top] = [share.width, share.left, share.top].map((value) => Math.round(value * 100));
    this.frame.setAttribute("aria-valuenow", size);
    this.frame.setAttribute("aria-valuetext", text("area_position", { size, left, top }));
    this.onChange(this.area);
  }

  // Pixels of the photo per pixel of the screen.
  get #ratio() {
    return this.photo.width / this.frame.parentElement.clientWidth;
  }

  #down(event) {
    event.preventDefault();
    this.frame.focus({ preventScroll: true });
    this.frame.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.corner = event.target.dataset.corner;
  }

  #move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, now);
    const x = (now.x - before.x) * this.#ratio;
    const y = (now.y - before.y) * this.#ratio;
    if (other) {
      this.#moveBy(x / 2, y / 2);
      this.scale(distance(now, other) / Math.max(1, distance(before, other)));
    } else if (this.corner) this.#dragCorner(x, y);
    else this.#moveBy(x, y);
  }

  // The opposite corner stays where it is.
  #dragCorner(x, y) {
    const right = this.corner.includes("right");
    const bottom = this.corner.includes("bottom");
    const side = Math.min(this.box.width, this.box.height);
    const anchorX = right ? this.box.x : this.box.x + this.box.width;
    const anchorY = bottom ? this.box.y : this.box.y + this.box.height;
    const wanted = side + ((right ? x : -x) + (bottom ? y : -y)) / 2;
    const room = Math.min(right ? this.photo.width - anchorX : anchorX, bottom ? this.photo.height - anchorY : anchorY);
    const fitting = Math.min(room, Math.max(this.#least, wanted));
    this.#square(anchorX + ((right ? 1 : -1) * fitting) / 2, anchorY + ((bottom ? 1 : -1) * fitting) / 2, fitting);
  }

  #key(event) {
    const step = Math.min(this.photo.width, this.photo.height) * STEP;
    const actions = {
      ArrowLeft: () => this.#moveBy(-step, 0),
      ArrowRight: () => this.#moveBy(step, 0),
      ArrowUp: () => this.#moveBy(0, -step),
      ArrowDown: () => this.#moveBy(0, step),
      "+": () => this.scale(GROWTH),
      "=": () => this.scale(GROWTH),
      "-": () => this.scale(1 / GROWTH),
    };
    if (!actions[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    actions[event.key]();
  }

  #wheel(event) {
    event.preventDefault();
    this.scale(event.deltaY < 0 ? GROWTH : 1 / GROWTH);
  }
}

const distance = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);
