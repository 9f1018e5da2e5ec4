/** What stands between the tokens of a file: comments, line breaks and blank lines. */
import type { IToken } from 'chevrotain';

interface LeadingComment {
  readonly text: string;
  /** At least one empty line stands above it. */
  readonly blankAbove: boolean;
}

/** What stands around one token. */
interface Trivia {
  /** The comments on lines of their own between the token before and this one. */
  readonly leading: readonly LeadingComment[];
  /** At least one empty line stands between this token and what is above it, comments included. */
  readonly blankAbove: boolean;
  /** A line break or a comment stands between the token before and this one. */
  readonly newline: boolean;
  /** The comment that ends this token's line. */
  readonly trailing: string | undefined;
}

export interface TriviaTable {
  /** The trivia of the token that starts at `offset`. */
  at(offset: number): Trivia;
  /** The trivia of the token before the one that starts at `offset`; undefined for the first. */
  before(offset: number): Trivia | undefined;
  /** What stands after the last token. */
  readonly end: Trivia;
}

interface Draft {
  readonly leading: LeadingComment[];
  blankAbove: boolean;
  newline: boolean;
  trailing: string | undefined;
}

/** Hands each comment to one token: the one whose line it ends, or else the next one. */
export function readTrivia(
  text: string,
  tokens: readonly IToken[],
  comments: readonly IToken[],
): TriviaTable {
  const drafts: Draft[] = [];
  const indexByOffset = new Map<number, number>();
  let nextComment = 0;
  let end = 0;
  for (let i = 0; i <= tokens.length; i++) {
    const token = tokens[i];
    const start = token?.startOffset ?? text.length;
    const draft: Draft = { leading: [], blankAbove: false, newline: false, trailing: undefined };
    const previous = drafts[i - 1];
    for (;;) {
      const comment = comments[nextComment];
      if (comment === undefined || comment.startOffset > start) break;
      nextComment++;
      const breaks = lineBreaks(text, end, comment.startOffset);
      end = comment.startOffset + comment.image.length;
      draft.newline = true;
      if (breaks === 0 && previous !== undefined) previous.trailing = comment.image.trimEnd();
      else draft.leading.push({ text: comment.image.trimEnd(), blankAbove: breaks > 1 });
    }
    const breaks = lineBreaks(text, end, start);
    draft.newline ||= breaks > 0;
    draft.blankAbove = breaks > 1;
    drafts.push(draft);
    indexByOffset.set(start, i);
    if (token !== undefined) end = start + token.image.length;
  }
  moveBehindCommas(tokens, drafts);
  const none: Trivia = { leading: [], blankAbove: false, newline: false, trailing: undefined };
  return {
    at: (offset) => drafts[indexByOffset.get(offset) ?? -1] ?? none,
    before: (offset) => drafts[(indexByOffset.get(offset) ?? 0) - 1],
    end: drafts.at(-1) ?? none,
  };
}

/** A comment between an item and its comma moves behind the comma, where nothing else is there. */
function moveBehindCommas(tokens: readonly IToken[], drafts: readonly Draft[]): void {
  drafts.forEach((draft, i) => {
    const previous = drafts[i - 1];
    if (tokens[i]?.image !== ',' || previous?.trailing === undefined) return;
    if (draft.leading.length > 0 || draft.trailing !== undefined) return;
    draft.trailing = previous.trailing;
    previous.trailing = undefined;
  });
}

function lineBreaks(text: string, from: number, to: number): number {
  let count = 0;
  for (let i = from; i < to; i++) {
    const character = text.charAt(i);
    if (character === '\n' || (character === '\r' && text.charAt(i + 1) !== '\n')) count++;
  }
  return count;
}
