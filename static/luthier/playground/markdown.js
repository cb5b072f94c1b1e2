// An answer's Markdown as elements: a model's words are never trusted to be anything but text.

const TAGS = ["p", "br", "strong", "em", "del", "code", "pre", "blockquote", "ul", "ol", "li", "a", "hr", "table", "thead", "tbody", "tr", "th", "td"];
const RULES = { ALLOWED_TAGS: TAGS, ALLOWED_ATTR: ["href", "start"], ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i, RETURN_DOM_FRAGMENT: true };

/** Return the HTML of an answer: HTML in it is shown as it was written, a picture as its words, a heading as a bold line. */
export function htmlOf(marked, text) {
  const renderer = new marked.Renderer();
  renderer.html = ({ text: written }) => escaped(written);
  renderer.image = ({ raw }) => escaped(raw);
  renderer.heading = boldLine;
  return marked.parse(text, { renderer, gfm: true, breaks: true });
}

/** Return an answer as a fragment without anything that runs, loads or leads elsewhere unasked. */
export function elementsOf(marked, purify, text) {
  const fragment = purify.sanitize(htmlOf(marked, text), RULES);
  for (const link of fragment.querySelectorAll("a")) { link.rel = "noopener noreferrer"; link.target = "_blank"; }
  return fragment;
}

/** Mark the ranges [start, end] of an element's text. */
export function mark(element, ranges) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const nodes = [];
  for (let at = 0; walker.nextNode(); at += walker.currentNode.data.length) nodes.push({ node: walker.currentNode, at });
  for (const [start, end] of ranges.toReversed()) {
    for (const { node, at } of nodes) {
      const from = Math.max(0, start - at);
      const to = Math.min(node.data.length, end - at);
      if (from < to && node.data.slice(from, to).trim()) wrap(node, from, to);
    }
  }
}

function wrap(node, from, to) {
  const rest = node.splitText(from);
  rest.splitText(to - from);
  const found = document.createElement("mark");
  rest.replaceWith(found);
  found.append(rest);
}

function boldLine({ tokens }) {
  return `<p><strong>${this.parser.parseInline(tokens)}</strong></p>\n`;
}

function escaped(text) {
  return text.replace(/[&<>"]/g, (letter) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[letter]);
}
