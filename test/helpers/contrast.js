// Runs in a page, which a test gives this file's text to: texts that are hard to read.

// Of every text that is shown, whose contrast to what is behind it is below 4.5 (WCAG 2.2, 1.4.3).
export function faintTexts() {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 1;
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  // Whatever way a colour is written in: painted over those below it, and read back.
  const paint = (colors) => {
    pen.clearRect(0, 0, 1, 1);
    for (const color of colors) {
      pen.fillStyle = color;
      pen.fillRect(0, 0, 1, 1);
    }
    return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (color) => {
    const [r, g, b] = color
      .map((c) => c / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const own = node.parentElement;
    if (node.data.trim() === '' || own.closest('title, script, option') !== null) continue;
    if (!own.checkVisibility()) continue;
    const isSvg = own instanceof SVGElement;
    const grounds = [];
    for (let e = own; e !== null; e = e.parentElement) {
      const style = getComputedStyle(e);
      grounds.unshift(style.backgroundColor);
      const bar =
        style.backgroundImage === 'none' ? null : style.backgroundImage.match(/(rgb|color)[^)]*\)/);
      if (bar !== null && bar !== undefined) grounds.splice(1, 0, bar[0]);
    }
    if (isSvg) {
      const box = own.closest('g.box')?.querySelector('rect');
      const ground = box ?? own.ownerSVGElement.querySelector('rect.paper');
      grounds.push(getComputedStyle(ground).fill);
    }
    const behind = paint(grounds);
    const style = getComputedStyle(own);
    const ink = paint([...grounds, isSvg ? style.fill : style.color]);
    const [a, b] = [light(ink), light(behind)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5)
      found.add(
        own.tagName +
          '.' +
          (own.getAttribute('class') ?? '') +
          ' ' +
          ratio.toFixed(2) +
          ' ' +
          node.data.trim().slice(0, 30),
      );
  }
  return [...found].slice(0, 10);
}
