import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsedXml } from '../../tests/parsed-xml.js';
import { drawingDocument, svgElement, svgText } from './document.js';

function written(attributes: Readonly<Record<string, string | number>>, text?: string): string {
  const document = drawingDocument();
  const root = svgElement(document, 'svg', {});
  root.appendChild(svgElement(document, 'text', attributes, text));
  return svgText(root);
}

/** Whether XML 1.0 may hold a character (section 2.2 of the recommendation). */
function isAllowed(character: string): boolean {
  const code = character.codePointAt(0)!;
  if (code < 0x20) return [0x9, 0xa, 0xd].includes(code);
  return (code < 0xd800 || code > 0xdfff) && code !== 0xfffe && code !== 0xffff;
}

describe('an SVG file', () => {
  test('is well-formed whatever its texts hold', () => {
    // Any code units: control characters, halves of surrogate pairs, markup.
    const text = fc.string({
      unit: fc.oneof(
        fc.nat({ max: 0xffff }).map((code) => String.fromCharCode(code)),
        fc.constantFrom(...'<>&"\'\0]'),
      ),
    });
    fc.assert(
      fc.property(text, (text) => {
        const file = written({ 'aria-label': text }, text);
        expect([...file].filter((character) => !isAllowed(character))).toEqual([]);
        expect(parsedXml(file).getElementsByTagName('text')).toHaveLength(1);
      }),
      { numRuns: 300 },
    );
  });

  test('gives texts back', () => {
    const text = ']]> <!-- &amp; "quoted" \u{1f98e} \u00a0 é';
    const [element] = parsedXml(written({ 'aria-label': text }, text)).getElementsByTagName('text');
    expect(element!.textContent).toBe(text);
    expect(element!.getAttribute('aria-label')).toBe(text);
  });

  test('shows what XML cannot hold', () => {
    expect(written({}, 'a\0b\ud800c')).toContain('>a\ufffdb\ufffdc<');
  });

  test('holds coordinates to hundredths, and leaves other numbers alone', () => {
    const [path] = parsedXml(
      written({
        d: 'M0.126,-1.999L-0.001,1e-7Z',
        transform: 'translate(10.005,3)',
        y: '0.715em',
        'aria-label': '0.126',
      }),
    ).getElementsByTagName('text');
    expect(['d', 'transform', 'y', 'aria-label'].map((name) => path!.getAttribute(name))).toEqual([
      'M0.13,-2L0,1e-7Z',
      'translate(10.01,3)',
      '0.715em',
      '0.126',
    ]);
  });
});
