/** `expect`: claims beside what the compiler finds. */
import { binary, wantBool } from './arithmetic.js';
import { groupDigits } from './constant.js';
import type { Expression, ModelDeclaration } from './ast.js';
import type { Sized } from './check.js';
import type { Device } from './device.js';
import { diagnostic, type Diagnostic, type Outcome } from './diagnostic.js';
import type { ElaboratedModel } from './elaborate.js';
import { POISON, describeEntity, type Entity } from './entity.js';
import { evaluate } from './evaluate.js';
import type { Graph } from './ir.js';
import { CLAIM_NAMES, examine, metricOf, needsDevice, weightMetric } from './metrics.js';
import type { Module } from './modules.js';
import { report, type Frame } from './session.js';
import { evaluate as evaluateDim, isSymbolic, symbolsOf, type Dim } from './shape.js';
import type { Span } from './source.js';
import type { ModelStats } from './stats.js';

export interface ClaimResult {
  readonly span: Span;
  /** As written: `params <= 20k`. */
  readonly text: string;
  /** Undefined where it could not be evaluated; a diagnostic says why. */
  readonly holds: boolean | undefined;
  /** `params is 18,241`: the sides that are not written out. */
  readonly found: string;
}

/** The figures of a graph; one that asks twice should not wait twice. */
export type Figures = (graph: Graph) => Outcome<ModelStats>;
/** Another model, as `UNet.params` speaks of it. */
interface Compared {
  readonly model: ElaboratedModel;
  readonly sized: Sized;
}
/** Another model, at the sizes of the one that claims where it has such symbols. */
export type Compare = (declaration: ModelDeclaration, module: Module, claimant: Sized) => Compared;

/** Checks every claim of a model at the chosen sizes. */
export function checkClaims(
  model: ElaboratedModel,
  sized: Sized,
  compare: Compare,
  figures: Figures,
  device: Device | undefined,
): { readonly results: readonly ClaimResult[]; readonly diagnostics: readonly Diagnostic[] } {
  const results: ClaimResult[] = [];
  const diagnostics: Diagnostic[] = [];
  if (model.graph === undefined || sized.diagnostics.length > 0) return { results, diagnostics };
  for (const { condition, span, frame } of model.claims) {
    const before = frame.session.diagnostics.length;
    const claimFrame = withFigures(model, frame, span, sized, figures, compare, device);
    const result = checkClaimInStack(condition, claimFrame);
    const text = condition.span.source.text.slice(condition.span.start, condition.span.end);
    results.push({ span, text, ...result });
    diagnostics.push(...frame.session.diagnostics.slice(before));
    if (result.holds === false) {
      diagnostics.push(
        diagnostic(
          'expectation-failed',
          // Where both sides are written out, there is nothing to add.
          `expected ${text}, ${result.found === '' ? 'which is false' : `but ${result.found}`}`,
          { span: condition.span },
        ),
      );
    }
  }
  return { results, diagnostics };
}

