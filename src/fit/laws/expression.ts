import { ShapelawError } from '../../errors.js';
import { build, partsOf } from '../expression/build.js';
import { compile } from '../expression/compile.js';
import { parametrise } from '../expression/coordinates.js';
import { differentiate } from '../expression/differentiate.js';
import { createGraph } from '../expression/graph.js';
import { loadExpressions } from '../expression/load.js';
import { evaluateExpression, parseExpression } from '../expression/parse.js';
import { compileScalars } from '../expression/scalars.js';
import { refuse } from '../expression/scan.js';
import { type LawColumn, type LawDefinition, type LawForm, type LawOptions, lawColumns } from '../law-form.js';

/**
 * A law from a formula of the table's columns, such as `E + A/params^alpha + B/tokens^beta`: what it can be made of says
 * {@link parseExpression}, how its parameters are looked for {@link parametrise}.
 *
 * @throws ShapelawError `bad-expression`; `bad-usage` without an expression, for bad bounds, or where the parser is not loaded.
 */
export function expressionForm(options: LawOptions): LawForm {
  const key = JSON.stringify([options.expression, options.bounds]);
  if (latest?.key !== key) latest = { key, form: makeForm(options) };
  return latest.form;
}

/** Making a form takes milliseconds, and whoever predicts asks for the same again and again. */
let latest: { readonly key: string; readonly form: LawForm } | undefined;

function makeForm({ expression, bounds = {} }: LawOptions): LawForm {
  if (expression === undefined) {
    throw new ShapelawError(
      'bad-usage',
      'the law expression needs a formula, such as "E + A/params^alpha + B/tokens^beta"',
    );
  }
  const parsed = parseExpression(expression, lawColumns);
  const { formula, parameters, root } = parsed;
  const columns = parsed.columns as readonly LawColumn[];
  const size = parameters.length;

  const graph = createGraph();
  const { coordinates, logarithmic, shifts, parameters: parameterNodes } = parametrise(graph, parsed, bounds);
  const columnNodes = columns.map((_, k) => graph.column(k));
  const value = build(graph, root, columnNodes, parameterNodes);
  if (partsOf(graph, [value]).some((index) => !Number.isFinite(graph.nodes[index]!.value))) {
    refuse(expression, 'a part of numbers alone is not finite');
  }
  const { evaluate } = compile(graph, value, differentiate(graph, value, size), columns.length);
  const parametersAt = compileScalars(graph, parameterNodes);
  const shiftsAt = compileScalars(graph, shifts);

  return {
    law: 'expression',
    options: { expression, ...(Object.keys(bounds).length === 0 ? {} : { bounds }) },
    formula: `L = ${formula}`,
    columns,
    columnScale: 'raw',
    // A formula may use columns together, such as a product of two that move as one.
    apart: [],
    parameters,
    coordinates,
    evaluate,
    toParameters: (theta) => parametersAt(theta),

    toCoordinates(values) {
      const theta = Float64Array.from(values, (value, j) => (logarithmic[j] ? Math.log(value) : value));
      // Shifts are functions of coordinates that have none themselves.
      for (const [j, shift] of shiftsAt(theta).entries()) theta[j]! += shift;
      return theta;
    },

    loss: (values, point) =>
      evaluateExpression(
        root,
        columns.map((column) => point[column]),
        values,
      ),

    derive: () => ({}),
  };
}

/** A law by a formula of the user's. */
export const expression: LawDefinition = {
  name: 'expression',
  summary: 'loss by a formula of your own over the columns; where no other law says it',
  load: loadExpressions,
  takes: ['expression', 'bounds'],
  choose: (asked) => ({ options: expressionForm(asked).options, notes: [] }),
  form: expressionForm,
};
