import type { Recommendation, RecommendedShape } from '../recommend/recommendation.js';

type Cell = string | number | boolean | null;

/** Columns of a line of an answer, each with its unit in its name. */
const columns: readonly (readonly [heading: string, cell: (row: RecommendedShape) => Cell])[] = [
  ['shape', ({ shape }) => shape.name],
  ['role', ({ role }) => role],
  ['kind', ({ shape }) => shape.kind],
  ['encoder_layers', ({ shape }) => shape.encoderLayers],
  ['decoder_layers', ({ shape }) => shape.decoderLayers],
  ['d_model', ({ shape }) => shape.dModel],
  ['d_ff', ({ shape }) => shape.dFf],
  ['d_kv', ({ shape }) => shape.dKv],
  ['heads', ({ shape }) => shape.heads],
  ['vocab', ({ shape }) => shape.vocab],
  ['parameters', ({ parameters }) => parameters],
  ['beyond_limits', ({ exceeds }) => exceeds.map(({ kind, share }) => `${kind} ${share}`).join('; ')],
  ['tokens', ({ tokens }) => tokens],
  ['tokens_low', ({ tokensInterval }) => tokensInterval?.[0] ?? null],
  ['tokens_high', ({ tokensInterval }) => tokensInterval?.[1] ?? null],
  ['epochs', ({ epochs }) => epochs],
  ['steps', ({ steps }) => steps],
  ['training_flops', ({ flops }) => flops],
  ['wall_seconds_low', ({ time }) => time.wallSeconds[0]],
  ['wall_seconds_high', ({ time }) => time.wallSeconds[1]],
  ['device_hours_low', ({ time }) => time.deviceHours[0]],
  ['device_hours_high', ({ time }) => time.deviceHours[1]],
  ['dollars_low', ({ cost }) => cost.dollars?.[0] ?? null],
  ['dollars_high', ({ cost }) => cost.dollars?.[1] ?? null],
  ['kwh_low', ({ cost }) => cost.kiloWattHours?.[0] ?? null],
  ['kwh_high', ({ cost }) => cost.kiloWattHours?.[1] ?? null],
  ['kg_co2e_low', ({ cost }) => cost.kilogramsCo2e?.[0] ?? null],
  ['kg_co2e_high', ({ cost }) => cost.kilogramsCo2e?.[1] ?? null],
  ['training_bytes', ({ memory }) => memory.total],
  ['serving_bytes', ({ inferenceMemory }) => inferenceMemory.total],
  ['step_seconds', ({ speed }) => speed.stepSeconds.value],
  ['step_seconds_low', ({ speed }) => speed.stepSeconds.interval?.[0] ?? null],
  ['step_seconds_high', ({ speed }) => speed.stepSeconds.interval?.[1] ?? null],
  ['token_seconds', ({ speed }) => speed.tokenSeconds.value],
  ['sequence_seconds', ({ speed }) => speed.sequenceSeconds.value],
  ['loss', ({ loss }) => loss?.value ?? null],
  ['loss_unit', ({ loss }) => loss?.unit ?? null],
  ['loss_mean_low', ({ loss }) => loss?.mean?.[0] ?? null],
  ['loss_mean_high', ({ loss }) => loss?.mean?.[1] ?? null],
  ['loss_new_run_low', ({ loss }) => loss?.newRun?.[0] ?? null],
  ['loss_new_run_high', ({ loss }) => loss?.newRun?.[1] ?? null],
  ['in_set', ({ set }) => set?.member ?? null],
  ['regret', ({ set }) => set?.regret.value ?? null],
  ['regret_low', ({ set }) => set?.regret.interval[0] ?? null],
  ['regret_high', ({ set }) => set?.regret.interval[1] ?? null],
  ['within_tolerance_share', ({ set }) => set?.probability ?? null],
  ['pareto', ({ pareto }) => pareto],
  ['dominated_by', ({ dominatedBy }) => dominatedBy],
  ['outside_evidence_decades', ({ extrapolation }) => extrapolation.decades],
  ['evidence', ({ evidence }) => evidence.map(({ kind, says, source }) => `[${kind}] ${says} (${source})`).join('; ')],
];

/** An answer as rows of plain numbers: every column has its unit in its name, and an absent value is empty. */
export function recommendationTable({ recommendations }: Recommendation, format: 'csv' | 'markdown'): string {
  const headings = columns.map(([heading]) => heading);
  const rows = recommendations.map((row) => columns.map(([, cell]) => String(cell(row) ?? '')));
  if (format === 'csv') return [headings, ...rows].map((cells) => `${cells.map(quoted).join(',')}\n`).join('');
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('');
}

/** RFC 4180. */
function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
