import { ShapelawError } from '../errors.js';
import type { Ends } from './check.js';
import { type Document, drawingDocument, type Element, setAttributes, svgElement, svgText } from './document.js';
import { domainOf, type Layer, withinFrame } from './layers.js';
import { legend } from './legend.js';
import { type DrawnAxis, drawn, type Frame, tickFontSize } from './marks.js';
import { ink, muted } from './palette.js';
import { lineHeight, textSize, textWidth, wrapped } from './text.js';
import { type AxisScale, ticksOf } from './ticks.js';

/** What every plot takes beside its data. */
export interface PlotOptions {
  readonly title?: string;
  /** A second line, such as the law's formula or where the data come from. */
  readonly subtitle?: string;
  /** Width in pixels, 320 to 4000. Defaults to 720. */
  readonly width?: number;
  /** Height of the frame in pixels, 120 to 4000; title, legend and axes come on top. Defaults to 340. */
  readonly height?: number;
}

export interface Axis {
  /** What it shows, with the unit. */
  readonly label: string;
  readonly scale: AxisScale;
}

const fontFamily = 'Helvetica, Arial, sans-serif';
const margin = 14;
const titleSize = 15;
/** Width of bold text over that of plain text, about. */
const boldness = 1.1;

interface TextLine {
  readonly text: string;
  readonly x: number;
  readonly baseline: number;
  readonly size: number;
  readonly fill: string;
  readonly weight?: 'bold';
  readonly anchor?: 'middle';
}

/**
 * A plot as the text of an SVG file: title, subtitle, legend, the name of the y axis, the frame, the name of the x axis.
 *
 * @throws ShapelawError `bad-usage` for a size out of range.
 */
export function figure(x: Axis, y: Axis, layers: readonly Layer[], options: PlotOptions): string {
  const width = requireSize('width', options.width ?? 720, 320);
  const frameHeight = requireSize('height', options.height ?? 340, 120);
  const xDomain = domainOf(layers, 'x', x.scale);
  const yDomain = domainOf(layers, 'y', y.scale);
  const shown = withinFrame(layers, xDomain);

  const lines: TextLine[] = [];
  let top = margin;
  const write = (text: string, style: Omit<TextLine, 'text' | 'x' | 'baseline'>) => {
    for (const line of wrapped(text, style.size, (width - 2 * margin) / (style.weight === 'bold' ? boldness : 1))) {
      const x = style.anchor === 'middle' ? width / 2 : margin;
      lines.push({ text: line, x, baseline: top + 0.8 * style.size, ...style });
      top += lineHeight * style.size;
    }
  };
  write(options.title ?? '', { size: titleSize, fill: ink, weight: 'bold' });
  write(options.subtitle ?? '', { size: textSize, fill: muted });
  const { keys, texts, bottom } = legend(shown, { left: margin, right: width - margin, top: top + 4 });
  lines.push(...texts.map((text) => ({ ...text, size: textSize, fill: ink })));
  top = bottom + 8;
  write(y.label, { size: textSize, fill: ink });

  const yAxis = axisOf(y, yDomain, Math.floor(frameHeight / 36));
  const left = margin + 10 + Math.max(...yAxis.ticks.labels.map((label) => textWidth(label, tickFontSize)));
  const right = width - margin - 10;
  const frame: Frame = { left, top: top + 4, right, bottom: top + 4 + frameHeight };
  const xAxis = axisOf(x, xDomain, Math.floor((right - left) / 56));
  top = frame.bottom + 28;
  write(x.label, { size: textSize, fill: ink, anchor: 'middle' });
  const height = Math.ceil(top + margin / 2);

  const document = drawingDocument();
  const svg = drawn({ document, width, height, frame, x: xAxis, y: yAxis, layers: shown, keys });
  const name = options.title || `${y.label} against ${x.label}`;
  complete(svg, document, name, lines);
  return svgText(svg);
}

/** Puts a white ground under what was drawn and the texts over it, and says to a screen reader what it is. */
function complete(svg: Element, document: Document, name: string, lines: readonly TextLine[]): void {
  const ground = svgElement(document, 'rect', { width: '100%', height: '100%', fill: 'white' });
  const style = svg.getElementsByTagName('style')[0];
  // Plot's style sheet is for a page that resizes its plots.
  if (style !== undefined) svg.removeChild(style);
  svg.insertBefore(ground, svg.firstChild);
  for (const { text, x, baseline, size, fill, weight, anchor } of lines) {
    const attributes = {
      x,
      y: baseline,
      'font-size': size,
      fill,
      'text-anchor': anchor ?? 'start',
      ...(weight === undefined ? {} : { 'font-weight': weight }),
    };
    svg.appendChild(svgElement(document, 'text', attributes, text));
  }
  setAttributes(svg, { role: 'img', 'aria-label': name, 'font-family': fontFamily, fill: ink, color: ink });
}

function axisOf({ scale }: Axis, domain: Ends, most: number): DrawnAxis {
  return { scale, domain, ticks: ticksOf(domain, scale, Math.max(2, most)) };
}

function requireSize(name: string, pixels: number, least: number): number {
  if (!(pixels >= least && pixels <= 4000)) {
    throw new ShapelawError('bad-usage', `${name} is ${pixels}; it is a number of pixels from ${least} to 4000`, {
      where: name,
      value: pixels,
    });
  }
  return pixels;
}
