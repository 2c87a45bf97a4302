//! The format `grafana`.
