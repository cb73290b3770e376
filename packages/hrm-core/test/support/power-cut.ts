/**
 * A small model of what survives a power cut, fed with calls as they begin and end.
 *
 * The strictest reading of POSIX that a file system may have: a file's bytes survive once a sync began after they were
 * written and ended; a directory's entry survives once a sync of that directory began after the entry was made and
 * ended. Until then the directory has, after the cut, the entries of its last sync.
 */
import assert from 'node:assert/strict';
import { basename, dirname, relative, sep } from 'node:path';

/** A call that matters to durability. */
export interface DurabilityEvent {
  readonly phase: 'begin' | 'end';
  readonly name: 'create' | 'write' | 'fsync' | 'link' | 'rename' | 'unlink' | 'mkdir';
  readonly path: string;
  /** The second path of `link` and `rename`. */
  readonly newPath?: string;
  /** Bytes written, at the end of `write`. */
  readonly count?: number;
}

interface FileNode {
  readonly kind: 'file';
  length: number;
  syncedLength: number;
}

interface DirectoryNode {
  readonly kind: 'directory';
  entries: Map<string, Node>;
  synced: Map<string, Node>;
}

type Node = FileNode | DirectoryNode;

/** The model of one tree. */
export interface PowerCutModel {
  apply(event: DurabilityEvent): void;
  /** Whether a file, whole, and every entry on the way to it would be there after a power cut now. */
  survives(path: string): boolean;
  /** How many events were about the tree; a test that recorded none has tested nothing. */
  events(): number;
}

/** A model of the tree under `root`, which is empty and durable at first. */
export function powerCutModel(root: string): PowerCutModel {
  const tree: DirectoryNode = { kind: 'directory', entries: new Map(), synced: new Map() };
  /** What a sync that has begun will have made durable when it ends; syncs of one path may overlap. */
  const syncing = new Map<string, (() => void)[]>();
  let count = 0;

  function find(path: string, which: 'entries' | 'synced'): Node | undefined {
    let node: Node | undefined = tree;
    for (const name of relative(root, path).split(sep).filter(Boolean)) {
      node = node?.kind === 'directory' ? node[which].get(name) : undefined;
    }
    return node;
  }

  function entriesAround(path: string): Map<string, Node> {
    const parent = find(dirname(path), 'entries');
    assert.ok(parent?.kind === 'directory', `${dirname(path)} is not a directory of the model`);
    return parent.entries;
  }

  function put(path: string, node: Node): void {
    entriesAround(path).set(basename(path), node);
  }

  function take(path: string): Node {
    const node = existing(path);
    entriesAround(path).delete(basename(path));
    return node;
  }

  function existing(path: string): Node {
    const node = find(path, 'entries');
    assert.ok(node, `${path} is not in the model`);
    return node;
  }

  function begin(event: DurabilityEvent): void {
    const node = find(event.path, 'entries');
    if (event.name === 'fsync' && node) {
      const waiting = syncing.get(event.path) ?? [];
      waiting.push(promiseOf(node));
      syncing.set(event.path, waiting);
    }
    const isPublished = event.newPath?.endsWith('.parquet') && dirname(event.path) !== dirname(event.newPath);
    if ((event.name === 'link' || event.name === 'rename') && isPublished) {
      assert.ok(
        node?.kind === 'file' && node.syncedLength === node.length,
        `${event.newPath} is visible before its sync`,
      );
    }
  }

  function end(event: DurabilityEvent): void {
    const { path, newPath = '' } = event;
    switch (event.name) {
      case 'create':
        put(path, { kind: 'file', length: 0, syncedLength: 0 });
        break;
      case 'mkdir':
        put(path, { kind: 'directory', entries: new Map(), synced: new Map() });
        break;
      case 'unlink':
        take(path);
        break;
      case 'rename':
        put(newPath, take(path));
        break;
      case 'link':
        put(newPath, existing(path));
        break;
      case 'write': {
        const node = existing(path);
        if (node.kind === 'file') node.length += event.count ?? 0;
        break;
      }
      case 'fsync':
        syncing.get(path)?.shift()?.();
    }
  }

  return {
    apply(event) {
      const isInside = [event.path, event.newPath ?? root].every((path) => !relative(root, path).startsWith('..'));
      if (!isInside) return;
      count += 1;
      if (event.phase === 'begin') begin(event);
      else end(event);
    },
    survives(path) {
      const node = find(path, 'synced');
      return node?.kind === 'file' && node.syncedLength === node.length && node.length > 0;
    },
    events: () => count,
  };
}

/** What a sync that begins now has made durable when it ends. */
function promiseOf(node: Node): () => void {
  if (node.kind === 'file') {
    const { length } = node;
    return () => {
      node.syncedLength = Math.max(node.syncedLength, length);
    };
  }
  const entries = new Map(node.entries);
  return () => {
    node.synced = entries;
  };
}
