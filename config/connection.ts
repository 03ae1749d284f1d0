import type { Source } from '../src/contract/source.ts';
import { guardOwn } from '../src/sources/registry.ts';
import { check } from './checker.ts';
import { choose } from './choice.ts';
import { freezeDeep } from './freeze.ts';
import { type Inspection, isMapping, report } from './inspection.ts';
import type { OwnSources } from './own-sources.ts';
import { CONNECTION_NAME, connectionSettings, type SourceFacts } from './schema.ts';
import type { Connection } from './types.ts';

/** Lets the settings be checked of a connection whose source is not known. */
const NO_SOURCE: SourceFacts = { id: '', limits: { list: 0, get: 0, search: 0, write: 0 } };

/** The sources that a connection may name, and the files that some name instead. */
interface Sources {
  readonly sources: Readonly<Record<string, Source>>;
  readonly own: OwnSources;
}

/** The sources that this connection may name: its own file is one of them, unless something is wrong with that. */
function namable(inspection: Inspection, { sources, own }: Sources, name: string, value: unknown): Sources['sources'] {
  const written = isMapping(value) ? value.source : undefined;
  const found = typeof written === 'string' ? own.get(written) : undefined;
  if (typeof written !== 'string' || found === undefined) return sources;
  const problem =
    'problem' in found
      ? found.problem
      : Object.hasOwn(sources, found.source.name)
        ? `${written} calls its source ${found.source.name}, which is a name of Rollcall's own`
        : null;
  if (problem === null && 'source' in found) {
    return { ...sources, [written]: guardOwn(found.source, { file: written, connection: name }) };
  }
  report(inspection, ['connections', name, 'source'], `${problem}; docs/sources/own.md shows a whole example`);
  return sources;
}

function readConnection(
  inspection: Inspection,
  sources: Sources,
  { name, value }: { name: string; value: unknown },
): Connection | undefined {
  const path = ['connections', name];
  const choice = choose(inspection, namable(inspection, sources, name, value), { value, path, key: 'source' });
  if (choice === undefined) return undefined;
  const { chosen: source, rest } = choice;
  const schema = connectionSettings(source ?? NO_SOURCE);
  const ours = Object.entries(rest).filter(([key]) => Object.hasOwn(schema.shape, key));
  const own = Object.entries(rest).filter(([key]) => !Object.hasOwn(schema.shape, key));
  const neighbours = ['source', ...Object.keys(schema.shape)];
  const options =
    source === undefined
      ? undefined
      : check(inspection, source.options, { value: Object.fromEntries(own), path, neighbours });
  const settings = check(inspection, schema, { value: Object.fromEntries(ours), path });
  if (source === undefined || settings === undefined) return undefined;
  return Object.freeze({ name, source, options: freezeDeep(options), ...freezeDeep(settings) });
}

/** Reads every connection; those with a problem are left out, their problems are in the inspection. */
export function readConnections(inspection: Inspection, sources: Sources, value: unknown): Map<string, Connection> {
  const connections = new Map<string, Connection>();
  if (!isMapping(value)) {
    const what = value === undefined ? 'is missing' : value === null ? 'is empty' : 'must be a mapping';
    report(inspection, ['connections'], `${what}: write one key for each connection, or {} for none`);
    return connections;
  }
  for (const [name, settings] of Object.entries(value)) {
    if (!CONNECTION_NAME.test(name)) {
      const rule = 'a small letter, then up to 39 small letters, digits and underscores';
      // Not by `report`: the settings under the name can be checked all the same.
      const message = `is no name for a connection: write ${rule}`;
      inspection.problems.push({ path: ['connections', name], message });
    }
    const connection = readConnection(inspection, sources, { name, value: settings });
    if (connection !== undefined) connections.set(name, connection);
  }
  return connections;
}
