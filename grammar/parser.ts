/** The rules of the language, as a Chevrotain grammar. `arch.ebnf` and the railroad page follow it. */
import {
  CstParser,
  EOF,
  LLkLookaheadStrategy,
  Lexer,
  type ILexingResult,
  type ILookaheadStrategy,
  type IParserErrorMessageProvider,
} from 'chevrotain';
import * as t from './tokens.js';

/**
 * Text to tokens. They carry offsets only; lines and columns are worked out when someone asks.
 */
export function createLexer(validate = false): (text: string) => ILexingResult {
  const lexer = new Lexer(t.allTokens, {
    positionTracking: 'onlyOffset',
    ensureOptimizations: true,
    // As with the parser: a test does it.
    skipValidations: !validate,
  });
  return (text) => {
    const result = lexer.tokenize(text);
    // Chevrotain leaves the ends out, and takes the ends of syntax nodes from them.
    for (const token of result.tokens) {
      token.endOffset = token.startOffset + token.image.length - 1;
    }
    return result;
  };
}

/** What is expected where a rule has several ways to go on. */
const RULE_TITLES: Readonly<Record<string, string>> = {
  declaration: '`import`, `const`, `block`, `model` or `train`',
  importDeclaration: 'names to import, or a path in double quotes',
  blockDeclaration: '`=` and an expression, or `{`',
  modelDeclaration: '`=` and a model, or `{`',
  type: 'a type, such as `int` or `[block]`',
  statement: 'a statement or `}`',
  assignment: '`=` or `+=`',
  forStatement: 'a name',
  ifStatement: '`if` or `{`',
  inputStatement: 'an expression',
  expression: 'an expression',
  operand: 'an expression',
  pipeStage: 'an expression',
};

/** The messages of the parser name what was expected; who reads them sees what was found. */
const messages: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected, ruleName }) =>
    // A body is closed by `}`, but most often something else was meant to be a statement.
    ruleName === 'body' && expected === t.RightBrace ? title('statement') : spelling(expected),
  buildNotAllInputParsedMessage: () => title('declaration'),
  buildNoViableAltMessage: ({ ruleName }) => title(ruleName),
  buildEarlyExitMessage: ({ ruleName }) => title(ruleName),
};

function title(rule: string): string {
  return RULE_TITLES[rule] ?? 'something else';
}

function spelling(token: { name: string; PATTERN?: unknown }): string {
  if (token.name === t.Identifier.name) return 'a name';
  if (token.name === t.StringLiteral.name) return 'a string in double quotes';
  if (token.name === EOF.name) return 'the end';
  return typeof token.PATTERN === 'string' ? `\`${token.PATTERN}\`` : token.name;
}

/**
 * Chevrotain decides before the first parse what may follow at every choice. A file meets half of
 * them, so each is decided where a parse first comes to it: `archc check` starts sooner.
 */
function lazyLookahead(): ILookaheadStrategy {
  const strategy = new LLkLookaheadStrategy({ maxLookahead: 2 });
  return {
    validate: (options) => strategy.validate(options),
    buildLookaheadForAlternation(options) {
      let decide: ReturnType<ILookaheadStrategy['buildLookaheadForAlternation']> | undefined;
      return function (this: unknown, alternatives) {
        decide ??= strategy.buildLookaheadForAlternation(options);
        return decide.call(this, alternatives);
      };
    },
    buildLookaheadForOptional(options) {
      let decide: ReturnType<ILookaheadStrategy['buildLookaheadForOptional']> | undefined;
      return function (this: unknown) {
        decide ??= strategy.buildLookaheadForOptional(options);
        return decide.call(this);
      };
    },
  };
}

/**
 * One instance serves any number of sources, one after the other: set `input`, call a rule, read
 * `errors`.
 */
