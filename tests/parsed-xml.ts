import { DOMParser, type Element } from '@xmldom/xmldom';

/** The root of a file of XML, which has to be well-formed. */
export function parsedXml(text: string): Element {
  const parser = new DOMParser({
    onError: (level, message) => {
      if (level !== 'warning') throw new Error(`${level}: ${message}`);
    },
  });
  return parser.parseFromString(text, 'image/svg+xml').documentElement!;
}
