/**
 * Random programs whose shapes fit, as text: what goes from the parser to the engines. A program is
 * made of choices, each a list of small numbers, so that fewer or smaller ones are a simpler program:
 * fast-check shrinks a program by shrinking them.
 */
import fc from 'fast-check';

/** A size of an image at its default, and a name that equal sizes have for every image. */
interface Size {
  readonly n: number;
  readonly key: string;
}

interface Binding {
  readonly name: string;
  readonly h: Size;
  readonly w: Size;
  readonly c: number;
  /** All of its pixels may be equal: its image, or one that it comes from, is of one pixel. */
  readonly isFlat: boolean;
  /** Equal for those whose difference may be a number: `x + 2` has what `x` has. */
  readonly upToConstant: string;
}

interface Made {
  /** The right side of `name = …`. */
  readonly code: string;
  readonly h: Size;
  readonly w: Size;
  readonly c: number;
  /** As in `Binding`, where the operands do not decide it. */
  readonly isFlat?: boolean;
  readonly upToConstant?: string;
}

interface Context {
  /** Every size is a number: then an operator may ask for it. */
  readonly fixed: boolean;
  /** Those made before, the latest first, without the operand. */
  readonly others: readonly Binding[];
  /** One of these. */
  readonly of: <T>(...items: readonly [T, ...T[]]) => T;
}

type Step = (x: Binding, context: Context) => Made | undefined;

const LIBRARY = `block sep(filters: int, k: int = 3, ws: bool = false, act: block = relu) =
  dwconv(k, ws) -> conv(filters, k = 1) -> act

block residual(stage: block) {
  y = in -> stage
  return in + y
}

block gate(ratio: int = 2) {
  scale = in -> globalavgpool -> conv(max(1, in.channels // ratio), k = 1) -> relu
    -> conv(in.channels, k = 1) -> sigmoid
  return in * scale
}

block grow(layers: [int], k: int = 3) {
  x = in
  for n in layers {
    x = concat(x, x -> conv(n, k) -> relu)
  }
  return x
}
`;

const ACTIVATIONS = [
  ...(['relu', 'relu6', 'leakyrelu(0.2)', 'prelu', 'elu', 'selu', 'gelu', 'silu'] as const),
  ...(['hardswish', 'hardsigmoid', 'sigmoid', 'tanh', 'mish', 'softplus'] as const),
] as const;

/** Output channels that an operator may give, and those that vectors of 4 do not divide. */
const FILTERS = [4, 3, 8, 1, 6, 5] as const;
/** A program's tensors stay small: engines compute them all. */
const MOST_CHANNELS = 24;

/** Names given so far: none is given twice. */
let fresh = 0;

/** A size that nothing else is known to equal. */
function unequal(n: number): Size {
  return { n, key: `#${fresh++}` };
}

/** What `same` leaves with a stride: of a size that the facts say is even, exactly half. */
function strided(size: Size, stride: number): Size {
  if (stride === 1) return size;
  const halved = stride === 2 ? half(size) : undefined;
  return halved ?? unequal(Math.ceil(size.n / stride));
}

/** `H/1` to `H/2` to `H/4`: the facts say that sizes of inputs are multiples of 4. */
function half({ n, key }: Size): Size | undefined {
  const [symbol = '', part = ''] = key.split('/');
  return part === '1' || part === '2'
    ? { n: n / 2, key: `${symbol}/${2 * Number(part)}` }
    : undefined;
}

function doubled({ n, key }: Size, factor: number): Size {
  const [symbol = '', part = ''] = key.split('/');
  if (factor === 1) return { n, key };
  if (factor === 2 && (part === '2' || part === '4')) {
    return { n: 2 * n, key: `${symbol}/${Number(part) / 2}` };
  }
  return unequal(n * factor);
}

/** floor((size + padding − reach) / stride) + 1, if something is left. */
function windowed(size: Size, reach: number, stride: number, padding: number): Size | undefined {
  if (stride === 2 && reach === 2 && padding === 0) {
    const halved = half(size);
    if (halved !== undefined) return halved;
  }
  const n = Math.floor((size.n + padding - reach) / stride) + 1;
  if (n < 1 || size.n + padding < reach) return undefined;
  return reach - padding === 1 && stride === 1 ? size : unequal(n);
}

const keep = (x: Binding, code: string): Made => ({
  code: `${x.name} -> ${code}`,
  h: x.h,
  w: x.w,
  c: x.c,
});

const sameImage = (a: Binding, b: Binding): boolean => a.h.key === b.h.key && a.w.key === b.w.key;

