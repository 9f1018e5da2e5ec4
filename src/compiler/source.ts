/** Source texts and places in them. */

export interface Source {
  /** The name shown to the user, relative to where the command ran: `models/sdunet.arch`. */
  readonly path: string;
  readonly text: string;
  /**
   * What artifacts call it, wherever the command ran: relative to the folder of the program's own
   * file, whose name is that of `path` without folders unless given.
   */
  readonly name?: string;
}

/** A half-open range of UTF-16 offsets in one source. */
export interface Span {
  readonly source: Source;
  readonly start: number;
  readonly end: number;
}

/** A place for people: both count from 1; `column` counts UTF-16 units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

const lineStartsBySource = new WeakMap<Source, readonly number[]>();

/** Offsets at which the lines of `source` start. Computed once for a source. */
export function lineStarts(source: Source): readonly number[] {
  let starts = lineStartsBySource.get(source);
  if (starts === undefined) {
    const found = [0];
    for (let i = source.text.indexOf('\n'); i !== -1; i = source.text.indexOf('\n', i + 1)) {
      found.push(i + 1);
    }
    starts = found;
    lineStartsBySource.set(source, starts);
  }
  return starts;
}

/** The line and column of an offset. Offsets past the end give the end of the text. */
export function positionOf(source: Source, offset: number): Position {
  const starts = lineStarts(source);
  const at = Math.max(0, Math.min(offset, source.text.length));
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= at) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: at - (starts[low] ?? 0) + 1 };
}

/** The text of a line (from 1), without its line end. */
export function lineText(source: Source, line: number): string {
  const starts = lineStarts(source);
  const start = starts[line - 1];
  if (start === undefined) return '';
  const end = starts[line];
  return source.text.slice(start, end === undefined ? undefined : end - 1).replace(/\r$/, '');
}

/** `models/sdunet.arch:12:8`, the form in which stats and backends name a place. */
export function formatLocation(span: Span): string {
  const { line, column } = positionOf(span.source, span.start);
  return `${span.source.path}:${line}:${column}`;
}

/** As `formatLocation`, in an artifact: by the file's name there. */
export function artifactLocation({ source, start }: Span): string {
  const { line, column } = positionOf(source, start);
  return `${artifactName(source)}:${line}:${column}`;
}

/** The name of a file in artifacts. */
export function artifactName({ name, path }: Source): string {
  return name ?? baseName(path);
}

/** The same file gives the same bytes wherever it lies. */
export function baseName(path: string): string {
  return path.split(/[/\\]/).at(-1) ?? path;
}

/** The smallest span that holds both; they must be of one source. */
export function joinSpans(a: Span, b: Span): Span {
  return { source: a.source, start: Math.min(a.start, b.start), end: Math.max(a.end, b.end) };
}
