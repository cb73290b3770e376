/** What all pages have around them: the head and the way to the others. The build puts it around the contents in `pages/`. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { en } from './texts/en.js';

/** A page. */
interface PageFrame {
  /** Of its file in `pages/`, and of the page. */
  readonly name: string;
  /** What it is called, and where that stands in the texts. */
  readonly title: string;
  readonly key: string;
  /** What leads to it, where that is called otherwise. */
  readonly link?: readonly [title: string, key: string];
  /** Whether it takes all of the window's width. */
  readonly isWide?: boolean;
}

const PAGES: readonly PageFrame[] = [
  { name: 'index', title: en.nav.heartRate, key: 'nav.heartRate' },
  { name: 'live', title: en.wall.title, key: 'wall.title', isWide: true },
  { name: 'import', title: en.import.title, key: 'import.title', link: [en.nav.addFiles, 'nav.addFiles'] },
  { name: 'live-device', title: en.device.title, key: 'device.title', link: [en.nav.liveDevice, 'nav.liveDevice'] },
  { name: 'status', title: en.nav.status, key: 'nav.status' },
];

/** Links to all pages, each in a line. @param current - the name of the page that they are on. */
export function pageLinks(current?: string): readonly string[] {
  return PAGES.map(({ name, title, key, link = [title, key] }) => {
    const mark = name === current ? ' aria-current="page"' : '';
    return `<a href="${name === 'index' ? './' : name}"${mark} data-text="${link[1]}">${link[0]}</a>`;
  });
}

/** Writes the pages. @param options.to - a directory, by URL. */
export function writePages({ to }: { readonly to: URL }): void {
  mkdirSync(to, { recursive: true });
  for (const page of PAGES) {
    const content = readFileSync(new URL(`pages/${page.name}.html`, import.meta.url), 'utf8');
    writeFileSync(new URL(`${page.name}.html`, to), framed(page, content));
  }
}

function framed({ name, title, key, isWide = false }: PageFrame, content: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title data-text="${key}">${title}</title>
    <link rel="icon" href="assets/icon.svg">
    <link rel="stylesheet" href="assets/style.css">
    <script type="module" src="assets/${name === 'index' ? 'dashboard' : name}.js"></script>
  </head>
  <body>
    <a class="skip" id="skip" href="#content" data-text="nav.skip">${en.nav.skip}</a>
    <header class="top">
      <p class="brand"><img src="assets/icon.svg" alt="" width="28" height="28"><span>Heart Rate Monitor</span></p>
      <nav aria-label="${en.nav.pages}" data-label="nav.pages">
        ${pageLinks(name).join('\n        ')}
        <a href="docs" data-text="nav.api">${en.nav.api}</a>
        <button type="button" id="sign-out" class="quiet" hidden data-text="nav.signOut">${en.nav.signOut}</button>
      </nav>
    </header>
    <main id="content" tabindex="-1"${isWide ? ' class="whole"' : ''}>
      <h1 data-text="${key}">${title}</h1>
      <section id="sign-in" hidden aria-labelledby="sign-in-title"></section>
${withoutTexts(content)
  .trimEnd()
  .replace(/^(?=.)/gm, '      ')}
    </main>
  </body>
</html>
`;
}

/** The texts of a page's contents are for who reads the sources: nobody sees the contents before the script has put its own there. */
function withoutTexts(content: string): string {
  return content
    .replace(/(data-text="[^"]+")>[^<]*/g, '$1>')
    .replace(/ (?:aria-label|placeholder)="[^"]*"(?= data-(?:label|hint))/g, '');
}
