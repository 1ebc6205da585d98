import { DOMImplementation, type Document, type Element, XMLSerializer } from '@xmldom/xmldom';

export type { Document, Element };

const svgNamespace = 'http://www.w3.org/2000/svg';

/**
 * A document of XML to draw in, the same in a browser as elsewhere; the page's own is left alone. A plot has the same bits in
 * both, but for half a pixel by which Plot moves some marks on screens of one device pixel to a pixel of CSS.
 */
export function drawingDocument(): Document {
  return new DOMImplementation().createDocument(svgNamespace, 'svg');
}

/** An element of SVG with its attributes and, if any, its text. */
export function svgElement(document: Document, name: string, attributes: Attributes, text?: string): Element {
  const element = document.createElementNS(svgNamespace, name);
  setAttributes(element, attributes);
  if (text !== undefined) element.textContent = printable(text);
  return element;
}

export type Attributes = Readonly<Record<string, string | number>>;

export function setAttributes(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, printable(String(value)));
}

/**
 * An SVG file's text, an element a line. Coordinates are rounded to hundredths of a pixel: the last bits of a logarithm differ
 * from one JavaScript engine to the next.
 */
export function svgText(root: Element): string {
  roundCoordinates(root);
  // Texts and attributes hold no `<`, so that these two meet only between elements.
  return `${new XMLSerializer().serializeToString(root).replaceAll('><', '>\n<')}\n`;
}

/** Attributes that hold coordinates as Plot and this folder write them. */
const coordinates = ['d', 'transform', 'x', 'y', 'x1', 'x2', 'y1', 'y2', 'cx', 'cy', 'width', 'height'];
const decimalNumber = /-?\d+\.\d+(?:e-?\d+)?(?!\d|em)/g;

function roundCoordinates(element: Element): void {
  for (const name of coordinates) {
    const value = element.getAttribute(name);
    if (value !== null)
      element.setAttribute(
        name,
        value.replace(decimalNumber, (number) => `${rounded(number)}`),
      );
  }
  for (let child = element.firstChild; child !== null; child = child.nextSibling) {
    if (child.nodeType === child.ELEMENT_NODE) roundCoordinates(child as Element);
  }
}

/** To hundredths, without a negative zero. */
const rounded = (number: string) => Math.round(100 * Number(number)) / 100 + 0;

/** Text with what XML can't hold (control characters, halves of surrogate pairs) shown as U+FFFD. */
function printable(text: string): string {
  return text.replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\ufffd');
}
