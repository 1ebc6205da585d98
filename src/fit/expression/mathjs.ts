import { create, type MathNode, parseDependencies } from 'mathjs/number';

/** Of mathjs the parser alone, over numbers: no evaluation, no functions, no units, which `recommend/mathjs.ts` imports. */
const { parse } = create({ ...parseDependencies });

/** The syntax tree of a text. Throws a SyntaxError, whose `char` is the 1-based place, or another error. */
export function parseText(text: string): MathNode {
  return parse!(text);
}

export type { MathNode };
