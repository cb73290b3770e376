/**
 * Tells of a regular expression whether a backtracking engine may need more than linear time for some text. A check of its own:
 * the packages for it bring a binary for each platform, or look for one repeated character only.
 *
 * The expression is refused where one word leads from a place p back to p, from p to q, and from q back to q. Repeated, that
 * word can be split between the two at any point, and where the match fails every split is tried. A search that begins anew
 * at each character is such a p, too. Where a match is sure behind q, nothing is tried again.
 * @see Weideman et al., "Analyzing Matching Time Behavior of Backtracking Regular Expression Matchers", 2016
 */
import { type AST, RegExpParser } from '@eslint-community/regexpp';

/** Repetitions from here on are taken for endless: 1,000 after 1,000 are a million steps. */
const ENDLESS = 1_000;

/** So many copies stand for a repetition that ends. */
const MAX_COPIES = 3;

/** Characters that classes are told apart by, besides those in the expression. */
const LETTERS = 'abfzAFTZ019_ -./:%"\'\\=;,&#?@[]{}()*+~`<>|$^!\n\r\t\0\u00e9\u00ad\u2028\u4e00\ud83d\udc00';

/** A way from node to node that takes no character: `sure` for any text, `start` only at the text's beginning. */
interface Step {
  readonly to: Node;
  readonly kind: 'sure' | 'start' | 'perhaps';
}

interface Node {
  readonly steps: Step[];
  /** The character that leads on from here, if one does. */
  leaf: Leaf | null;
}

/** A character of the expression. */
interface Leaf {
  /** A bit for each letter that it takes. */
  readonly takes: bigint;
  readonly to: Node;
  /** What may come next; twice where there are two ways to it. */
  next: readonly Leaf[];
}

/** Why the expression is refused; `null`: its time is linear. */
export function superLinear(pattern: RegExp): string | null {
  const { source, flags } = pattern;
  const parsed = new RegExpParser().parsePattern(source, 0, source.length, flags.includes('u'));
  const unread = unreadable(parsed);
  if (unread !== null) return unread;
  const { leaves, end } = toLeaves(parsed, pattern);
  const cycles = new Map(leaves.map((leaf) => [leaf, cycleOf(leaf)]));
  const looping = leaves.filter((leaf) => cycles.get(leaf)?.has(leaf));
  for (const q of looping) {
    if (isSure(q.to, end)) continue;
    const ofQ = cycles.get(q) as ReadonlySet<Leaf>;
    if (hasTwoWays(q, ofQ)) return 'a repetition can take the same text in two ways';
    for (const p of looping) {
      if (p !== q && meet(p, q, cycles.get(p) as ReadonlySet<Leaf>, ofQ))
        return 'two repetitions can take the same text';
    }
  }
  return null;
}

/** What the automaton does not show: references back, endless repetitions of nothing, and such in a look to the side. */
function unreadable(node: AST.Node): string | null {
  if (node.type === 'Backreference') return 'it refers to what it has matched';
  if (node.type === 'Assertion' && (node.kind === 'lookahead' || node.kind === 'lookbehind')) {
    return /[*+]|,\}/.test(node.raw.replaceAll(/\\.|\[[^\]]*\]/g, ''))
      ? 'it repeats something while it looks aside'
      : null;
  }
  if (node.type === 'Quantifier') {
    const isNothing = node.max >= ENDLESS && new RegExp(`^(?:${node.element.raw})$`).test('');
    return isNothing ? 'it repeats what may be nothing' : unreadable(node.element);
  }
  if ('alternatives' in node) {
    for (const part of node.alternatives) {
      const why = unreadable(part as AST.Node);
      if (why !== null) return why;
    }
  }
  if (node.type === 'Alternative') return node.elements.map(unreadable).find((why) => why !== null) ?? null;
  return null;
}

/** The characters of an expression and what follows what. */
function toLeaves({ alternatives }: AST.Pattern, { source, flags }: RegExp): { leaves: readonly Leaf[]; end: Node } {
  const letters = [...new Set([...LETTERS, ...source])];
  const isByLine = flags.includes('m');
  const leaves: Leaf[] = [];

  function addLeaf(from: Node, takes: bigint): Node {
    const to = newNode();
    from.leaf = { takes, to, next: [] };
    leaves.push(from.leaf);
    return to;
  }

  function choose(all: readonly AST.Alternative[], from: Node): Node {
    const to = newNode();
    for (const { elements } of all) step(elements.reduce(follow, step(from, newNode())), to);
    return to;
  }

  /** The node behind `element`. */
  function follow(from: Node, element: AST.Element): Node {
    if (element.type === 'Group' || element.type === 'CapturingGroup') return choose(element.alternatives, from);
    if (element.type === 'Quantifier') return repeat(from, element);
    if (element.type === 'Assertion') {
      // Behind the end of a text comes nothing.
      if (element.kind === 'end' && !isByLine) return newNode();
      return step(from, newNode(), element.kind === 'start' && !isByLine ? 'start' : 'perhaps');
    }
    const one = new RegExp(`^(?:${element.raw})$`, flags.replaceAll(/[gy]/g, ''));
    return addLeaf(
      step(from, newNode()),
      bitsOf(letters, (letter) => one.test(letter)),
    );
  }

  function repeat(from: Node, { min, max, element }: AST.Quantifier): Node {
    let here = from;
    for (let i = 0; i < Math.min(min, MAX_COPIES); i += 1) here = follow(here, element);
    if (max >= ENDLESS) {
      const loop = step(here, newNode());
      step(follow(loop, element), loop);
      return step(loop, newNode());
    }
    const to = step(here, newNode());
    for (let i = min; i < Math.min(max, min + MAX_COPIES); i += 1) {
      here = follow(here, element);
      step(here, to);
    }
    return to;
  }

  const start = newNode();
  const end = choose(alternatives, start);
  const search = newNode();
  for (const leaf of leaves) leaf.next = leavesBehind(leaf.to, false);
  if (!flags.includes('y')) {
    addLeaf(
      search,
      bitsOf(letters, () => true),
    );
    const leaf = search.leaf as unknown as Leaf;
    leaf.next = [leaf, ...leavesBehind(start, false)];
  }
  return { leaves, end };
}

