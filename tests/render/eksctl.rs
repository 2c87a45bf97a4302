//! The format `eksctl`.
