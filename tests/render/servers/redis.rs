//! redis-server and redis-sentinel start from the rendered files.
