import { PbfReader } from 'pbf';

/** What a model of SentencePiece holds of what is read here. Numbers of fields and types: its sentencepiece_model.proto. */
interface SentencePieceModel {
  readonly pieces: readonly Piece[];
  readonly type: number;
  readonly byteFallback: boolean;
  readonly spaceAsSuffix: boolean;
  readonly rules: string;
  readonly addDummyPrefix: boolean;
  readonly removeExtraSpaces: boolean;
}

interface Piece {
  readonly text: string;
  /** Log of its probability. */
  readonly score: number;
  readonly type: number;
}

const unigram = 1;
const pieceTypes = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5 } as const;

/** Reads a message inside of another. */
function inner(pbf: PbfReader, read: (field: number) => void): void {
  const end = pbf.readVarint() + pbf.pos;
  pbf.readFields(read, undefined, end);
}

function readPiece(pbf: PbfReader): Piece {
  let [text, score, type] = ['', 0, pieceTypes.normal as number];
  inner(pbf, (field) => {
    if (field === 1) text = pbf.readString();
    else if (field === 2) score = pbf.readFloat();
    else if (field === 3) type = pbf.readVarint();
  });
  return { text, score, type };
}

function readModel(bytes: Uint8Array): SentencePieceModel {
  const pbf = new PbfReader(bytes);
  const pieces: Piece[] = [];
  let [type, byteFallback, spaceAsSuffix] = [unigram, false, false];
  let [rules, addDummyPrefix, removeExtraSpaces] = ['', true, true];
  pbf.readFields((field: number) => {
    if (field === 1) pieces.push(readPiece(pbf));
    else if (field === 2) {
      inner(pbf, (detail) => {
        if (detail === 3) type = pbf.readVarint();
        else if (detail === 24) spaceAsSuffix = pbf.readBoolean();
        else if (detail === 35) byteFallback = pbf.readBoolean();
      });
    } else if (field === 3) {
      inner(pbf, (detail) => {
        if (detail === 1) rules = pbf.readString();
        else if (detail === 3) addDummyPrefix = pbf.readBoolean();
        else if (detail === 4) removeExtraSpaces = pbf.readBoolean();
      });
    }
  }, undefined);
  return { pieces, type, byteFallback, spaceAsSuffix, rules, addDummyPrefix, removeExtraSpaces };
}

/** Why a model can't be read as what a T5's is; undefined where it can. */
function problemOf(model: SentencePieceModel): string | undefined {
  if (model.type !== unigram) return 'it is no unigram model';
  if (model.byteFallback) return 'it falls back to bytes';
  if (model.spaceAsSuffix || !model.addDummyPrefix || !model.removeExtraSpaces)
    return 'it treats spaces otherwise than T5';
  if (model.rules !== 'nmt_nfkc' && model.rules !== 'identity')
    return `it has the rules of normalisation "${model.rules}"`;
  if (model.pieces.some(({ type }) => type === pieceTypes.userDefined)) return 'it has symbols of its user';
  const unknown = model.pieces.filter(({ type }) => type === pieceTypes.unknown).length;
  return unknown === 1 ? undefined : `it has ${unknown} pieces for the unknown`;
}

/**
 * A unigram model of SentencePiece, as T5's, as a Hugging Face `tokenizer.json` with the same ids.
 *
 * @returns the file's content, or what it has that is not covered.
 */
export function tokenizerOfSentencePiece(bytes: Uint8Array): { readonly json: unknown } | { readonly problem: string } {
  let model: SentencePieceModel;
  try {
    model = readModel(bytes);
  } catch (error) {
    return { problem: `it is cut off or no model at all (${(error as Error).message})` };
  }
  if (model.pieces.length === 0) return { problem: 'it has no pieces' };
  const problem = problemOf(model);
  if (problem !== undefined) return { problem };
  const { pieces, rules } = model;
  const space = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' };
  const json = {
    added_tokens: pieces
      .map(({ text, type }, id) => ({ id, content: text, special: true, type }))
      .filter(({ type }) => type !== pieceTypes.normal)
      .map(({ type: _, ...token }) => token),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        ...(rules === 'identity' ? [] : [{ type: 'Precompiled', precompiled_charsmap: '' }]),
        { type: 'Strip', strip_left: true, strip_right: true },
        { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' },
      ],
    },
    pre_tokenizer: { ...space, split: true },
    post_processor: null,
    decoder: space,
    model: {
      type: 'Unigram',
      unk_id: pieces.findIndex(({ type }) => type === pieceTypes.unknown),
      vocab: pieces.map(({ text, score }) => [text, score]),
    },
  };
  return { json };
}
