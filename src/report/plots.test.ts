import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { plots } from '../../tests/example-plots.js';
import { parsedXml as parsed } from '../../tests/parsed-xml.js';
import { ShapelawError } from '../errors.js';
import * as report from './index.js';
import { textWidth } from './text.js';

const { isoflopPlot, lossPlot, optimumPlot, profilePlot, regionPlot, residualPlot, shapeRatioPlot } = report;
const names = Object.keys(plots) as (keyof typeof plots)[];

function elements(svg: string, tag: string) {
  return [...parsed(svg).getElementsByTagName(tag)];
}

const textsOf = (svg: string) => elements(svg, 'text').map(({ textContent }) => textContent);

/** The elements of the layers that Plot calls by a name, without those of the legend. */
function layersOf(svg: string, name: string) {
  return elements(svg, 'g').filter((group) => group.getAttribute('aria-label') === name);
}

function refusal(draw: () => string) {
  try {
    draw();
  } catch (error) {
    if (error instanceof ShapelawError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('nothing was thrown');
}

type Box = [x: number, y: number, size: number];

/** The smallest input of each plot. */
const one = [{ x: 1e20, loss: 2, inFit: true }];
const lossInput = { points: one, curve: [{ x: 1e20, loss: 2 }], xLabel: 'FLOPs', lossLabel: 'loss' };
const isoflopInput = { budgets: [{ flops: 1e20, points: [{ params: 1e9, loss: 2 }] }], lossLabel: 'loss' };
const optimumInput = { methods: [{ name: 'a', line: [{ flops: 1e20, value: 1e9 }] }], label: 'best parameters' };
const residualInput = { points: [{ x: 1, residual: 0.1, inFit: true }], xLabel: 'parameters' };
const ratioInput = {
  points: [{ params: 1e9, ratio: 64, inFit: true }],
  best: [{ params: 1e9, ratio: 64 }],
  ratioLabel: 'dModel / layers',
};
const regionInput = { points: one, segments: [one], breakpoints: [], xLabel: 'FLOPs', lossLabel: 'loss' };
const profileInput = { points: [{ value: 0.3, deviance: 0 }], threshold: 3.84, label: 'alpha' };

// Plot warns on the console of what it doesn't draw.
beforeEach(() => {
  vi.spyOn(console, 'warn').mockImplementation((message) => {
    throw new Error(message);
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

test('every plot has an example', () => {
  expect(names).toHaveLength(Object.keys(report).filter((name) => name.endsWith('Plot')).length);
});

describe.each(names)('the %s plot', (name) => {
  test('looks as it did', async () => {
    await expect(plots[name]()).toMatchFileSnapshot(`snapshots/${name}.svg`);
  });

  test('is the same twice', () => {
    expect(plots[name]()).toBe(plots[name]());
  });

  test('is a file that stands alone, on white', () => {
    const root = parsed(plots[name]());
    expect(root.namespaceURI).toBe('http://www.w3.org/2000/svg');
    expect(root.getAttribute('viewBox')).toBe(`0 0 ${root.getAttribute('width')} ${root.getAttribute('height')}`);
    const ground = root.getElementsByTagName('*')[0]!;
    expect([ground.tagName, ground.getAttribute('fill')]).toEqual(['rect', 'white']);
    const all = [...root.getElementsByTagName('*')];
    expect(all.filter(({ tagName }) => /script|style|image|use|foreignObject/.test(tagName))).toEqual([]);
    const attributes = all.flatMap((element) => [...element.attributes]);
    expect(
      attributes.filter(({ name, value }) => /href|^id$|^on/.test(name) || /url\(|NaN|Infinity/.test(value)),
    ).toEqual([]);
  });

  test('keeps its texts inside, and apart', () => {
    const root = parsed(plots[name]());
    const [width, height] = ['width', 'height'].map((side) => Number(root.getAttribute(side)));
    const boxes = [...root.childNodes]
      .filter((node) => node.nodeName === 'text')
      .map((node) => {
        const text = node as typeof root;
        const [x, y, size] = ['x', 'y', 'font-size'].map((name) => Number(text.getAttribute(name))) as Box;
        const wide = textWidth(text.textContent!, size);
        return { left: text.getAttribute('text-anchor') === 'middle' ? x - wide / 2 : x, wide, top: y - size, size };
      });
    expect(boxes.length).toBeGreaterThan(3);
    for (const [k, { left, wide, top, size }] of boxes.entries()) {
      expect(left).toBeGreaterThan(0);
      expect(left + wide).toBeLessThan(width!);
      expect(top + size).toBeLessThan(height!);
      const others = boxes.slice(k + 1);
      const over = others.filter(
        (other) => Math.abs(other.top - top) < size && other.left < left + wide && left < other.left + other.wide,
      );
      expect(over).toEqual([]);
    }
  });
});

describe('text from outside', () => {
  test('is escaped', () => {
    const [title, group] = ['</text><script>a & b</script>', `<"'&>\u{1f98e}`];
    const points = [{ x: 1, residual: 0.1, group, inFit: true }];
    const svg = residualPlot({ points, xLabel: 'a < b', title });
    expect(textsOf(svg)).toEqual(expect.arrayContaining([title, group, 'a < b']));
    expect(parsed(svg).getAttribute('aria-label')).toBe(title);
    expect(elements(svg, 'script')).toEqual([]);
  });

  test('that is long is broken into lines', () => {
    const title = Array.from({ length: 40 }, (_, k) => `word${k}`).join(' ');
    const svg = residualPlot({ ...residualInput, title, width: 320 });
    const lines = textsOf(svg).filter((text) => text?.startsWith('word'));
    expect(lines.length).toBeGreaterThan(5);
    expect(lines.join(' ')).toBe(title);
  });
});

describe('what is drawn', () => {
  test('is every point, hollow where it was left out', () => {
    const points = [1, 2, 3, 4].map((x) => ({ x, residual: x, inFit: x > 1 }));
    const svg = residualPlot({ points, xLabel: 'x' });
    const [left, used, ...keys] = layersOf(svg, 'dot');
    expect(left!.getAttribute('fill')).toBe('white');
    expect(left!.getElementsByTagName('circle')).toHaveLength(1);
    expect(used!.getElementsByTagName('circle')).toHaveLength(3);
    expect(keys.length).toBe(2);
    expect(textsOf(svg)).toEqual(expect.arrayContaining(['runs', 'left out of the fit']));
  });

  test('stands where its logarithm is, or its value', () => {
    const places = (xScale: report.AxisScale) => {
      const points = [1, 10, 100].map((x) => ({ x, residual: 0, inFit: true }));
      const [layer] = layersOf(residualPlot({ points, xLabel: 'x', xScale }), 'dot');
      return [...layer!.getElementsByTagName('circle')].map((circle) => Number(circle.getAttribute('cx')));
    };
    const [a, b, c] = places('log');
    // Places are rounded to hundredths of a pixel.
    expect((b! - a!) / (c! - a!)).toBeCloseTo(1 / 2, 3);
    const [d, e, f] = places('linear');
    expect((e! - d!) / (f! - d!)).toBeCloseTo(9 / 99, 3);
  });

  test('names the kind and the level of each interval', () => {
    const intervals = { level: 0.9, method: 'BCa' };
    const curve = [1e20, 1e21].map((x) => ({ x, loss: 2, mean: [1.9, 2.1], newRun: [1.8, 2.2] }) as const);
    const texts = textsOf(lossPlot({ ...lossInput, curve, intervals }));
    expect(texts).toContain('90% interval of the mean (BCa)');
    expect(texts).toContain('90% interval of a new run (BCa)');
    expect(textsOf(lossPlot({ ...lossInput, curve: [{ x: 1, loss: 2, mean: null }] })).join()).not.toContain(
      'interval',
    );
  });

  test('is dashed beyond the evidence, from its very edge', () => {
    const curve = [1e18, 1e20, 1e22].map((x) => ({ x, loss: 2 }));
    const svg = lossPlot({ ...lossInput, curve, evidence: [1e19, 1e21] });
    const ends = layersOf(svg, 'line').map((layer) => {
      const path = layer.getElementsByTagName('path')[0]!.getAttribute('d')!;
      const places = path.match(/(?<=[ML])[\d.]+/g)!.map(Number);
      return { dashed: layer.hasAttribute('stroke-dasharray'), from: places[0]!, to: places.at(-1)! };
    });
    expect(ends.map(({ dashed }) => dashed)).toEqual([false, true, true]);
    const [inside, below, above] = ends;
    expect(below!.to).toBe(inside!.from);
    expect(inside!.to).toBe(above!.from);
    // The evidence is the middle half of four decades.
    expect((inside!.to - inside!.from) / (above!.to - below!.from)).toBeCloseTo(1 / 2, 3);
  });

  test('has one line and no breakpoint for one region', () => {
    const texts = textsOf(regionPlot({ ...regionInput, segments: [[...one, { x: 1e21, loss: 1.9 }]] }));
    expect(texts).toContain('fitted law');
    expect(texts).not.toContain('breakpoint');
  });

  test('is an interval to the edge of the frame where it has no end', () => {
    const points = [0.1, 0.2, 0.3, 0.4].map((value) => ({ value, deviance: 1 }));
    const intervals = { level: 0.95, method: 'profile likelihood' };
    const svg = profilePlot({ ...profileInput, points, interval: [0.2, null], intervals });
    const strip = layersOf(svg, 'rect')[0]!.getElementsByTagName('rect')[0]!;
    const frame = elements(svg, 'rect').find((rect) => rect.getAttribute('aria-label') === 'frame')!;
    const right = (rect: typeof frame) => Number(rect.getAttribute('x')) + Number(rect.getAttribute('width'));
    expect(right(strip)).toBeCloseTo(right(frame), 1);
    expect(Number(strip.getAttribute('x'))).toBeGreaterThan(Number(frame.getAttribute('x')) + 50);
  });
});

describe('what is refused', () => {
  const wrong = <Input>(draw: (input: Input) => string, input: Input, changes: object) =>
    refusal(() => draw({ ...input, ...changes }));
  const level = { level: 0.95, method: 'bootstrap' };

  test.each([
    ['points', wrong(lossPlot, lossInput, { points: [] })],
    ['curve', wrong(lossPlot, lossInput, { curve: [] })],
    ['budgets', wrong(isoflopPlot, isoflopInput, { budgets: [] })],
    ['budgets[0].points', wrong(isoflopPlot, isoflopInput, { budgets: [{ flops: 1, points: [] }] })],
    ['methods', wrong(optimumPlot, optimumInput, { methods: [] })],
    ['methods[0].line', wrong(optimumPlot, optimumInput, { methods: [{ name: 'a', line: [] }] })],
    ['points', wrong(residualPlot, residualInput, { points: [] })],
    ['best', wrong(shapeRatioPlot, ratioInput, { best: [] })],
    ['segments', wrong(regionPlot, regionInput, { segments: [] })],
    ['segments[0]', wrong(regionPlot, regionInput, { segments: [[]] })],
    ['points', wrong(profilePlot, profileInput, { points: [] })],
  ])('no %s', (where, { code, message }) => {
    expect(code).toBe('bad-usage');
    expect(message).toBe(`${where} is empty: there is nothing to draw`);
  });

  test.each([
    ['points[0].loss is -1', wrong(lossPlot, lossInput, { points: [{ x: 1, loss: -1, inFit: true }] })],
    ['curve[1].x is 0', wrong(lossPlot, lossInput, { curve: [...lossInput.curve, { x: 0, loss: 1 }] })],
    ['evidence[0] is 0', wrong(lossPlot, lossInput, { evidence: [0, 1] })],
    ['budgets[0].flops is 0', wrong(isoflopPlot, isoflopInput, { budgets: [{ flops: 0, points: [] }] })],
    ['points[0].x is 0', wrong(residualPlot, residualInput, { points: [{ x: 0, residual: 1, inFit: true }] })],
    ['breakpoints[0].at is -1', wrong(regionPlot, regionInput, { breakpoints: [{ at: -1 }] })],
    ['points[0].value is 0', wrong(profilePlot, profileInput, { points: [{ value: 0, deviance: 1 }], scale: 'log' })],
  ])('%s on a logarithmic axis', (what, { code, message }) => {
    expect(code).toBe('bad-usage');
    expect(message).toBe(`${what}; a logarithmic axis takes positive numbers`);
  });

  test.each([
    ['points[0].loss is NaN', wrong(lossPlot, lossInput, { points: [{ x: 1, loss: Number.NaN, inFit: true }] })],
    ['curve[0].mean[1] is Infinity', wrong(lossPlot, lossInput, { curve: [{ x: 1, loss: 1, mean: [1, Infinity] }] })],
    [
      'budgets[0].minimum.params is NaN',
      wrong(isoflopPlot, isoflopInput, {
        budgets: [{ ...isoflopInput.budgets[0], minimum: { params: Number.NaN, loss: 1 } }],
      }),
    ],
    ['points[0].residual is undefined', wrong(residualPlot, residualInput, { points: [{ x: 1 }] })],
    ['points[0].ratio is Infinity', wrong(shapeRatioPlot, ratioInput, { points: [{ params: 1, ratio: Infinity }] })],
    ['threshold is NaN', wrong(profilePlot, profileInput, { threshold: Number.NaN })],
    ['interval[0] is NaN', wrong(profilePlot, profileInput, { interval: [Number.NaN, null], intervals: level })],
  ])('%s', (what, { code, message }) => {
    expect(code).toBe('non-finite');
    expect(message).toBe(`${what}; a plot takes finite numbers`);
  });

  test.each([
    ['evidence goes from 2 down to 1', wrong(lossPlot, lossInput, { evidence: [2, 1] })],
    ['curve[0].newRun goes', wrong(lossPlot, lossInput, { curve: [{ x: 1, loss: 1, newRun: [2, 1] }] })],
    [
      'intervals of the mean are given without',
      wrong(lossPlot, lossInput, { curve: [{ x: 1, loss: 1, mean: [1, 2] }] }),
    ],
    [
      'intervals of the best ratio are given without',
      wrong(shapeRatioPlot, ratioInput, { best: [{ params: 1, ratio: 1, interval: [1, 2] }] }),
    ],
    [
      'intervals.level is 95',
      wrong(profilePlot, profileInput, { interval: [0, 1], intervals: { level: 95, method: 'profile' } }),
    ],
    ['two methods', wrong(optimumPlot, optimumInput, { methods: [...optimumInput.methods, ...optimumInput.methods] })],
    ['width is 100', wrong(profilePlot, profileInput, { width: 100 })],
    ['height is NaN', wrong(profilePlot, profileInput, { height: Number.NaN })],
    [
      '31 groups',
      wrong(residualPlot, residualInput, {
        points: Array.from({ length: 31 }, (_, k) => ({ x: 1, residual: 0, inFit: true, group: `${k}` })),
      }),
    ],
  ])('%s', (what, { code, message }) => {
    expect(code).toBe('bad-usage');
    expect(message).toContain(what);
  });
});

test('30 groups all look different', () => {
  const points = Array.from({ length: 30 }, (_, k) => ({ x: 1, residual: k, inFit: true, group: `${k}` }));
  const looks = layersOf(residualPlot({ points, xLabel: 'x' }), 'dot').map((layer) => {
    const shape = layer.getElementsByTagName('*')[0]!;
    return `${layer.getAttribute('fill')} ${shape.getAttribute('d') ?? shape.tagName}`;
  });
  // A layer and a key each.
  expect(looks).toHaveLength(60);
  expect(new Set(looks).size).toBe(30);
});