const conv: Step = (x, { of }) => {
  const c = of(...FILTERS);
  const k = of(3, 1, 2, 5);
  const stride = of(1, 2, 3);
  const dilation = stride === 1 ? of(1, 2) : 1;
  const groups = of(1, 2, 3);
  const pad = of('same', 'valid', '1');
  const extra = [
    `k = ${k}`,
    ...(stride === 1 ? [] : [`stride = ${stride}`]),
    ...(dilation === 1 ? [] : [`dilation = ${dilation}`]),
    ...(pad === 'same' ? [] : [`pad = ${pad}`]),
    ...(x.c % groups === 0 && c % groups === 0 && groups > 1 ? [`groups = ${groups}`] : []),
    ...of<readonly string[]>([], ['bias = false'], ['ws'], ['ws', 'bias = false']),
  ];
  return convolved(x, `conv(${c}, ${extra.join(', ')})`, { k, stride, dilation, pad }, c);
};

const dwconv: Step = (x, { of }) => {
  const k = of(3, 1, 2);
  const stride = of(1, 2);
  const pad = of('same', 'valid', '1');
  const multiplier = of(1, 2);
  const extra = [
    `${k}`,
    ...of<readonly string[]>([], ['ws']),
    ...(stride === 1 ? [] : [`stride = ${stride}`]),
    ...(pad === 'same' ? [] : [`pad = ${pad}`]),
    ...(multiplier === 1 ? [] : [`multiplier = ${multiplier}`]),
    ...of<readonly string[]>([], ['bias = false']),
  ];
  const window = { k, stride, dilation: 1, pad };
  return convolved(x, `dwconv(${extra.join(', ')})`, window, x.c * multiplier);
};

function convolved(
  x: Binding,
  code: string,
  { k, stride, dilation, pad }: { k: number; stride: number; dilation: number; pad: string },
  c: number,
): Made | undefined {
  const reach = (k - 1) * dilation + 1;
  const along = (size: Size): Size | undefined =>
    pad === 'same' ? strided(size, stride) : windowed(size, reach, stride, pad === '1' ? 2 : 0);
  const [h, w] = [along(x.h), along(x.w)];
  return h && w && { code: `${x.name} -> ${code}`, h, w, c };
}

const pool: Step = (x, { of }) => {
  const op = of('maxpool', 'avgpool');
  const k = of(2, 3);
  const stride = of(2, 1, 3);
  const pad = of('valid', 'same');
  const code = `${op}(${k}, stride = ${stride}, pad = ${pad})`;
  return convolved(x, code, { k, stride, dilation: 1, pad }, x.c);
};

const upsample: Step = (x, { of }) => {
  const factor = of(2, 3);
  if (x.h.n * factor > 32 || x.w.n * factor > 32) return undefined;
  const code = `${x.name} -> upsample(${factor}, ${of('nearest', 'bilinear')})`;
  return { code, h: doubled(x.h, factor), w: doubled(x.w, factor), c: x.c };
};

const resize: Step = (x, { of, others, fixed }) => {
  const mode = of('nearest', 'bilinear');
  const other = others[of(0, 1, 2)];
  if (other === undefined || !fixed) return undefined;
  const code = `${x.name} -> resize(${other.name}.height, ${other.name}.width, mode = ${mode})`;
  return { code, h: other.h, w: other.w, c: x.c };
};

const transposed: Step = (x, { of }) => {
  const c = of(...FILTERS);
  const k = of(2, 3);
  if (x.h.n > 16 || x.w.n > 16) return undefined;
  const code = `${x.name} -> convtranspose(${c}, k = ${k}, stride = 2)`;
  return { code, h: doubled(x.h, 2), w: doubled(x.w, 2), c };
};

const norm: Step = (x, { of }) => {
  // Without variance the norm enlarges rounding: eps alone decides.
  if (x.isFlat || x.h.n * x.w.n < 4) return undefined;
  const groups = [4, 3, 2, 1].find((n) => x.c % n === 0) ?? 1;
  return keep(
    x,
    of('batchnorm', `groupnorm(${groups})`, 'instancenorm', `groupnorm(${groups}, affine = false)`),
  );
};

const layernorm: Step = (x) => (x.c < 3 ? undefined : keep(x, 'layernorm'));

const activation: Step = (x, { of }) => keep(x, of(...ACTIVATIONS));

/** Over one channel it is 1 everywhere, and a norm of that is rounding enlarged. */
const softmax: Step = (x) => (x.c === 1 ? undefined : keep(x, 'softmax'));