export class ArchParser extends CstParser {
  /** `validate` has Chevrotain look for ambiguities, at a cost of more than a parse: for tests. */
  constructor({ validate = false } = {}) {
    super(t.allTokens, {
      // `recovery.ts` decides what a mistake spoils, and the rest is parsed without it.
      recoveryEnabled: false,
      nodeLocationTracking: 'onlyOffset',
      lookaheadStrategy: lazyLookahead(),
      errorMessageProvider: messages,
      skipValidations: !validate,
    });
    this.performSelfAnalysis();
  }

  public file = this.RULE('file', () => {
    this.MANY(() => this.SUBRULE(this.declaration));
  });

  /** `--set` values and test inputs: one expression and nothing after it. */
  public soleExpression = this.RULE('soleExpression', () => {
    this.SUBRULE(this.expression);
    this.CONSUME(EOF);
  });

  public declaration = this.RULE('declaration', () => {
    this.OR([
      { ALT: () => this.SUBRULE(this.importDeclaration) },
      { ALT: () => this.SUBRULE(this.constDeclaration) },
      { ALT: () => this.SUBRULE(this.blockDeclaration) },
      { ALT: () => this.SUBRULE(this.modelDeclaration) },
      { ALT: () => this.SUBRULE(this.trainDeclaration) },
    ]);
  });

  private importDeclaration = this.RULE('importDeclaration', () => {
    this.CONSUME(t.Import);
    this.OR([
      {
        ALT: () => {
          this.AT_LEAST_ONE_SEP({
            SEP: t.Comma,
            DEF: () => this.SUBRULE(this.importedName),
          });
          this.CONSUME(t.From);
          this.CONSUME(t.StringLiteral);
        },
      },
      {
        ALT: () => {
          this.CONSUME1(t.StringLiteral);
          this.CONSUME(t.As);
          this.CONSUME(t.Identifier);
        },
      },
    ]);
  });

  private importedName = this.RULE('importedName', () => {
    this.CONSUME(t.Identifier, { LABEL: 'name' });
    this.OPTION(() => {
      this.CONSUME(t.As);
      this.CONSUME1(t.Identifier, { LABEL: 'alias' });
    });
  });

  private constDeclaration = this.RULE('constDeclaration', () => {
    this.CONSUME(t.Const);
    this.CONSUME(t.Identifier);
    this.CONSUME(t.Equal);
    this.SUBRULE(this.expression);
  });

  private blockDeclaration = this.RULE('blockDeclaration', () => {
    this.CONSUME(t.Block);
    this.CONSUME(t.Identifier);
    this.SUBRULE(this.parameters);
    this.OR([
      {
        ALT: () => {
          this.CONSUME(t.Equal);
          this.SUBRULE(this.expression);
        },
      },
      { ALT: () => this.SUBRULE(this.body) },
    ]);
  });

  private modelDeclaration = this.RULE('modelDeclaration', () => {
    this.CONSUME(t.Model);
    this.CONSUME(t.Identifier);
    this.OPTION(() => this.SUBRULE(this.parameters));
    this.OR([
      {
        ALT: () => {
          this.CONSUME(t.Equal);
          this.SUBRULE(this.expression);
        },
      },
      { ALT: () => this.SUBRULE(this.body) },
    ]);
  });

  /** Statements other than `name = expression` mean nothing in a recipe; its check says so. */
  private trainDeclaration = this.RULE('trainDeclaration', () => {
    this.CONSUME(t.Train);
    this.CONSUME(t.Identifier);
    this.OPTION(() => this.SUBRULE(this.parameters));
    this.CONSUME(t.For);
    this.SUBRULE(this.expression);
    this.SUBRULE(this.body);
  });

  private parameters = this.RULE('parameters', () => {
    this.CONSUME(t.LeftParen);
    this.OPTION(() => {
      this.SUBRULE(this.parameter);
      this.MANY(() => {
        this.CONSUME(t.Comma);
        this.SUBRULE1(this.parameter);
      });
      this.OPTION1(() => this.CONSUME1(t.Comma));
    });
    this.CONSUME(t.RightParen);
  });

