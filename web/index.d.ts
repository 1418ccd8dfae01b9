/** The models: `small` (1,301 parameters) and `base` (5,726, better). */
export type ModelName = "small" | "base";
export const MODELS: readonly ModelName[];

/** RGBA, 8 bits, rows from the top: an `ImageData`, or any object like one. Alpha is ignored. */
export interface Picture {
  readonly data: Uint8ClampedArray | Uint8Array;
  readonly width: number;
  readonly height: number;
}

export interface FuseOptions<Out extends Picture = Picture> {
  /** Default: `"base"`. */
  model?: ModelName;
  /** Where to write the result, of the pictures' size; may be one of the two. Default: a new picture. */
  out?: Out;
}

/**
 * Fuse two pictures of one scene and one size, from 1×1 up; the darker by mean value is taken as under.
 *
 * Loads the core at the first call, then computes on the calling thread (about 70 ms a megapixel): call it in a worker
 * where a page must stay responsive.
 *
 * @returns `out`, or a new picture (an `ImageData` where there is such a thing), opaque.
 * @throws TypeError (as a rejection) where one is no picture, the sizes differ, or there is no such model.
 * @throws RangeError (as a rejection) where there is not enough memory.
 */
export function fuse<Out extends Picture = Picture>(under: Picture, over: Picture, options?: FuseOptions<Out>): Promise<Out>;

/** The core, loaded: fuses pair after pair without waiting. */
export class Fuser {
  constructor(module: WebAssembly.Module);
  static load(): Promise<Fuser>;
  /** As {@link fuse}, but at once. */
  fuse<Out extends Picture = Picture>(under: Picture, over: Picture, options?: FuseOptions<Out>): Out;
  /** As {@link align}, but at once. */
  align<Frame extends Picture>(base: Picture, frame: Frame): Aligned<Frame>;
}

export interface Aligned<Frame extends Picture = Picture> {
  /** The frame itself where it stays; else a new picture (an `ImageData` where there is such a thing), opaque. */
  picture: Frame | Picture;
  moved: boolean;
  /** How far the corner that moves most was moved. */
  pixels: number;
  /** Homography, row by row, from pixels of the base (centre of the first at 0, 0) to pixels of the frame. */
  warp: number[];
  /** Why the frame stays, where a person should know; "" for one that was moved or lies right as it is. */
  reason: string;
}

/**
 * Lay a hand-held exposure on another of one size: shift, turn and small perspective.
 *
 * It is moved only if it then agrees significantly better on parts of the picture that the movement was not fitted to;
 * pictures with a side under 48 pixels stay. What the frame never saw is filled from the base in the frame's tones. The
 * base should be the one of medium brightness. Computes on the calling thread.
 *
 * @throws TypeError (as a rejection) where one is no picture or the sizes differ.
 * @throws RangeError (as a rejection) where there is not enough memory.
 */
export function align<Frame extends Picture>(base: Picture, frame: Frame): Promise<Aligned<Frame>>;

/** Compile the core, which needs WebAssembly with SIMD (browsers since 2023); the module can be posted to workers, and given to `new Fuser(module)` there. */
export function compileCore(): Promise<WebAssembly.Module>;