const dropout: Step = (x, { of }) => ({
  ...keep(x, of('dropout(0.3)', 'spatialdropout(0.2)', 'identity')),
  upToConstant: x.upToConstant,
});

/** With a number, so that every engine meets constants. */
const scalar: Step = (x, { of }) => {
  const operator = of('*', '+', '-', '/');
  const { h, w, c, upToConstant } = x;
  const made = { code: `${x.name} ${operator} ${of('0.5', '2', '1.25', '-3')}`, h, w, c };
  return operator === '+' || operator === '-' ? { ...made, upToConstant } : made;
};

const join: Step = (x, { of, others }) => {
  const fitting = others.filter((y) => sameImage(x, y));
  const y = fitting[of(0, 1)] ?? fitting[0];
  if (y === undefined) return undefined;
  const { h, w } = x;
  const how = of('concat', 'add', 'mul', 'maximum', 'minimum', 'sub');
  if (how === 'concat') {
    return x.c + y.c > MOST_CHANNELS
      ? undefined
      : { code: `${y.name} -> concat(${x.name})`, h, w, c: x.c + y.c };
  }
  if (x.c !== y.c && x.c !== 1 && y.c !== 1) return undefined;
  const made = { code: `${how}(${x.name}, ${y.name})`, h, w, c: Math.max(x.c, y.c) };
  const isFlat = x.isFlat || (y.isFlat && how !== 'add' && how !== 'sub');
  const { upToConstant } = x;
  if (upToConstant !== y.upToConstant) return { ...made, isFlat };
  if (how === 'sub') return { ...made, isFlat: true };
  return { ...made, isFlat, ...(how !== 'add' && how !== 'mul' && { upToConstant }) };
};

const attend: Step = (x, { of }) => {
  const [op, fn] = [of('globalavgpool', 'globalmaxpool'), of('sigmoid', 'tanh', 'hardsigmoid')];
  return { code: `${x.name} * (${x.name} -> ${op} -> ${fn})`, h: x.h, w: x.w, c: x.c };
};

const center: Step = (x, { of }) => {
  const axes = of('height', 'width', 'channels', '[height, width]');
  const how = of('mean', 'max');
  const code = `${x.name} - (${x.name} -> ${how}(${axes}, keepdims = true))`;
  return { code, h: x.h, w: x.w, c: x.c };
};

const block: Step = (x, { of }) => {
  const c = of(...FILTERS);
  const same = of('sep(X)', 'sep(X, act = tanh)', 'conv(X) -> relu', 'dwconv(3) -> elu');
  const kept = same.replace('X', String(x.c));
  const code = of(
    `sep(${c}, ${of('ws', 'k = 5', 'act = silu')})`,
    `residual(${kept})`,
    'gate',
    `grow([2, ${of(1, 3)}])`,
    `(${kept}) * 2`,
  );
  const channels = code.startsWith('sep')
    ? c
    : code.startsWith('grow')
      ? x.c + 2 + Number(/, (\d)/.exec(code)?.[1])
      : x.c;
  if (channels > MOST_CHANNELS) return undefined;
  return { code: `${x.name} -> ${code}`, h: x.h, w: x.w, c: channels };
};

const rearrange: Step = (x, { of, fixed }) => {
  const { h, w, c } = x;
  const how = of('shuffle', 'pixels', 'space', 'slice', 'halves', 'transpose');
  switch (how) {
    case 'shuffle':
      return c % 2 === 0 ? keep(x, 'channelshuffle(2)') : undefined;
    case 'pixels':
      if (c % 4 !== 0 || h.n > 16 || w.n > 16) return undefined;
      return { code: `${x.name} -> pixelshuffle(2)`, h: doubled(h, 2), w: doubled(w, 2), c: c / 4 };
    case 'space': {
      const [a, b] = [half(h), half(w)];
      if (a === undefined || b === undefined || 4 * c > MOST_CHANNELS) return undefined;
      return { code: `${x.name} -> spacetodepth(2)`, h: a, w: b, c: 4 * c };
    }
    case 'slice':
      return c < 3 ? undefined : { code: `${x.name} -> slice(1, -1)`, h, w, c: c - 2 };
    case 'halves': {
      const code = `concat(reverse(split(${x.name}, 2)))`;
      return c % 2 === 0 ? { code, h, w, c } : undefined;
    }
    case 'transpose':
      return fixed
        ? { code: `${x.name} -> transpose([width, height, channels])`, h: w, w: h, c }
        : undefined;
  }
};

