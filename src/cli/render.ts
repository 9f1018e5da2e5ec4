/** Diagnostics as text for people: message, place, code frame, hints. */
import type { Diagnostic, Label, Severity } from '../compiler/diagnostic.js';
import { lineText, lineStarts, positionOf, type Source, type Span } from '../compiler/source.js';

export interface RenderOptions {
  /** Whether to use ANSI colours; none unless asked. */
  readonly color?: boolean;
  /** Columns of the terminal; longer source lines are cut around what is marked. */
  readonly width?: number;
}

const DEFAULT_WIDTH = 120;
/** However narrow the terminal, this much of a source line is shown. */
const MIN_SOURCE_WIDTH = 24;
const TAB_STOP = 4;
/** Of a span over more lines than this, only its first two and its last are shown. */
const MAX_SPAN_LINES = 4;

type Style = 'error' | 'warning' | 'label' | 'gutter' | 'help' | 'strong' | 'plain';

const SGR: Readonly<Record<Style, string>> = {
  error: '1;31',
  warning: '1;33',
  label: '1;34',
  gutter: '34',
  help: '36',
  strong: '1',
  plain: '',
};

/** Something said about a place; the primary one is marked `^^^`, the others `---`. */
interface Note {
  readonly span: Span;
  readonly message: string;
  readonly style: Style;
  readonly isPrimary: boolean;
}

/** The part of a note on one line, in columns of the terminal from 0; `end` is exclusive. */
interface Mark {
  readonly start: number;
  readonly end: number;
  readonly message: string;
  readonly style: Style;
  readonly isPrimary: boolean;
}

/** Diagnostics in their order, an empty line between two; ends with a line end unless empty. */
export function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  options: RenderOptions = {},
): string {
  return diagnostics.map((each) => renderDiagnostic(each, options)).join('\n');
}

/** `2 errors, 1 warning`; empty where there is neither. */
export function summarize(diagnostics: readonly Diagnostic[]): string {
  const count = (severity: Severity): string => {
    const n = diagnostics.filter((d) => d.severity === severity).length;
    return n === 0 ? '' : `${n} ${severity}${n === 1 ? '' : 's'}`;
  };
  return [count('error'), count('warning')].filter((part) => part !== '').join(', ');
}

function renderDiagnostic(diagnostic: Diagnostic, options: RenderOptions): string {
  const paint = (style: Style, text: string): string =>
    options.color === true && style !== 'plain' && text !== ''
      ? `\u001b[${SGR[style]}m${text}\u001b[0m`
      : text;
  const { severity, code } = diagnostic;
  const message = printable(diagnostic.message).replaceAll('\n', '\n  ');
  const lines = [`${paint(severity, `${severity}[${code}]`)}${paint('strong', `: ${message}`)}`];

  const frames = bySource(notesOf(diagnostic)).map((notes) => ({ notes, rows: rowsOf(notes) }));
  const lastLine = Math.max(0, ...frames.flatMap(({ rows }) => rows.map((row) => row.line)));
  const gutterWidth = Math.max(1, String(lastLine).length);
  const gutter = (text: string): string => paint('gutter', text.padStart(gutterWidth));
  const bar = ` ${gutter('')} ${paint('gutter', '|')}`;
  const sourceWidth = Math.max(
    MIN_SOURCE_WIDTH,
    (options.width ?? DEFAULT_WIDTH) - gutterWidth - ' '.length * 2 - '| '.length,
  );

  frames.forEach(({ notes, rows }, index) => {
    const arrow = index === 0 ? '-->' : ':::';
    lines.push(` ${gutter('')}${paint('gutter', arrow)} ${locationOf(notes)}`, bar);
    let previous: number | undefined;
    for (const { source, line, notes: notesHere } of rows) {
      if (previous !== undefined && line > previous + 1) lines.push(paint('gutter', '...'));
      previous = line;
      const { text, marks } = layOut(lineText(source, line), notesHere, source, line, sourceWidth);
      lines.push(
        ` ${gutter(String(line))} ${paint('gutter', '|')}${text === '' ? '' : ` ${text}`}`,
      );
      for (const row of drawMarks(marks, paint)) lines.push(`${bar} ${row}`);
    }
  });
  if (frames.length > 0 && diagnostic.hints.length > 0) lines.push(bar);
  const indent = frames.length > 0 ? ` ${gutter('')} ` : '  ';
  for (const hint of diagnostic.hints) {
    const text = printable(hint).replaceAll('\n', `\n${' '.repeat(gutterWidth + 10)}`);
    lines.push(`${indent}${paint('gutter', '=')} ${paint('help', 'help')}: ${text}`);
  }
  return `${lines.join('\n')}\n`;
}

function notesOf(diagnostic: Diagnostic): Note[] {
  const label = ({ span, message }: Label): Note => ({
    span,
    message: printable(message).replaceAll('\n', ' '),
    style: 'label',
    isPrimary: false,
  });
  const { span, severity } = diagnostic;
  const primary: Note[] =
    span === undefined ? [] : [{ span, message: '', style: severity, isPrimary: true }];
  return [...primary, ...diagnostic.labels.map(label)];
}

