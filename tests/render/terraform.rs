//! The format `terraform`.