const border: Step = (x, { of }) => {
  const { h, w, c } = x;
  const larger = of(true, false);
  if (!larger && (h.n < 3 || w.n < 3)) return undefined;
  const mode = of('zero', 'edge', 'reflect');
  if (mode === 'reflect' && (h.n < 2 || w.n < 2)) return undefined;
  const code = larger ? `pad(1, mode = ${mode})` : 'crop(1)';
  const by = larger ? 2 : -2;
  return { code: `${x.name} -> ${code}`, h: unequal(h.n + by), w: unequal(w.n + by), c };
};

const dense: Step = (x, { of }) => {
  const c = of(...FILTERS);
  return { code: `${x.name} -> dense(${c})`, h: x.h, w: x.w, c };
};

/** Over the pixels as tokens, and back. */
const tokens: Step = (x, { of, fixed }) => {
  const { h, w, c } = x;
  if (!fixed || h.n * w.n > 64 || c < 2) return undefined;
  const heads = c % 2 === 0 ? of(1, 2) : 1;
  const code =
    `${x.name} -> reshape([${h.n * w.n}, ${c}]) -> ${of(`attention(${heads})`, 'layernorm')} -> ` +
    `reshape([${h.n}, ${w.n}, ${c}])`;
  return c < 3 && code.includes('layernorm') ? undefined : { code, h, w, c };
};

/** The first ones are what a program shrinks to. */
const STEPS: readonly Step[] = [
  ...[conv, activation, dwconv, pool, norm, join, upsample, block, scalar, conv, activation],
  ...[dense, transposed, resize, attend, center, rearrange, border, softmax, layernorm, dropout],
  ...[tokens, join, block],
];

const choices = fc.record({
  channels: fc.constantFrom(3, 1, 4, 2),
  height: fc.constantFrom(8, 4, 12),
  width: fc.constantFrom(8, 12, 4),
  fixed: fc.boolean(),
  steps: fc.array(fc.array(fc.nat(59), { minLength: 3, maxLength: 10 }), {
    minLength: 1,
    maxLength: 9,
  }),
  second: fc.nat(20),
});

/** What a binding is `upToConstant` by its code: equal code of equal operands, with weights or not. */
function expanded(code: string, bindings: readonly Binding[]): string {
  const of = (name: string): string => bindings.find((b) => b.name === name)?.upToConstant ?? name;
  return `(${code.replace(/\b(?:image|v\d+)\b/g, of)})`;
}

/** Programs of one model `Net`, well shaped by construction. */
export const randomProgram: fc.Arbitrary<string> = choices.map((chosen) => {
  const { channels, height, width, fixed } = chosen;
  const h: Size = { n: height, key: 'H/1' };
  const w: Size = { n: width, key: 'W/1' };
  const image = { name: 'image', h, w, c: channels, isFlat: false, upToConstant: 'image' };
  const bindings: Binding[] = [image];
  const lines: string[] = [];
  for (const [which = 0, from = 0, ...numbers] of chosen.steps) {
    const latest = [...bindings].reverse();
    // The latest most often, so that chains arise as well as branches.
    const x = latest[from < 40 ? 0 : from % latest.length];
    if (x === undefined) continue;
    let next = 0;
    const context: Context = {
      fixed,
      others: latest.filter((each) => each !== x),
      of: (...items) => {
        const item = items[(numbers[next++ % numbers.length] ?? 0) % items.length];
        return item === undefined ? items[0] : item;
      },
    };
    const made = STEPS[which % STEPS.length]?.(x, context);
    if (made === undefined) continue;
    const name = `v${bindings.length}`;
    lines.push(`  ${name} = ${made.code}`);
    const isFlat = made.isFlat ?? (x.isFlat || made.h.n * made.w.n === 1);
    const upToConstant = made.upToConstant ?? expanded(made.code, bindings);
    bindings.push({ name, h: made.h, w: made.w, c: made.c, isFlat, upToConstant });
  }
  const last = bindings.at(-1)?.name ?? 'image';
  const other = bindings[chosen.second]?.name;
  const outputs = [last, ...(other === undefined || other === last ? [] : [other])];
  const used = ['sep', 'residual', 'gate', 'grow'].some((name) => lines.join().includes(name));
  const axes = fixed ? `${height}, ${width}` : `H = ${height}, W = ${width}`;
  const facts = fixed ? '' : ' where H % 4 == 0, W % 4 == 0';
  return [
    ...(used ? [LIBRARY] : []),
    'model Net() {',
    `  input image: f32[${axes}, ${channels}]${facts}`,
    ...lines,
    ...outputs.map((name, i) => `  output y${i + 1} = ${name}`),
    '}',
    '',
  ].join('\n');
});