/** Groups by file, that of the first note first. */
function bySource(notes: readonly Note[]): Note[][] {
  const groups = new Map<string, Note[]>();
  for (const note of notes) {
    const { path } = note.span.source;
    const group = groups.get(path);
    if (group === undefined) groups.set(path, [note]);
    else group.push(note);
  }
  return [...groups.values()];
}

function locationOf([first]: readonly Note[]): string {
  if (first === undefined) return '';
  const { source } = first.span;
  const { line, column } = positionOf(source, clampSpan(first.span).start);
  return `${printable(source.path)}:${line}:${column}`;
}

interface Row {
  readonly source: Source;
  readonly line: number;
  readonly notes: readonly Note[];
}

/** The lines to show, in order, each with the notes that touch it. */
function rowsOf(notes: readonly Note[]): Row[] {
  const rows = new Map<number, { source: Source; line: number; notes: Note[] }>();
  const rowAt = (source: Source, line: number): Note[] => {
    const row = rows.get(line) ?? { source, line, notes: [] };
    rows.set(line, row);
    return row.notes;
  };
  for (const note of notes) {
    const { source } = note.span;
    const { first, last } = linesOf(note.span);
    for (let line = first; line <= last; line++) {
      if (last - first < MAX_SPAN_LINES || line < first + 2 || line === last) {
        rowAt(source, line).push(note);
      } else {
        line = last - 1;
      }
    }
  }
  const sorted = [...rows.values()].sort((a, b) => a.line - b.line);
  // A single line between two shown ones is no longer than the `...` in its place.
  return sorted.flatMap((row, index) => {
    const next = sorted[index + 1];
    return next?.line === row.line + 2
      ? [row, { source: row.source, line: row.line + 1, notes: [] }]
      : [row];
  });
}

/** A span with offsets inside its text, the end not before the start nor behind blank lines. */
function clampSpan({ source, start, end }: Span): { start: number; end: number } {
  const clamp = (offset: number): number =>
    Math.max(0, Math.min(Math.trunc(offset) || 0, source.text.length));
  const from = clamp(start);
  const to = Math.max(from, clamp(end));
  let visible = to;
  while (visible > from + 1 && /\s/.test(source.text.charAt(visible - 1))) visible--;
  return { start: from, end: source.text.slice(visible, to).includes('\n') ? visible : to };
}

/** The first and the last line of a span. */
function linesOf(span: Span): { first: number; last: number } {
  const { start, end } = clampSpan(span);
  const first = positionOf(span.source, start).line;
  const last = positionOf(span.source, end === start ? end : end - 1).line;
  return { first, last };
}

/** The text of a line as it is printed, and where in it the notes are. */
function layOut(
  text: string,
  notes: readonly Note[],
  source: Source,
  line: number,
  width: number,
): { text: string; marks: Mark[] } {
  const cells = cellsOf(text);
  const lineStart = lineStarts(source)[line - 1] ?? 0;
  const marks = notes.flatMap((note): Mark[] => {
    const { start, end } = clampSpan(note.span);
    const { first, last } = linesOf(note.span);
    const indent = text.length - text.trimStart().length;
    const from = line === first ? start - lineStart : indent;
    const to = line === last ? end - lineStart : text.trimEnd().length;
    // A blank line inside a span has nothing to underline.
    if (first !== last && from >= to && line !== last) return [];
    const column = columnOf(cells, Math.min(from, text.length));
    const endColumn = columnOf(cells, Math.min(Math.max(from, to), text.length));
    return [
      {
        start: column,
        end: Math.max(column + 1, endColumn),
        message: line === last ? note.message : '',
        style: note.style,
        isPrimary: note.isPrimary,
      },
    ];
  });
  return cut(cells, marks, width);
}

/** One character as a person sees it: where it starts in the line, what is printed, where. */
interface Cell {
  readonly offset: number;
  readonly text: string;
  readonly column: number;
  readonly width: number;
}

let segmenter: Intl.Segmenter | undefined;

/** Characters of a line with their columns, closed by an empty cell at its end. */
function cellsOf(text: string): Cell[] {
  const cells: Cell[] = [];
  let column = 0;
  const push = (offset: number, character: string): void => {
    const shown =
      character === '\t' ? ' '.repeat(TAB_STOP - (column % TAB_STOP)) : printable(character);
    const width = character === '\t' ? shown.length : widthOf(shown);
    cells.push({ offset, text: shown, column, width });
    column += width;
  };
  // eslint-disable-next-line no-control-regex -- all of ASCII, where each unit is a character
  if (/^[\x00-\x7f]*$/.test(text)) {
    for (let offset = 0; offset < text.length; offset++) push(offset, text.charAt(offset));
  } else {
    segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
    for (const { index, segment } of segmenter.segment(text)) push(index, segment);
  }
  cells.push({ offset: text.length, text: '', column, width: 0 });
  return cells;
}

