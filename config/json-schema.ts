import { z } from 'zod';
import { CONNECTION_NAME, connectionSettings, generalSettings, OWN_FILE } from './schema.ts';
import type { Registries } from './types.ts';

type Node = Record<string, unknown>;

/** Any text with a reference in it: what it stands for is checked when the configuration is loaded. */
const REFERENCE = { type: 'string', pattern: '\\$\\{' };
const CONSTRAINTS = ['type', 'enum', 'format', 'pattern', 'minimum', 'maximum', 'exclusiveMinimum'];

/** Lets a reference stand where the schema asks for more than text. Descriptions and defaults stay outside. */
function allowReference(node: Node): void {
  const scalar = ['number', 'integer', 'boolean'].includes(String(node.type)) && !('const' in node);
  if (!scalar && !('enum' in node || 'format' in node || 'pattern' in node)) return;
  const constraints: Node = {};
  for (const key of CONSTRAINTS.filter((constraint) => constraint in node)) {
    constraints[key] = node[key];
    delete node[key];
  }
  node.anyOf = [constraints, REFERENCE];
}

function toNode(schema: z.ZodType): Node {
  const { $schema: _, ...node } = z.toJSONSchema(schema, {
    target: 'draft-07',
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      // The marks are for the loader; an editor is told of a secret in words.
      const free: Node = jsonSchema;
      if (free.secret === true)
        free.description = `${free.description ?? 'Secret'} (a secret: \${NAME} or \${file:path})`;
      if (free.secret === true) free.pattern = REFERENCE.pattern;
      else allowReference(free);
      for (const mark of ['secret', 'redact', 'path']) delete free[mark];
      if (free.type === 'object' && 'properties' in free) free.additionalProperties ??= false;
    },
  });
  return node;
}

function propertiesOf(node: Node): Node {
  return { ...(typeof node.properties === 'object' ? node.properties : {}) };
}

const requiredOf = (node: Node): unknown[] => (Array.isArray(node.required) ? node.required : []);

/** One variant of a choice: the key that names it, its own options, and the settings that all variants share. */
function variant(key: string, name: string, parts: readonly Node[]): Node {
  return {
    title: name,
    type: 'object',
    properties: { [key]: { const: name }, ...Object.assign({}, ...parts.map(propertiesOf)) },
    required: [key, ...parts.flatMap(requiredOf)],
    additionalProperties: false,
  };
}

/** A connection whose source is a file: only that file knows its options, so that any are accepted here. */
function ownVariant(): Node {
  const settings = toNode(connectionSettings({ id: '', limits: { list: 0, get: 0, search: 0, write: 0 } }));
  const source = { type: 'string', pattern: OWN_FILE.source, description: 'File of a source of your own' };
  const { properties, required } = variant('source', 'own', [settings]);
  return { title: 'own source', type: 'object', properties: { ...Object(properties), source }, required };
}

/** The JSON Schema of the configuration, for editors. Each source and each warehouse is a variant of its own. */
export function jsonSchema({ sources, warehouses }: Registries): Node {
  const general = toNode(generalSettings);
  const stores = Object.values(warehouses).map(({ name, options }) => variant('type', name, [toNode(options)]));
  const accounts = Object.values(sources).map((source) =>
    variant('source', source.name, [toNode(source.options), toNode(connectionSettings(source))]),
  );
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Rollcall configuration',
    type: 'object',
    properties: {
      warehouse: { description: 'Where the tables live', oneOf: stores },
      ...propertiesOf(general),
      connections: {
        description: 'The accounts to read, by name; the name is the first half of every key',
        type: 'object',
        propertyNames: { pattern: CONNECTION_NAME.source },
        additionalProperties: { oneOf: [...accounts, ownVariant()] },
      },
    },
    required: ['warehouse', 'connections', ...requiredOf(general)],
    additionalProperties: false,
  };
}

/** The same as the text of the checked-in file. */
export function jsonSchemaText(registries: Registries): string {
  return `${JSON.stringify(jsonSchema(registries), null, 2)}\n`;
}