  private parameter = this.RULE('parameter', () => {
    this.CONSUME(t.Identifier);
    this.OPTION(() => {
      this.CONSUME(t.Colon);
      this.SUBRULE(this.type);
    });
    this.OPTION1(() => {
      this.CONSUME(t.Equal);
      this.SUBRULE(this.expression);
    });
  });

  private type = this.RULE('type', () => {
    this.OR([
      { ALT: () => this.CONSUME(t.Identifier) },
      { ALT: () => this.CONSUME(t.Block) },
      {
        ALT: () => {
          this.CONSUME(t.LeftBracket);
          this.SUBRULE(this.type);
          this.CONSUME(t.RightBracket);
        },
      },
    ]);
    this.OPTION(() => this.CONSUME(t.Question));
  });

  /** Also parsed alone where what stands before it holds a mistake. */
  public body = this.RULE('body', () => {
    this.CONSUME(t.LeftBrace);
    this.MANY(() => this.SUBRULE(this.statement));
    this.CONSUME(t.RightBrace);
  });

  private statement = this.RULE('statement', () => {
    this.OR([
      { ALT: () => this.SUBRULE(this.assignment) },
      { ALT: () => this.SUBRULE(this.sharedStatement) },
      { ALT: () => this.SUBRULE(this.inputStatement) },
      { ALT: () => this.SUBRULE(this.outputStatement) },
      { ALT: () => this.SUBRULE(this.expectStatement) },
      { ALT: () => this.SUBRULE(this.returnStatement) },
      { ALT: () => this.SUBRULE(this.forStatement) },
      { ALT: () => this.SUBRULE(this.ifStatement) },
    ]);
  });