/** The column of an offset in the line; one inside a character is at that character. */
function columnOf(cells: readonly Cell[], offset: number): number {
  let low = 0;
  let high = cells.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((cells[middle]?.offset ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return cells[low]?.column ?? 0;
}

/** Characters that move the cursor, hide text or turn its direction; shown as U+FFFD. */
const UNPRINTABLE =
  // eslint-disable-next-line no-control-regex -- these are what it looks for
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

function printable(text: string): string {
  return text.replace(UNPRINTABLE, '\ufffd');
}

/** East Asian wide and full-width characters (Unicode Standard Annex 11), in the large. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\ufe0f/u;

/** The columns that one character takes in a terminal. */
function widthOf(character: string): number {
  if (WIDE.test(character)) return 2;
  return /^[\p{Mn}\p{Me}\p{Cf}]+$/u.test(character) ? 0 : 1;
}

/** Cuts a line to `width` columns around its marks; `…` stands for what was cut. */
function cut(
  cells: readonly Cell[],
  marks: readonly Mark[],
  width: number,
): { text: string; marks: Mark[] } {
  const total = cells.at(-1)?.column ?? 0;
  const join = (part: readonly Cell[]): string => part.map((cell) => cell.text).join('');
  // A mark after the last character needs a column too.
  if (total < width) return { text: join(cells).trimEnd(), marks: [...marks] };

  const focus = marks.find((mark) => mark.isPrimary) ?? marks[0];
  const focusStart = focus?.start ?? 0;
  const focusWidth = Math.min((focus?.end ?? 1) - focusStart, width);
  const ideal = focusStart - Math.floor((width - focusWidth) / 2);
  const from = Math.max(0, Math.min(ideal, total - width + 2));
  const to = from + width - 1;
  const cutBefore = from > 0;
  const cutAfter = to < total;
  const inner = cells.filter(
    ({ column, width: columns }) =>
      column >= from + (cutBefore ? 1 : 0) && column + columns <= to - (cutAfter ? 1 : 0),
  );
  // A wide character that the cut parts leaves a column to fill.
  const filler = ' '.repeat(Math.max(0, (inner[0]?.column ?? from) - from - (cutBefore ? 1 : 0)));
  const text = `${cutBefore ? '…' : ''}${filler}${join(inner)}${cutAfter ? '…' : ''}`.trimEnd();
  const place = (column: number, low: number, high: number): number =>
    Math.max(low, Math.min(column, high)) - from;
  return {
    text,
    marks: marks.map((mark) => ({
      ...mark,
      start: place(mark.start, from, to - 1),
      end: place(mark.end, Math.min(Math.max(mark.start, from), to - 1) + 1, to),
    })),
  };
}

/**
 * The rows below a source line: underlines, the last mark's message behind them, and each other
 * message on a row of its own, joined to its mark by `|`.
 */
function drawMarks(
  marks: readonly Mark[],
  paint: (style: Style, text: string) => string,
): string[] {
  if (marks.length === 0) return [];
  // What is painted last stays on top: the shorter, and of two of one length the primary.
  const layers = [...marks].sort(
    (a, b) => b.end - b.start - (a.end - a.start) || Number(a.isPrimary) - Number(b.isPrimary),
  );
  const underlines: Piece[] = [];
  for (const { start, end, isPrimary, style } of layers) {
    for (let column = start; column < end; column++) {
      underlines[column] = { text: isPrimary ? '^' : '-', style };
    }
  }
  // From right to left, so that no message runs over another's mark.
  const speaking = layers.filter((mark) => mark.message !== '').sort((a, b) => b.start - a.start);
  const [last] = speaking;
  const farthest = Math.max(...marks.map((mark) => mark.end));
  const isInline = last !== undefined && last.end === farthest;
  if (isInline) underlines[farthest + 1] = { text: last.message, style: last.style };
  const hanging = isInline ? speaking.slice(1) : speaking;

  const rows = [underlines];
  hanging.forEach((mark, index) => {
    const row: Piece[] = [];
    for (const { start, style } of hanging.slice(index)) row[start] = { text: '|', style };
    if (index === 0) rows.push([...row]);
    row[mark.start] = { text: mark.message, style: mark.style };
    rows.push(row);
  });
  return rows.map((row) => drawRow(row, paint));
}

interface Piece {
  readonly text: string;
  readonly style: Style;
}

/** Pieces at their columns; neighbours of one style are painted at once. */
function drawRow(row: readonly Piece[], paint: (style: Style, text: string) => string): string {
  let result = '';
  let run: Piece = { text: '', style: 'plain' };
  for (let column = 0; column < row.length; column++) {
    const piece: Piece = row[column] ?? { text: ' ', style: 'plain' };
    if (piece.style !== run.style) {
      result += paint(run.style, run.text);
      run = piece;
    } else {
      run = { text: run.text + piece.text, style: run.style };
    }
  }
  return result + paint(run.style, run.text);
}
