import { type Command, Option } from 'commander';
import { conventionValues } from '../conventions.js';
import type { RunTable } from '../runs/index.js';
import { collect, defined, wholeNumber } from './options.js';

/** How a command reads its table of runs. */
export interface TableOptions {
  readonly map?: readonly string[];
  readonly tokensFrom?: '6ND';
  readonly where?: readonly string[];
  readonly dropHighest?: number;
  readonly dropBadRows?: boolean;
  readonly paramsConvention?: 'total' | 'non-embedding';
  readonly flopsConvention?: 'exact' | '6ND';
  readonly tokensConvention?: 'encoder+decoder' | 'decoder';
  readonly lossUnit?: 'nats-per-token' | 'bits-per-token' | 'bits-per-byte';
  readonly tokenizer?: string;
}

/** What a user may state of a convention. */
const stateable = {
  params: conventionValues.params.filter((value) => value !== 'unstated'),
  flops: conventionValues.flops.filter((value) => value !== 'unstated'),
  tokens: conventionValues.tokens.filter((value) => value !== 'unstated'),
  loss: conventionValues.loss.filter((value) => value !== 'unstated'),
};

/** Adds the options of {@link TableOptions} to a command. */
export function withTableOptions(command: Command): Command {
  return command
    .option(
      '--map <field=column,...>',
      "columns of the table, as in 'params=Model Size,loss=val_loss'; repeatable",
      collect,
    )
    .addOption(new Option('--tokens-from <rule>', 'derive tokens = flops / (6 params)').choices(['6ND']))
    .option('--where <condition>', "keep rows that meet it, as in 'params>1e7'; repeatable", collect)
    .option('--drop-highest <k>', 'leave out the k rows of highest loss', wholeNumber)
    .option('--drop-bad-rows', 'leave out rows with bad values instead of refusing the table')
    .addOption(new Option('--params-convention <name>', 'what params counts').choices(stateable.params))
    .addOption(new Option('--flops-convention <name>', 'what flops counts').choices(stateable.flops))
    .addOption(new Option('--tokens-convention <name>', 'what tokens counts').choices(stateable.tokens))
    .addOption(new Option('--loss-unit <name>', 'unit of loss').choices(stateable.loss))
    .option('--tokenizer <name>', 'whose tokens are counted');
}

/** Reads the table of runs of a command. */
export async function readTable(path: string, options: TableOptions): Promise<RunTable> {
  const [{ readRunTable }, { parseColumnMap }] = await Promise.all([
    import('../runs/read.js'),
    import('../runs/columns.js'),
  ]);
  return readRunTable(path, {
    map: parseColumnMap(splitMaps(options.map ?? [])),
    conventions: defined({
      params: options.paramsConvention,
      flops: options.flopsConvention,
      tokens: options.tokensConvention,
      loss: options.lossUnit,
      tokenizer: options.tokenizer,
    }),
    tokensFrom: options.tokensFrom,
    where: options.where,
    dropHighest: options.dropHighest,
    dropBadRows: options.dropBadRows,
  });
}

/** Splits `a=b,c=d` at the commas that begin another FIELD=; columns may hold commas. */
export function splitMaps(texts: readonly string[]): string[] {
  return texts.flatMap((text) => text.split(/,(?=\s*[A-Za-z][\w.]*=)/));
}