  private assignment = this.RULE('assignment', () => {
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.CONSUME(t.Identifier) });
    this.OR([{ ALT: () => this.CONSUME(t.Equal) }, { ALT: () => this.CONSUME(t.PlusEqual) }]);
    this.SUBRULE(this.expression);
  });

  private sharedStatement = this.RULE('sharedStatement', () => {
    this.CONSUME(t.Shared);
    this.CONSUME(t.Identifier);
    this.CONSUME(t.Equal);
    this.SUBRULE(this.expression);
  });

  private inputStatement = this.RULE('inputStatement', () => {
    this.CONSUME(t.Input);
    this.CONSUME(t.Identifier, { LABEL: 'name' });
    this.CONSUME(t.Colon);
    this.CONSUME1(t.Identifier, { LABEL: 'dtype' });
    this.CONSUME(t.LeftBracket);
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.axis) });
    this.CONSUME(t.RightBracket);
    this.OPTION(() => {
      this.CONSUME(t.Where);
      this.AT_LEAST_ONE_SEP1({ SEP: t.Comma, DEF: () => this.SUBRULE(this.expression) });
    });
  });

  private axis = this.RULE('axis', () => {
    this.SUBRULE(this.expression, { LABEL: 'size' });
    this.OPTION(() => {
      this.CONSUME(t.Equal);
      this.SUBRULE1(this.expression, { LABEL: 'defaultSize' });
    });
  });

  private outputStatement = this.RULE('outputStatement', () => {
    this.CONSUME(t.Output);
    this.CONSUME(t.Identifier);
    this.CONSUME(t.Equal);
    this.SUBRULE(this.expression);
  });

  private expectStatement = this.RULE('expectStatement', () => {
    this.CONSUME(t.Expect);
    this.SUBRULE(this.expression);
  });

  private returnStatement = this.RULE('returnStatement', () => {
    this.CONSUME(t.Return);
    this.SUBRULE(this.expression);
  });

  private forStatement = this.RULE('forStatement', () => {
    this.CONSUME(t.For);
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.CONSUME(t.Identifier) });
    this.CONSUME(t.In);
    this.SUBRULE(this.expression);
    this.SUBRULE(this.body);
  });

  private ifStatement = this.RULE('ifStatement', () => {
    this.CONSUME(t.If);
    this.SUBRULE(this.expression);
    this.SUBRULE(this.body, { LABEL: 'then' });
    this.OPTION(() => {
      this.CONSUME(t.Else);
      this.OR([
        { ALT: () => this.SUBRULE(this.ifStatement, { LABEL: 'elseIf' }) },
        { ALT: () => this.SUBRULE1(this.body, { LABEL: 'else' }) },
      ]);
    });
  });

  /** Stages joined by `->`. */
  private expression = this.RULE('expression', () => {
    this.AT_LEAST_ONE_SEP({ SEP: t.Arrow, DEF: () => this.SUBRULE(this.pipeStage) });
  });

  /** A choice, a range (open at either end only between brackets), or an operation. */
  private pipeStage = this.RULE('pipeStage', () => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(t.If);
          this.SUBRULE(this.expression, { LABEL: 'condition' });
          this.CONSUME(t.Then);
          this.SUBRULE1(this.expression, { LABEL: 'then' });
          this.CONSUME(t.Else);
          this.SUBRULE(this.pipeStage, { LABEL: 'else' });
        },
      },
      {
        ALT: () => {
          this.CONSUME(t.DotDot);
          this.OPTION(() => this.SUBRULE(this.operation, { LABEL: 'end' }));
        },
      },
      {
        ALT: () => {
          this.SUBRULE1(this.operation, { LABEL: 'start' });
          this.OPTION1(() => {
            this.CONSUME1(t.DotDot);
            this.OPTION2(() => this.SUBRULE2(this.operation, { LABEL: 'end' }));
          });
        },
      },
    ]);
  });

  /** Operands and operators in a row; `BINARY_OPERATORS` says how they nest. */
  private operation = this.RULE('operation', () => {
    this.SUBRULE(this.operand);
    this.MANY(() => {
      this.CONSUME(t.BinaryOperator);
      this.SUBRULE1(this.operand);
    });
  });

  /** Prefixes, one atom, then calls, indices and members. */
  private operand = this.RULE('operand', () => {
    this.MANY(() => this.CONSUME(t.PrefixOperator));
    this.OR([
      { ALT: () => this.CONSUME(t.Atom) },
      { ALT: () => this.SUBRULE(this.group) },
      { ALT: () => this.SUBRULE(this.list) },
    ]);
    this.MANY1(() => this.SUBRULE(this.postfix));
  });

  private group = this.RULE('group', () => {
    this.CONSUME(t.LeftParen);
    this.SUBRULE(this.expression);
    this.CONSUME(t.RightParen);
  });

  private list = this.RULE('list', () => {
    this.CONSUME(t.LeftBracket);
    this.OPTION(() => {
      this.SUBRULE(this.expression);
      this.MANY(() => {
        this.CONSUME(t.Comma);
        this.SUBRULE1(this.expression);
      });
      this.OPTION1(() => this.CONSUME1(t.Comma));
    });
    this.CONSUME(t.RightBracket);
  });

  private postfix = this.RULE('postfix', () => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(t.LeftParen);
          this.OPTION(() => {
            this.SUBRULE(this.argument);
            this.MANY(() => {
              this.CONSUME(t.Comma);
              this.SUBRULE1(this.argument);
            });
            this.OPTION1(() => this.CONSUME1(t.Comma));
          });
          this.CONSUME(t.RightParen);
        },
      },
      {
        ALT: () => {
          this.CONSUME(t.LeftBracket);
          this.SUBRULE(this.expression);
          this.CONSUME(t.RightBracket);
        },
      },
      {
        ALT: () => {
          this.CONSUME(t.Dot);
          this.CONSUME(t.Identifier);
        },
      },
    ]);
  });

  private argument = this.RULE('argument', () => {
    this.OPTION(() => {
      this.CONSUME(t.Identifier);
      this.CONSUME(t.Equal);
    });
    this.SUBRULE(this.expression);
  });
}
