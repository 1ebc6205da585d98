/** A text that is read and split as a whole. */
export interface Document {
  readonly text: string;
  /** Where it stands, for messages: a file and a line, or a name. */
  readonly source: string;
}

/** Texts in a fixed order, read anew at each call. */
export interface Corpus {
  readonly name: string;
  documents(): AsyncIterable<Document>;
}