function withFigures(
  model: ElaboratedModel,
  frame: Frame,
  span: Span,
  sized: Sized,
  figures: Figures,
  compare: Compare,
  device: Device | undefined,
): Frame {
  const fail = (diagnostics: readonly Diagnostic[]): Entity => {
    for (const d of diagnostics) report(frame, d.code, d.message, d.span ?? span, d);
    return POISON;
  };
  const figure = (
    name: string,
    graph: Graph | undefined,
    of: Sized,
    what: string,
  ): Entity | undefined => {
    if (!CLAIM_NAMES.includes(name)) return undefined;
    if (needsDevice(name) && device === undefined) {
      return report(
        frame,
        'device-needed',
        `this claim is not checked: \`${what}\` needs a device`,
        span,
        {
          hints: ['name one: `archc check FILE --device DEVICE.json`'],
        },
      );
    }
    if (of.graph === undefined) {
      const weights = graph === undefined ? undefined : weightMetric(graph, name);
      if (weights !== undefined) return { type: 'int', value: weights };
      const [problem] = of.diagnostics;
      if (problem !== undefined) {
        const message = `${what} cannot be taken: ${problem.message}`;
        return report(frame, problem.code, message, span, {
          labels:
            problem.span === undefined
              ? []
              : [{ span: problem.span, message: 'this rules it out' }],
          hints: problem.hints,
        });
      }
      return report(frame, 'size-needed', `${what} depends on sizes that have no default`, span, {
        hints: ['pass `--size H=512,W=512`, or give the symbols of the input defaults: `H = 512`'],
      });
    }
    const counted = figures(of.graph);
    if (!counted.ok) return fail(counted.diagnostics);
    const value = metricOf(counted.value, name);
    if (value !== undefined) return { type: 'int', value };
    const examined = examine(of.graph, name, device);
    if (examined === undefined) return undefined;
    if (!examined.ok) return fail(examined.diagnostics);
    return { type: needsDevice(name) ? 'float' : 'int', value: examined.value };
  };
  return {
    ...frame,
    metrics: (name) => figure(name, model.graph, sized, name),
    concretize: (dim) => concretize(dim, sized),
    modelMetric(entity, name, at) {
      if (entity.type !== 'model') return undefined;
      const { declaration, module, given } = entity;
      if (given.size > 0) {
        return report(
          frame,
          'unknown-member',
          'a figure of a model with arguments has no name',
          at,
          {
            hints: ['declare the variant: `model Name = Other(…)`, and write `Name.params`'],
          },
        );
      }
      const other = compare(declaration, module, sized);
      if (other.model.graph === undefined) return POISON;
      const what = `${declaration.name.text}.${name}`;
      return figure(name, other.model.graph, other.sized, what);
    },
  };
}

function concretize(dim: Dim, { sizes }: Sized): Dim {
  if (!isSymbolic(dim) || sizes === undefined) return dim;
  for (const name of symbolsOf(dim).keys()) if (!sizes.has(name)) return dim;
  return evaluateDim(dim, sizes);
}

const COMPARISONS: readonly string[] = ['==', '!=', '<', '<=', '>', '>='];

/** A claim may be the first to ask for constants that refer to each other in a long row. */
function checkClaimInStack(condition: Expression, frame: Frame): ReturnType<typeof checkClaim> {
  try {
    return checkClaim(condition, frame);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const { constants } = frame.session;
    for (const [constant, value] of constants)
      if (value === 'evaluating') constants.delete(constant);
    report(frame, 'too-deep', 'this claim leads through too many constants', condition.span);
    return { holds: undefined, found: '' };
  }
}

function checkClaim(
  condition: Expression,
  frame: Frame,
): { readonly holds: boolean | undefined; readonly found: string } {
  if (condition.kind !== 'binary' || !COMPARISONS.includes(condition.operator)) {
    const entity = evaluate(condition, frame);
    if (entity.type === 'poison') return { holds: undefined, found: '' };
    const value = wantBool(entity, 'a claim');
    if (typeof value === 'boolean') return { holds: value, found: 'it is false' };
    report(frame, value.code, value.message, condition.span);
    return { holds: undefined, found: '' };
  }
  const sides = [condition.left, condition.right].map((expression) => ({
    expression,
    entity: evaluate(expression, frame),
  }));
  const [left, right] = sides;
  if (left === undefined || right === undefined) return { holds: undefined, found: '' };
  const found = sides
    .filter(({ expression }) => !isWrittenOut(expression))
    .map(({ expression, entity }) => {
      const { source, start, end } = expression.span;
      return `${source.text.slice(start, end)} is ${describeFigure(entity, frame)}`;
    })
    .join(' and ');
  const result = binary(condition.operator, left.entity, right.entity, frame.concretize);
  if (result.type === 'failure') {
    report(frame, result.code, result.message, condition.span, { hints: result.hints });
    return { holds: undefined, found };
  }
  return { holds: result.type === 'bool' ? result.value : undefined, found };
}

function isWrittenOut(expression: Expression): boolean {
  return expression.kind === 'number' || expression.kind === 'string' || expression.kind === 'bool';
}

/** A figure with its digits grouped, as papers print it. */
function describeFigure(entity: Entity, frame: Frame): string {
  const value =
    entity.type === 'int' ? (frame.concretize?.(entity.value) ?? entity.value) : undefined;
  if (typeof value === 'number') return groupDigits(value);
  return describeEntity(entity);
}
