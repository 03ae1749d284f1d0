import type { Statement } from '../contract/warehouse.ts';

/** A statement without parameters. */
export const plain = (sql: string): Statement => ({ sql, params: [] });
