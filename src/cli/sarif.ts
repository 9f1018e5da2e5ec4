/** Diagnostics as SARIF 2.1.0 (OASIS), which code scanning services and editors read. */
import { CODES, type Code } from '../compiler/codes.js';
import type { Diagnostic } from '../compiler/diagnostic.js';
import type { Span } from '../compiler/source.js';
import { rangeOf } from '../tables/json.js';

const SCHEMA =
  'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json';

/** A SARIF log with one run; its rules are the codes that occur, in order of appearance. */
export function sarifLog(diagnostics: readonly Diagnostic[], version: string): object {
  const codes = [...new Set(diagnostics.map((d) => d.code))];
  return {
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'archc', version, rules: codes.map(rule) } },
        columnKind: 'utf16CodeUnits',
        results: diagnostics.map((d) => result(d, codes.indexOf(d.code))),
      },
    ],
  };
}

function rule(code: Code): object {
  const { severity, title, explanation } = CODES[code];
  return {
    id: code,
    shortDescription: { text: title },
    // Explanations are Markdown that reads as plain text too.
    fullDescription: { text: explanation, markdown: explanation },
    help: { text: explanation, markdown: explanation },
    defaultConfiguration: { level: severity },
  };
}

function result(diagnostic: Diagnostic, ruleIndex: number): object {
  const { code, severity, message, span, file, labels, hints } = diagnostic;
  return {
    ruleId: code,
    ruleIndex,
    level: severity,
    message: { text: [message, ...hints.map((hint) => `help: ${hint}`)].join('\n') },
    ...(span === undefined ? {} : { locations: [{ physicalLocation: location(span) }] }),
    ...(file === undefined
      ? {}
      : { locations: [{ physicalLocation: { artifactLocation: { uri: fileUri(file) } } }] }),
    ...(labels.length === 0
      ? {}
      : {
          relatedLocations: labels.map((label, index) => ({
            id: index + 1,
            physicalLocation: location(label.span),
            message: { text: label.message },
          })),
        }),
  };
}

function location(span: Span): object {
  const { start, end } = rangeOf(span);
  return {
    artifactLocation: { uri: fileUri(span.source.path) },
    region: {
      startLine: start.line,
      startColumn: start.column,
      endLine: end.line,
      // SARIF's end column is exclusive too (section 3.30.8).
      endColumn: end.column,
    },
  };
}

/** A relative reference for a relative path, a `file:` URI for an absolute one (RFC 3986, 8089). */
function fileUri(path: string): string {
  // Half a surrogate pair has no encoding.
  const slashes = path.replaceAll('\\', '/').replace(/\p{Surrogate}/gu, '\ufffd');
  const drive = /^[A-Za-z]:\//.test(slashes);
  const encoded = slashes
    .split('/')
    .map((part, index) => (drive && index === 0 ? part : encodeURIComponent(part)))
    .join('/');
  if (drive) return `file:///${encoded}`;
  return encoded.startsWith('/') ? `file://${encoded}` : encoded;
}
