/** Syntax trees as short S-expressions, and without places for comparing. */
import type {
  Argument,
  Declaration,
  Expression,
  File,
  Parameter,
  Statement,
  TrainDeclaration,
  TypeExpression,
} from '../../src/compiler/ast.js';

/** The tree without spans: equal for texts that differ only in layout. */
export function withoutPlaces(tree: File): unknown {
  const places = new Set(['span', 'pathSpan', 'source']);
  return JSON.parse(
    JSON.stringify(tree, (key, value: unknown) => (places.has(key) ? undefined : value)),
  );
}

/** `(call conv 64 k=1)`, `(pipe in (call relu))`: the shape of an expression on one line. */
export function showExpression(e: Expression): string {
  switch (e.kind) {
    case 'number':
      return e.integer ? String(e.value) : `${e.value}f`;
    case 'string':
      return JSON.stringify(e.value);
    case 'bool':
      return String(e.value);
    case 'none':
    case 'in':
      return e.kind;
    case 'name':
      return e.name;
    case 'list':
      return `[${e.items.map(showExpression).join(' ')}]`;
    case 'pipe':
      return `(-> ${e.stages.map(showExpression).join(' ')})`;
    case 'if':
      return `(if ${showExpression(e.condition)} ${showExpression(e.then)} ${showExpression(e.else)})`;
    case 'range':
      return `(.. ${e.start === undefined ? '_' : showExpression(e.start)} ${e.end === undefined ? '_' : showExpression(e.end)})`;
    case 'binary':
      return `(${e.operator} ${showExpression(e.left)} ${showExpression(e.right)})`;
    case 'unary':
      return `(${e.operator} ${showExpression(e.operand)})`;
    case 'call':
      return `(${['call', showExpression(e.callee), ...e.args.map(showArgument)].join(' ')})`;
    case 'index':
      return `(at ${showExpression(e.object)} ${showExpression(e.index)})`;
    case 'member':
      return `(. ${showExpression(e.object)} ${e.name.text})`;
  }
}

function showArgument({ name, value }: Argument): string {
  return `${name === undefined ? '' : `${name.text}=`}${showExpression(value)}`;
}

function showType(t: TypeExpression): string {
  return (t.kind === 'named' ? t.name : `[${showType(t.item)}]`) + (t.optional ? '?' : '');
}

function showParameter(p: Parameter): string {
  const type = p.type === undefined ? '' : `:${showType(p.type)}`;
  const value = p.default === undefined ? '' : `=${showExpression(p.default)}`;
  return p.name.text + type + value + showDoc(p.doc);
}

function showDoc(doc: string): string {
  return doc === '' ? '' : ` ;${JSON.stringify(doc)}`;
}

function showBody(statements: readonly Statement[]): string {
  return `{${statements.map(showStatement).join(' ')}}`;
}

export function showStatement(s: Statement): string {
  switch (s.kind) {
    case 'assign':
      return `(${s.operator} ${s.targets.map((t) => t.text).join(',')} ${showExpression(s.value)}${showDoc(s.doc)})`;
    case 'shared':
    case 'output':
      return `(${s.kind} ${s.name.text} ${showExpression(s.value)}${showDoc(s.doc)})`;
    case 'input': {
      const axes = s.axes.map(({ size, defaultSize }) => {
        const value = defaultSize === undefined ? '' : `=${showExpression(defaultSize)}`;
        return showExpression(size) + value;
      });
      const where = s.facts.length === 0 ? '' : ` where ${s.facts.map(showExpression).join(' ')}`;
      return `(input ${s.name.text} ${s.dtype.text}[${axes.join(' ')}]${where}${showDoc(s.doc)})`;
    }
    case 'expect':
      return `(expect ${showExpression(s.condition)})`;
    case 'return':
      return `(return ${showExpression(s.value)})`;
    case 'for':
      return `(for ${s.targets.map((t) => t.text).join(',')} ${showExpression(s.items)} ${showBody(s.body)})`;
    case 'if':
      return `(if ${showExpression(s.condition)} ${showBody(s.then)} ${showBody(s.else)})`;
  }
}

export function showDeclaration(d: Declaration): string {
  const head = `${d.kind} ${d.name.text}`;
  if (d.damaged) return `(${head} damaged)`;
  if (d.kind === 'const') return `(${head} ${showExpression(d.value)}${showDoc(d.doc)})`;
  const parameters = d.parameters.map(showParameter).join(', ');
  const body = 'kind' in d.body ? showExpression(d.body) : showBody(d.body);
  return `(${head}(${parameters}) ${body}${showDoc(d.doc)})`;
}

function showRecipe(d: TrainDeclaration): string {
  const head = `train ${d.name.text}`;
  if (d.damaged) return `(${head} damaged)`;
  const parameters = d.parameters.map(showParameter).join(', ');
  return `(${head}(${parameters}) ${showExpression(d.model)} ${showBody(d.body)}${showDoc(d.doc)})`;
}

/** A line for each import, declaration and recipe. */
export function showFile(file: File): string {
  const imports = file.imports.map(({ path, names, module }) => {
    const list = names.map(({ name, local }) =>
      name.text === local.text ? name.text : `${name.text}:${local.text}`,
    );
    return `(import ${JSON.stringify(path)} ${module === undefined ? list.join(' ') : `* ${module.text}`})`;
  });
  const recipes = file.recipes.map(showRecipe);
  return [...imports, ...file.declarations.map(showDeclaration), ...recipes].join('\n');
}
