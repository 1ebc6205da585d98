import * as Plot from '@observablehq/plot';
import type { Ends } from './check.js';
import { type Document, type Element, svgElement } from './document.js';
import type { Layer } from './layers.js';
import { ink } from './palette.js';
import type { AxisScale, Ticks } from './ticks.js';

/** Sides of the frame, in pixels from the upper left corner of the drawing. */
export interface Frame {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export interface DrawnAxis {
  readonly scale: AxisScale;
  readonly domain: Ends;
  readonly ticks: Ticks;
}

export interface Drawing {
  readonly document: Document;
  readonly width: number;
  readonly height: number;
  readonly frame: Frame;
  readonly x: DrawnAxis;
  readonly y: DrawnAxis;
  readonly layers: readonly Layer[];
  readonly keys: readonly Key[];
}

/** An entry's picture in the legend: its layers in small, left of a point. */
export interface Key {
  readonly layers: readonly Layer[];
  /** Left end and middle, in pixels from the upper left corner of the drawing. */
  readonly left: number;
  readonly middle: number;
}

export const keyWidth = 24;
export const tickFontSize = 11;

const pointRadius = 3.2;
const lineWidth = 1.75;
/** Wider than a line, on which an interval may lie. */
const barWidth = 3;
const dashes = '5,4';

/** Axes, grid, layers and the keys of the legend as an element of SVG. */
export function drawn({ document, width, height, frame, x, y, layers, keys }: Drawing): Element {
  const axis = ({ ticks }: DrawnAxis) => ({
    // Plot's own tickFormat would leave out some labels of a logarithmic axis.
    text: (value: number) => ticks.labels[ticks.values.indexOf(value)]!,
    label: null,
    tickSize: 4,
    fontSize: tickFontSize,
  });
  const svg: unknown = Plot.plot({
    // Plot takes any document that makes elements; its type asks for a page's.
    document: document as never,
    className: 'shapelaw-plot',
    width,
    height,
    marginLeft: frame.left,
    marginTop: frame.top,
    marginRight: width - frame.right,
    marginBottom: height - frame.bottom,
    x: { type: x.scale, domain: [...x.domain] },
    y: { type: y.scale, domain: [...y.domain] },
    marks: [
      Plot.gridX(x.ticks.values, { strokeOpacity: 0.1 }),
      Plot.gridY(y.ticks.values, { strokeOpacity: 0.1 }),
      layers.map(mark),
      Plot.frame({ stroke: ink, strokeOpacity: 0.5 }),
      Plot.axisX(x.ticks.values, axis(x)),
      Plot.axisY(y.ticks.values, axis(y)),
      keys.map((key) => key.layers.map((layer) => keyMark(layer, key, frame))),
    ],
  });
  return svg as Element;
}

function mark(layer: Layer): Plot.Markish {
  const { colour } = layer;
  switch (layer.kind) {
    case 'points':
      return Plot.dot(layer.rows, { x: 'x', y: 'y', ...pointLook(layer) });
    case 'line':
      return Plot.lineY(layer.rows, { x: 'x', y: 'y', ...lineLook(layer) });
    case 'band':
      return Plot.areaY(layer.rows, {
        x: 'x',
        y1: ({ ends }: { ends: Ends }) => ends[0],
        y2: ({ ends }: { ends: Ends }) => ends[1],
        fill: colour,
        fillOpacity: layer.opacity,
      });
    case 'bars': {
      const low = ({ ends }: { ends: Ends }) => ends[0];
      const high = ({ ends }: { ends: Ends }) => ends[1];
      const look = { stroke: colour, strokeWidth: barWidth, strokeOpacity: 0.8 };
      return layer.along === 'x'
        ? Plot.ruleY(layer.rows, { y: 'y', x1: low, x2: high, ...look })
        : Plot.ruleX(layer.rows, { x: 'x', y1: low, y2: high, ...look });
    }
    case 'rule':
      return layer.of === 'x' ? Plot.ruleX([layer.at], lineLook(layer)) : Plot.ruleY([layer.at], lineLook(layer));
    case 'strip':
      return Plot.rect([layer.ends], { x1: '0', x2: '1', fill: colour, fillOpacity: layer.opacity });
  }
}

function pointLook(layer: Extract<Layer, { kind: 'points' }>) {
  const { colour, symbol, hollow } = layer;
  const symbolName = symbol === 'diamond' ? 'diamond2' : symbol;
  return hollow
    ? { r: pointRadius, symbol: symbolName, stroke: colour, strokeWidth: 1.2, fill: 'white' }
    : { r: pointRadius, symbol: symbolName, fill: colour, fillOpacity: 0.85 };
}

function lineLook({ colour, dashed }: { readonly colour: string; readonly dashed?: boolean }) {
  return { stroke: colour, strokeWidth: lineWidth, ...(dashed ? { strokeDasharray: dashes } : {}) };
}

function keyMark(layer: Layer, { left, middle }: Key, frame: Frame): Plot.Markish {
  if (layer.kind === 'points') {
    return Plot.dot([0], {
      frameAnchor: 'top-left',
      dx: left + keyWidth / 2 - frame.left,
      dy: middle - frame.top,
      ...pointLook(layer),
    });
  }
  return (_index, _scales, _values, _dimensions, context) =>
    keyShape(layer, left, middle, (context as unknown as { document: Document }).document) as unknown as SVGElement;
}

type SVGElement = ReturnType<Plot.RenderFunction>;

function keyShape(layer: Exclude<Layer, { kind: 'points' }>, left: number, middle: number, document: Document) {
  if (layer.kind === 'band' || layer.kind === 'strip') {
    return svgElement(document, 'rect', {
      x: left,
      y: middle - 6,
      width: keyWidth,
      height: 12,
      fill: layer.colour,
      'fill-opacity': layer.opacity,
    });
  }
  const upright = (layer.kind === 'bars' && layer.along === 'y') || (layer.kind === 'rule' && layer.of === 'x');
  const centre = left + keyWidth / 2;
  return svgElement(document, 'path', {
    d: upright ? `M${centre},${middle - 7}V${middle + 7}` : `M${left},${middle}H${left + keyWidth}`,
    stroke: layer.colour,
    'stroke-width': layer.kind === 'bars' ? barWidth : lineWidth,
    ...('dashed' in layer && layer.dashed ? { 'stroke-dasharray': dashes } : {}),
  });
}

/**
 * Colours for things in an order, such as budgets: Viridis (van der Walt and Smith 2015), which people with any colour vision
 * read as an order, without its pale end.
 */
export function orderedColours(count: number): string[] {
  const { apply } = Plot.scale({ color: { type: 'linear', scheme: 'viridis', domain: [0, 1] } });
  return Array.from({ length: count }, (_, k) => apply(count === 1 ? 0.3 : (0.85 * k) / (count - 1)) as string);
}
