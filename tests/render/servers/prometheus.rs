//! promtool judges rules and their tests.
