/** The conventions that the numbers of a run can follow; `unstated` where nobody said. */
export const conventionValues = {
  params: ['total', 'non-embedding', 'unstated'],
  flops: ['exact', '6ND', 'unstated'],
  tokens: ['encoder+decoder', 'decoder', 'unstated'],
  loss: ['nats-per-token', 'bits-per-token', 'bits-per-byte', 'unstated'],
} as const;

/** How the numbers of a table are counted; two tables, or a table and a law, compare only where these agree. */
export interface Conventions {
  readonly params: (typeof conventionValues.params)[number];
  readonly flops: (typeof conventionValues.flops)[number];
  readonly tokens: (typeof conventionValues.tokens)[number];
  readonly loss: (typeof conventionValues.loss)[number];
  /** Name of the tokenizer, or `unstated`. */
  readonly tokenizer: string;
}

/** Where nobody said anything. */
export const unstatedConventions: Conventions = {
  params: 'unstated',
  flops: 'unstated',
  tokens: 'unstated',
  loss: 'unstated',
  tokenizer: 'unstated',
};
