import fc from 'fast-check';
import { expect, test } from 'vitest';
import { textParts } from './text-parts.js';

const words = fc
  .array(fc.oneof(fc.lorem(), fc.string({ unit: 'grapheme' }), fc.constantFrom('  ', '\n', ' x'.repeat(2000))), {
    minLength: 5,
    maxLength: 60,
  })
  .map((each) => each.join(' '));

test('parts are short and make the text', () => {
  fc.assert(
    fc.property(words, (text) => {
      const parts = [...textParts(text)];
      expect(parts.join('')).toBe(text);
      expect(parts.every((part) => part.length <= 4096)).toBe(true);
      // So that a tokenizer that cuts texts itself cuts no part again.
      for (const part of parts) expect([...textParts(part)]).toEqual([part]);
    }),
  );
});

test('cuts before single spaces between words', () => {
  const parts = [...textParts('some words\nand  more '.repeat(1000))];
  expect(parts.length).toBeGreaterThan(4);
  for (const part of parts.slice(1)) expect(part).toMatch(/^ words|^ some/);
});

test('leaves a character in one piece where there is no space', () => {
  const parts = [...textParts(`x${'😀'.repeat(5000)}`)];
  expect(parts.length).toBe(3);
  for (const part of parts) expect(part).not.toMatch(/^[\uDC00-\uDFFF]|[\uD800-\uDBFF]$/);
});

test('a short text is its only part, an empty one too', () => {
  expect([...textParts('a b')]).toEqual(['a b']);
  expect([...textParts('')]).toEqual(['']);
});
