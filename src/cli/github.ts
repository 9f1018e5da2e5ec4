/** Diagnostics as workflow commands, which GitHub Actions shows beside the lines of a change. */
import { CODES } from '../compiler/codes.js';
import type { Diagnostic } from '../compiler/diagnostic.js';
import { formatLocation } from '../compiler/source.js';
import { rangeOf } from '../tables/json.js';

/** One line per diagnostic: `::error file=…,line=…,col=…,endLine=…,endColumn=…,title=…::message`. */
export function githubCommands(diagnostics: readonly Diagnostic[]): string {
  return diagnostics.map((each) => `${command(each)}\n`).join('');
}

function command(diagnostic: Diagnostic): string {
  const { code, severity, message, span, file, labels, hints } = diagnostic;
  const properties: [name: string, value: string | number][] = [];
  if (file !== undefined) properties.push(['file', file]);
  if (span !== undefined) {
    const { start, end } = rangeOf(span);
    properties.push(['file', span.source.path], ['line', start.line]);
    // The runner refuses columns of a range over several lines.
    if (start.line === end.line) {
      properties.push(['col', start.column], ['endLine', end.line], ['endColumn', end.column]);
    } else {
      properties.push(['endLine', end.line]);
    }
  }
  properties.push(['title', `${CODES[code].title} (${code})`]);
  const list = properties.map(([name, value]) => `${name}=${escapeProperty(String(value))}`);
  const text = [
    message,
    ...labels.map((label) => `${formatLocation(label.span)}: ${label.message}`),
    ...hints.map((hint) => `help: ${hint}`),
  ].join('\n');
  return `::${severity} ${list.join(',')}::${escapeData(text)}`;
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
