//! The format `compose`.
