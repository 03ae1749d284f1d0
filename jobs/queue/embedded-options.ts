/** One session and a few thousand small rows: what a server sets aside would be 120 MB for nothing. */
export const POSTGRES_CONF = [
  'shared_buffers = 8MB',
  'wal_buffers = 1MB',
  'maintenance_work_mem = 16MB',
  'max_connections = 5',
];