function bitsOf(letters: readonly string[], isTaken: (letter: string) => boolean): bigint {
  return letters.reduce((bits, letter, i) => (isTaken(letter) ? bits | (1n << BigInt(i)) : bits), 0n);
}

function newNode(): Node {
  return { steps: [], leaf: null };
}

function step(from: Node, to: Node, kind: Step['kind'] = 'sure'): Node {
  from.steps.push({ to, kind });
  return to;
}

/** The characters that may come behind a node, once for each way. */
function leavesBehind(node: Node, isAtStart: boolean, way: ReadonlySet<Node> = new Set()): Leaf[] {
  if (way.has(node)) return [];
  const longer = new Set([...way, node]);
  const own = node.leaf === null ? [] : [node.leaf];
  const steps = node.steps.filter(({ kind }) => isAtStart || kind !== 'start');
  return [...own, ...steps.flatMap(({ to }) => leavesBehind(to, isAtStart, longer))];
}

/** Whether a match is sure from a node on. */
function isSure(node: Node, end: Node, seen: Set<Node> = new Set()): boolean {
  if (node === end) return true;
  if (seen.has(node)) return false;
  seen.add(node);
  return node.steps.some(({ to, kind }) => kind === 'sure' && isSure(to, end, seen));
}

/** The leaves that lie on a way from `leaf` back to it; none where there is no such way. */
function cycleOf(leaf: Leaf): ReadonlySet<Leaf> {
  const ahead = reach(leaf);
  return new Set([...ahead].filter((one) => reach(one).has(leaf)));
}

function reach(from: Leaf): ReadonlySet<Leaf> {
  const found = new Set<Leaf>(from.next);
  for (const leaf of found) for (const next of leaf.next) found.add(next);
  return found;
}

type Pair = readonly [Leaf, Leaf];
type Triple = readonly [Leaf, Leaf, Leaf];

/** Whether one word leads from `q` to `q` in two ways. */
function hasTwoWays(q: Leaf, cycle: ReadonlySet<Leaf>): boolean {
  const among = (leaf: Leaf) => leaf.next.filter((one) => cycle.has(one));
  if ([...cycle].some((leaf) => new Set(among(leaf)).size < among(leaf).length)) return true;
  const onward = ([a, b]: Pair) => pairs(among(a), among(b));
  const apart = walk<Pair>([[q, q]], onward).filter(([a, b]) => a !== b);
  return apart.some((from) => walk<Pair>([from], onward).some(([a, b]) => a === q && b === q));
}

/** Whether one word leads from `p` to `p`, from `p` to `q` and from `q` to `q`. */
function meet(p: Leaf, q: Leaf, ofP: ReadonlySet<Leaf>, ofQ: ReadonlySet<Leaf>): boolean {
  const among = (leaf: Leaf, cycle: ReadonlySet<Leaf>) => leaf.next.filter((one) => cycle.has(one));
  const found = walk<Triple>([[p, p, q]], ([x, y, z]) =>
    pairs(among(x, ofP), y.next).flatMap(([a, b]) =>
      among(z, ofQ)
        .filter((c) => share(a, b, c))
        .map((c): Triple => [a, b, c]),
    ),
  );
  return found.some(([x, y, z]) => x === p && y === q && z === q);
}

function pairs(some: readonly Leaf[], others: readonly Leaf[]): Pair[] {
  return some.flatMap((a) => others.filter((b) => share(a, b)).map((b): Pair => [a, b]));
}

/** Whether there is a letter that all take. */
function share(a: Leaf, b: Leaf, c: Leaf = b): boolean {
  return (a.takes & b.takes & c.takes) !== 0n;
}

const numbers = new WeakMap<Leaf, number>();
let lastNumber = 0;

function numberOf(leaf: Leaf): number {
  const known = numbers.get(leaf);
  if (known !== undefined) return known;
  lastNumber += 1;
  numbers.set(leaf, lastNumber);
  return lastNumber;
}

/** Everything that is reached from `starts` in one step or more. */
function walk<Tuple extends readonly Leaf[]>(starts: readonly Tuple[], onward: (from: Tuple) => Tuple[]): Tuple[] {
  const found = new Map<string, Tuple>();
  const open = [...starts];
  for (let from = open.pop(); from !== undefined; from = open.pop()) {
    for (const to of onward(from)) {
      const key = to.map(numberOf).join();
      if (!found.has(key)) open.push(to);
      found.set(key, to);
    }
  }
  return [...found.values()];
}
